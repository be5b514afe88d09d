//! Locks from the command line.

use std::io::{BufRead, BufReader};

use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};

use crate::fake;
use crate::{baton, check, check_at, interrupt, transcript};

#[test]
fn a_command_runs_under_the_lock_and_gives_its_exit_code() {
    check(
        &[
            "lock",
            "stage",
            "--note",
            "tomo",
            "--",
            "sh",
            "-c",
            "echo measuring; exit 3",
        ],
        expect![[r#"
            measuring
            [exit 3]
        "#]],
    );
    let host = fake::start();
    let script = "echo $BATON_OWNER on $BATON_HOST";
    let child = baton(&host.address, &["lock", "stage", "--", "sh", "-c", script])
        .spawn()
        .unwrap();
    let told = transcript(child).replace(&host.address, "ADDRESS");
    assert_eq!(told, "c0ffee@ADDRESS on ADDRESS\n");
    // A command of ours acts in the same session by itself.
    let inner = env!("CARGO_BIN_EXE_baton");
    let child = baton(
        &host.address,
        &["lock", "stage", "--", inner, "set", "stage", "1 mm", "-v"],
    );
    let told = transcript({ child }.spawn().unwrap());
    assert!(
        told.contains(r#"_join t1 {"token":"c0ffee"}"#) && told.contains("stage.position 1.000 mm"),
        "{told}"
    );
}

#[test]
fn a_lock_of_another_is_waited_for_or_refused_with_its_own_exit_code() {
    check(
        &["lock", "shutter", "--", "echo", "never"],
        expect![[r#"
            ! error: shutter is locked by ann@lab2, for 3 min ("beam on") (IsBusy)
            [exit 73]
        "#]],
    );
    check(
        &["lock", "shutter", "--queue", "--", "echo", "now"],
        expect![[r#"
            now
        "#]],
    );
    check(
        &["lock", "shutter", "--wait", "1min", "--queue"],
        expect![[r#"
            ! error: the argument '--wait <DURATION>' cannot be used with '--queue'
            ! 
            ! Usage: baton lock --wait <DURATION> --host <ADDRESS> <TARGET>... [-- <COMMAND>...]
            ! 
            ! For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn a_lock_that_is_lost_is_told_and_the_command_goes_on() {
    let script = "read line; echo went on";
    let mut command = baton(&fake::start().address, &["lock", "pump", "--", "sh", "-c", script]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    let mut message = String::new();
    messages.read_line(&mut message).unwrap();
    assert_eq!(message, "error: pump: the lock was broken\n");
    drop(child.stdin.take());
    assert_eq!(transcript(child), "went on\n");
    // Without a command there is nothing to go on.
    check(
        &["lock", "pump"],
        expect![[r#"
            ! pump locked; Ctrl-C gives it back
            ! error: pump: the lock was broken
            [exit 1]
        "#]],
    );
    check(&["lock", "pump", "--for", "1s", "-q"], expect![[""]]);
}

#[test]
fn alone_it_holds_until_ctrl_c() {
    let mut child = baton(&fake::start().address, &["lock", "stage", "pump.flow", "--json"])
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    expect![[r#"
        {"schema":1,"targets":["stage","pump.flow"],"owner":{},"since":1700000000.25,"note":null,"lease":null}
    "#]]
    .assert_eq(&line);
    interrupt(&child);
    assert_eq!(transcript(child), "! stage, pump.flow locked; Ctrl-C gives it back\n");
}

#[test]
fn signals_go_to_the_command() {
    let script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = baton(&fake::start().address, &["lock", "stage", "--", "sh", "-c", script])
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(output.next().as_deref(), Some("ready"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(output.next().as_deref(), Some("told"));
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let ended_by_signal = baton(
        &fake::start().address,
        &["lock", "stage", "--", "sh", "-c", "kill -9 $$"],
    )
    .spawn();
    assert_eq!(ended_by_signal.unwrap().wait().unwrap().code(), Some(128 + 9));
    check(
        &["lock", "stage", "--", "/no/such/program"],
        expect![[r#"
            ! error: /no/such/program: No such file or directory (os error 2)
            [exit 127]
        "#]],
    );
}

#[test]
fn who_shows_what_keeps_whom_from_what() {
    let transcript = transcript(baton(&fake::start().address, &["who"]).spawn().unwrap());
    // How long somebody has waited depends on the day.
    let since = transcript.find("(claimed) (").map(|at| &transcript[at..]).unwrap();
    let since = &since[.."(claimed) (".len() + since["(claimed) (".len()..].find(')').unwrap()];
    expect![[r#"
        TARGET             KIND       ID  OWNER                        SINCE             NOTE     LEASE  RUNNING                 WAITING
        shutter pump.flow  lock       17  ann@lab2, scan.py, pid 4711  2023-11-14 22:13  beam on         write of shutter.state  ben@lab1 (claimed) (_)
        pump.rate          lock       19  ann@lab2, notebook, pid 9    2023-11-14 22:13
        gauge              protected  20  eve@lab1                     2023-11-14 22:13
    "#]]
    .assert_eq(&transcript.replace(since, "(claimed) (_"));
    check(
        &["who", "--json"],
        expect![[r#"
            {"schema":1,"holders":[{"kind":"lock","targets":["shutter","pump.flow"],"covers":["shutter","pump.flow"],"owner":{"id":17,"name":"ann@lab2, scan.py, pid 4711","user":null,"since":"2023-11-14T22:13:20.250000000Z"},"since":"2023-11-14T22:13:20.250000000Z","note":"beam on","lease":null,"running":["write of shutter.state"],"waiting":[{"owner":{"id":18,"name":"ben@lab1 (claimed)","user":null,"since":"2023-11-14T22:13:20.250000000Z"},"targets":["shutter"],"since":"2023-11-14T22:13:20.250000000Z","note":null}]},{"kind":"lock","targets":["pump.rate"],"covers":["pump.rate"],"owner":{"id":19,"name":"ann@lab2, notebook, pid 9","user":null,"since":"2023-11-14T22:13:20.250000000Z"},"since":"2023-11-14T22:13:20.250000000Z","note":null,"lease":null,"running":[],"waiting":[]},{"kind":"protected","targets":["gauge"],"covers":["gauge"],"owner":{"id":20,"name":"eve@lab1","user":null,"since":"2023-11-14T22:13:20.250000000Z"},"since":"2023-11-14T22:13:20.250000000Z","note":null,"lease":null,"running":[],"waiting":[]}]}
        "#]],
    );
}

#[test]
fn a_lock_is_broken_by_the_name_or_the_id_of_its_holder() {
    check(
        &["break", "--holder", "17", "shutter"],
        expect![[r#"
            ! shutter: the lock of ann@lab2, scan.py, pid 4711 is broken
        "#]],
    );
    check(
        &["break", "--holder", "ann@lab2", "shutter"],
        expect![[r#"
            ! shutter: the lock of ann@lab2, scan.py, pid 4711 is broken
        "#]],
    );
    check(
        &["break", "--holder", "ann@lab2", "pump"],
        expect![[r#"
        ! error: ann@lab2 has several locks on pump; name one by its id: ann@lab2, scan.py, pid 4711 (id 17), ann@lab2, notebook, pid 9 (id 19)
        [exit 1]
    "#]],
    );
    check(
        &["break", "--holder", "eve@lab1", "shutter.state"],
        expect![[r#"
        ! error: shutter.state is not locked by eve@lab1, but by ann@lab2, scan.py, pid 4711 (id 17)
        [exit 1]
    "#]],
    );
    check(
        &["break", "--holder", "eve@lab1", "stage"],
        expect![[r#"
        ! error: stage is not locked
        [exit 1]
    "#]],
    );
    check(
        &["break", "--holder", "3", "stage"],
        expect![[r#"
        ! error: stage is not locked, so there is nothing to break (Impossible)
        [exit 1]
    "#]],
    );
}

#[test]
fn protect_and_unprotect_say_what_they_did() {
    check(
        &["protect", "gauge", "pump.flow", "--note", "sample inside"],
        expect![[r#"
            ! gauge, pump.flow: protected
        "#]],
    );
    check(
        &["protect", "gauge", "--permanent", "--json"],
        expect![[r#"
            {"schema":1,"targets":["gauge"],"permanent":true}
        "#]],
    );
    check(
        &["unprotect", "gauge"],
        expect![[r#"
            ! gauge: can be written again
        "#]],
    );
}

#[test]
fn other_nodes_know_no_locks() {
    for arguments in [
        &["lock", "stage"][..],
        &["who"],
        &["protect", "stage"],
        &["break", "--holder", "1", "stage"],
    ] {
        check_at(
            &fake::start_foreign().address,
            arguments,
            expect![[r#"
                ! error: ADDRESS is no Baton host, and knows no locks
                [exit 1]
            "#]],
        );
    }
}
