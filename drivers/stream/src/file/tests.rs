//! Broken instrument files, each with everything that is told about it.

mod framing;
mod parameters;
mod shared;
mod templates;
mod troubles;

use baton_plugin_api::{
    Datatype,
    diagnostic::{Diagnostic, Place},
    source::Source,
};
use expect_test::{Expect, expect};

use super::{
    Given,
    read::{Wrong, read_source},
};
use crate::script::Script;

/// What every file has to have, in the first five lines.
const HEAD: &str = r#"
[instrument]
name = "Box"
[line]
terminator = "\r\n"
"#;

fn draw(place: &Place, out: &mut String) {
    let line = place.excerpt.lines().next().unwrap_or_default();
    let width = match place.line == place.end_line {
        true => (place.end_column - place.column).max(1),
        false => line.chars().count() + 1 - place.column,
    };
    let caret = format!("{}{}", " ".repeat(place.column - 1), "^".repeat(width));
    out.push_str(&format!("{:>4} | {line}\n     | {caret} {}\n", place.line, place.label).replace(" \n", "\n"));
}

fn tell(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&format!("{diagnostic}\n"));
        diagnostic
            .place
            .as_deref()
            .into_iter()
            .chain(&diagnostic.related)
            .for_each(|place| draw(place, &mut out));
        if let Some(help) = &diagnostic.help {
            out.push_str(&format!("     = help: {help}\n"));
        }
    }
    out
}

fn told(wrong: &Wrong) -> String {
    match wrong {
        Wrong::File(found) => tell(found),
        Wrong::Given(error) => format!("{}: {}\n", error.kind(), error.message()),
    }
}

#[track_caller]
fn check_text(text: &str, expected: Expect) {
    expected.assert_eq(&match read_source(&Source::new("box.toml", text), &Given::new()) {
        Ok(_) => "nothing is wrong\n".to_owned(),
        Err(wrong) => told(&wrong),
    });
}

#[track_caller]
fn check(rest: &str, expected: Expect) {
    check_text(&format!("{HEAD}{rest}"), expected);
}

fn good(rest: &str) -> Script {
    let text = format!("{HEAD}{rest}");
    read_source(&Source::new("box.toml", text.as_str()), &Given::new())
        .unwrap_or_else(|wrong| panic!("{}", told(&wrong)))
}

#[test]
fn keys_that_are_not_there_and_kinds_that_are_wrong() {
    check_text(
        r#"
[instrumnt]
name = "Box"
[line]
terminator = 13
reply_timeout = 2
connect_timeout = "2 parsecs"
encoding = "latin1"
[parameters.x]
read = { send = "X?", expct = "{}" }
typ = "number"
poll = "2 days"
"#,
        expect![[r#"
            box.toml:2:2: error: unknown key `instrumnt`
               2 | [instrumnt]
                 |  ^^^^^^^^^
                 = help: did you mean `instrument`?
            box.toml:5:14: error: `terminator` must be a string or a table, not an integer
               5 | terminator = 13
                 |              ^^
                 = help: put it in quotes: `"13"`
            box.toml:6:17: error: `reply_timeout` has no unit
               6 | reply_timeout = 2
                 |                 ^ a bare number
                 = help: write `"2 s"`
            box.toml:7:19: error: `2 parsecs` is no duration
               7 | connect_timeout = "2 parsecs"
                 |                   ^^^^^^^^^^^
                 = help: write a number with `us`, `ms`, `s`, `min` or `h`, such as `"500 ms"`
            box.toml:8:12: error: `encoding` cannot be `latin1`
               8 | encoding = "latin1"
                 |            ^^^^^^^^
                 = help: did you mean `latin-1`? (choices: `utf-8`, `ascii`, `latin-1`, `bytes`)
            box.toml:10:23: error: unknown key `expct`
              10 | read = { send = "X?", expct = "{}" }
                 |                       ^^^^^
                 = help: did you mean `expect`?
            box.toml:11:1: error: unknown key `typ`
              11 | typ = "number"
                 | ^^^
                 = help: did you mean `type`?
            box.toml:12:8: error: `2 days` is no duration
              12 | poll = "2 days"
                 |        ^^^^^^^^
                 = help: write a number with `us`, `ms`, `s`, `min` or `h`, such as `"500 ms"`
        "#]],
    );
}

#[test]
fn a_slip_against_toml_itself() {
    check(
        "[parameters.x]\nread = { send = \"X?\", expect = \"{}\" \nwrite = \n",
        expect![[r#"
        box.toml:8:1: error: missing comma between key-value pairs, expected `,`
           8 | write =
             | ^
        box.toml:8:8: error: unclosed inline table, expected `}`
           8 | write =
             |        ^
        box.toml:8:8: error: invalid literal string, expected `'`
           8 | write =
             |        ^
    "#]],
    );
}

#[test]
fn a_status_that_is_never_busy() {
    check(
        r#"
[parameters.position]
read = { send = "P?", expect = "{:f}" }
write = { send = "P={:.2f}" }
[status]
read = { send = "S?", expect = "S={:d}" }
when = { idle = "idle", 2 = "movng", 3 = { state = "error", txt = "jammed" } }
[stop]
send = "H"
"#,
        expect![[r#"
            box.toml:12:29: error: `2` cannot be `movng`
              12 | when = { idle = "idle", 2 = "movng", 3 = { state = "error", txt = "jammed" } }
                 |                             ^^^^^^^
                 = help: choices: `disabled`, `idle`, `warn`, `busy`, `error`
            box.toml:12:61: error: unknown key `txt`
              12 | when = { idle = "idle", 2 = "movng", 3 = { state = "error", txt = "jammed" } }
                 |                                                             ^^^
                 = help: did you mean `text`?
        "#]],
    );
    check(
        r#"
[parameters.position]
read = { send = "P?", expect = "{:f}" }
[status]
read = { send = "S?", expect = "S={:d}" }
when = { idle = "idle", 02 = "warn", 3 = { state = "error", text = "jammed" } }
[stop]
send = "H"
"#,
        expect![[r#"
            box.toml:11:1: error: no answer means that the instrument is busy
              11 | when = { idle = "idle", 02 = "warn", 3 = { state = "error", text = "jammed" } }
                 | ^^^^
              12 | [stop]
                 |  ^^^^ it can be stopped
                 = help: say what it answers while it is on its way: `moving = "busy"`
            box.toml:11:10: error: `idle` never comes
              11 | when = { idle = "idle", 02 = "warn", 3 = { state = "error", text = "jammed" } }
                 |          ^^^^
                 = help: the placeholder in `expect` is for a whole number, such as `3`; a bit is `"bit 3"`
            box.toml:11:25: error: `02` never comes
              11 | when = { idle = "idle", 02 = "warn", 3 = { state = "error", text = "jammed" } }
                 |                         ^^
                 = help: the placeholder in `expect` is for a whole number, such as `3`; a bit is `"bit 3"`
        "#]],
    );
}

#[test]
fn an_instrument_without_anything() {
    check(
        "",
        expect![[r#"
        box.toml:1:1: error: the instrument has neither parameters nor commands
           1 |
             | ^
             = help: describe one under `[parameters.NAME]`
    "#]],
    );
}

#[test]
fn what_the_file_leaves_out_follows_from_the_rest() {
    let script = good(
        r#"
[parameters.position]
unit = "mm"
limits = [0, 250]
read = { send = "P?", expect = "{:f}" }
write = { send = "T={:.2f}", expect = "T={:f}" }
[parameters.mode]
values = { remote = "5", local = "3" }
read = { send = "M?", expect = "{}" }
write = { send = "M {}", values = { local = "LOC", remote = "REM" } }
[parameters.steps]
type = "integer"
read = { send = "N?", expect = "{:d}" }
write = { send = "N={:d}" }
[parameters.lamp]
values = { off = "OFF", on = "ON" }
write = { send = "L {}" }
"#,
    );
    let told: Vec<String> = script
        .parameters
        .iter()
        .map(|p| {
            let datatype = match &p.facts.datatype {
                Datatype::Enum { members } => members
                    .iter()
                    .map(|m| format!("{}={}", m.name, m.value))
                    .collect::<Vec<_>>()
                    .join(" "),
                other => other.noun().to_owned(),
            };
            format!(
                "{}: {datatype}, tolerance {:?}, digits {:?}",
                p.facts.name, p.facts.tolerance, p.facts.digits
            )
        })
        .collect();
    expect![[r#"
        position: number, tolerance Some(0.005), digits Some(2)
        mode: remote=5 local=3, tolerance None, digits None
        steps: integer, tolerance None, digits None
        lamp: off=0 on=1, tolerance None, digits None"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn the_instrument_files_that_come_with_baton_are_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/instruments");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    // Files of other drivers lie beside them.
    files.retain(|path| {
        std::fs::read_to_string(path)
            .unwrap()
            .starts_with("#:schema ./instrument.schema.json")
    });
    assert!(files.len() >= 2, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(wrong) = read_source(&Source::new(path.display().to_string(), text), &Given::new()) {
            panic!("{}", told(&wrong));
        }
    }
}

#[test]
fn the_schema_beside_the_instrument_files_is_the_one_of_this_code() {
    let text = serde_json::to_string_pretty(&super::schema()).unwrap();
    expect_test::expect_file!["../../../../config/instruments/instrument.schema.json"].assert_eq(&(text + "\n"));
}
