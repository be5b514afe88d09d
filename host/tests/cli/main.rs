//! The program `baton` as a user runs it, against a scripted server (`fake`).

mod act;
mod fake;
mod follow;
mod locks;
mod logs;
mod settings;
mod show;
mod trouble;

use std::process::{Child, Command, Stdio};

use expect_test::Expect;
use rustix::process::{Pid, Signal, kill_process};

/// `baton` with these arguments, against the host at `address`.
fn baton(address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command
        .args(arguments)
        .env("BATON_HOST", address)
        .env("TZ", "UTC")
        .env_remove("NO_COLOR");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Everything that a finished run has to say: standard output, standard error with `! `, and an exit code that is not 0.
fn transcript(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let mut transcript = String::from_utf8(output.stdout).unwrap();
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        transcript += &format!("! {line}\n");
    }
    if !output.status.success() {
        transcript += &format!("[exit {}]\n", output.status.code().unwrap());
    }
    without_elapsed(&transcript)
}

/// Times that differ from run to run become `_`.
fn without_elapsed(text: &str) -> String {
    let mut parts = text.split("\"elapsed\":");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean += "\"elapsed\":_";
        clean += part.trim_start_matches(|c: char| c.is_ascii_digit() || "e.-".contains(c));
    }
    clean
}

/// Runs `baton` with the words of `line` against `address`.
fn check_at(address: &str, arguments: &[&str], expected: Expect) {
    let transcript = transcript(baton(address, arguments).spawn().unwrap());
    expected.assert_eq(&transcript.replace(address, "ADDRESS"));
}

/// Runs `baton` with these arguments against a fresh fake.
fn check(arguments: &[&str], expected: Expect) {
    check_at(&fake::start().address, arguments, expected);
}

/// Presses Ctrl-C.
fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}
