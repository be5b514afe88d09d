//! What was logged, and what was done.

use std::io::{BufRead, BufReader};

use expect_test::expect;

use crate::{baton, check, check_at, fake, interrupt, transcript};

#[test]
fn log_shows_lines_and_follows_those_that_come() {
    check(
        &["log"],
        expect![[r#"
        2023-11-14 22:13:20.250 WARN  gauge says something\u{7}
        2023-11-14 22:13:21.250 INFO  gauge says something\u{7}
    "#]],
    );
    check(
        &["log", "--json"],
        expect![[r#"
        {"timestamp":"2023-11-14T22:13:20.250000000Z","level":"warn","device":"gauge","text":"gauge says something\u0007"}
        {"timestamp":"2023-11-14T22:13:21.250000000Z","level":"info","device":"gauge","text":"gauge says something\u0007"}
    "#]],
    );
    check(
        &["log", "stage", "--level", "error", "--wire", "-f", "-n", "2"],
        expect![[r#"
            2023-11-14 22:13:22.250 ERROR stage says something\u{7}
            2023-11-14 22:13:23.250 TRACE stage says something\u{7}
            ! 3 lines are missing here: they came faster than they were taken
        "#]],
    );
    check(
        &["log", "-f", "-n", "3", "--json"],
        expect![[r#"
        {"timestamp":"2023-11-14T22:13:20.250000000Z","level":"warn","device":"gauge","text":"gauge says something\u0007"}
        {"timestamp":"2023-11-14T22:13:21.250000000Z","level":"info","device":"gauge","text":"gauge says something\u0007"}
        {"timestamp":"2023-11-14T22:13:22.250000000Z","level":"error","device":"stage","text":"stage says something\u0007"}
    "#]],
    );
    check(
        &["log", "stgae"],
        expect![[r#"
        ! error: there is no device `stgae`; did you mean `stage`? (NoSuchModule)
        [exit 1]
    "#]],
    );
    check(
        &["log", "--level", "error"],
        expect![[r#"
        ! nothing of that kind was logged
    "#]],
    );
    check_at(
        &fake::start_foreign().address,
        &["log"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, and tells no log
        [exit 1]
    "#]],
    );
}

#[test]
fn audit_shows_who_did_what_and_how_it_ended() {
    check(
        &["audit"],
        expect![[r#"
        TIME                     OWNER     VERB                           TARGET                OLD  NEW  OUTCOME  ERROR
        2023-11-14 22:13:20.250  ann@lab2  write                          stage.position        1.0  2.5  done
        2023-11-14 22:13:20.500            (12 entries are missing here)
        2023-11-14 22:13:21.250  ann@lab2  lock                           pump, stage.velocity            refused  stage is locked by ben
    "#]],
    );
    check(
        &["audit", "stage", "--last", "2", "--json"],
        expect![[r#"
        {"schema":1,"file":"/lab/audit.jsonl","more":true,"entries":[{"time":"2023-11-14T22:13:20.250000000Z","event":"write","owner":"ann@lab2","owner_id":7,"path":"stage.position","old":1.0,"new":2.5,"outcome":"done","error":null,"elapsed":_},{"time":"2023-11-14T22:13:20.500000000Z","event":"lost","count":12},{"time":"2023-11-14T22:13:21.250000000Z","event":"lock","owner":"ann@lab2","owner_id":7,"path":"pump, stage.velocity","old":null,"new":null,"outcome":"refused","error":"stage is locked by ben","elapsed":_}]}
    "#]],
    );
    check(
        &["audit", "-f", "-n", "4"],
        expect![[r#"
        2023-11-14 22:13:20.250 ann@lab2 write stage.position: 1.0 → 2.5 done
        2023-11-14 22:13:20.500  (12 entries are missing here)
        2023-11-14 22:13:21.250 ann@lab2 lock pump, stage.velocity refused (stage is locked by ben)
        2023-11-14 22:13:22.250 ann@lab2 stop stage done
    "#]],
    );
    check(
        &["audit", "-f", "-n", "4", "--json"],
        expect![[r#"
        {"time":"2023-11-14T22:13:20.250000000Z","event":"write","owner":"ann@lab2","owner_id":7,"path":"stage.position","old":1.0,"new":2.5,"outcome":"done","error":null,"elapsed":_}
        {"time":"2023-11-14T22:13:20.500000000Z","event":"lost","count":12}
        {"time":"2023-11-14T22:13:21.250000000Z","event":"lock","owner":"ann@lab2","owner_id":7,"path":"pump, stage.velocity","old":null,"new":null,"outcome":"refused","error":"stage is locked by ben","elapsed":_}
        {"time":"2023-11-14T22:13:22.250000000Z","event":"stop","owner":"ann@lab2","owner_id":7,"path":"stage","old":null,"new":null,"outcome":"done","error":null,"elapsed":_}
    "#]],
    );
    check(
        &["audit", "stgae", "--by", "nobody"],
        expect![[r#"
        ! nothing of that kind was noted
        ! no device "stgae"; did you mean "stage"?
    "#]],
    );
    check(
        &["audit", "--since", "yesterday"],
        expect![[r#"
        ! error: invalid value 'yesterday' for '--since <DURATION>': expected a duration such as "500 ms", "2 s" or "1 min"
        ! 
        ! For more information, try '--help'.
        [exit 2]
    "#]],
    );
    check_at(
        &fake::start_foreign().address,
        &["audit"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, and keeps no audit log
        [exit 1]
    "#]],
    );
}

#[test]
fn what_is_followed_ends_in_time_and_a_script_can_tell_that_too_little_came() {
    check(
        &["log", "-f", "--for", "0.2", "-q"],
        expect![[r#"
        2023-11-14 22:13:20.250 WARN  gauge says something\u{7}
        2023-11-14 22:13:21.250 INFO  gauge says something\u{7}
        2023-11-14 22:13:22.250 ERROR stage says something\u{7}
        2023-11-14 22:13:23.250 TRACE stage says something\u{7}
    "#]],
    );
    check(
        &["audit", "-f", "-n", "9", "--for", "0.2 s", "--json"],
        expect![[r#"
            {"time":"2023-11-14T22:13:20.250000000Z","event":"write","owner":"ann@lab2","owner_id":7,"path":"stage.position","old":1.0,"new":2.5,"outcome":"done","error":null,"elapsed":_}
            {"time":"2023-11-14T22:13:20.500000000Z","event":"lost","count":12}
            {"time":"2023-11-14T22:13:21.250000000Z","event":"lock","owner":"ann@lab2","owner_id":7,"path":"pump, stage.velocity","old":null,"new":null,"outcome":"refused","error":"stage is locked by ben","elapsed":_}
            {"time":"2023-11-14T22:13:22.250000000Z","event":"stop","owner":"ann@lab2","owner_id":7,"path":"stage","old":null,"new":null,"outcome":"done","error":null,"elapsed":_}
            {"schema":1,"error":{"class":"TimeoutError","text":"4 of 9 lines came in time"}}
            ! error: 4 of 9 lines came in time
            [exit 75]
        "#]],
    );
    check(
        &["log", "-f", "-n", "0"],
        expect![[r#"
        ! error: invalid value '0' for '--count <LINES>': 0 is not in 1..18446744073709551615
        ! 
        ! For more information, try '--help'.
        [exit 2]
    "#]],
    );
}

#[test]
fn ctrl_c_ends_what_is_followed_without_a_word() {
    let fake = fake::start();
    let mut child = baton(&fake.address, &["log", "-f"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The last one that there is.
    while !lines.next().unwrap().unwrap().contains("TRACE") {}
    interrupt(&child);
    assert_eq!(lines.count(), 0);
    expect![[r#"
        ! 3 lines are missing here: they came faster than they were taken
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}
