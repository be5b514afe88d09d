//! Broken instrument files, each with everything that is told about it; and what sound ones come to.

use baton_plugin_api::{
    diagnostic::{Diagnostic, Place},
    source::Source,
};
use expect_test::{Expect, expect};

use super::read::read_source;
use crate::script::Script;

/// What every file has to have, in the first three lines.
const HEAD: &str = "\n[instrument]\nname = \"Box\"\n";

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
        let places = diagnostic.place.as_deref().into_iter().chain(&diagnostic.related);
        places.for_each(|place| draw(place, &mut out));
        if let Some(help) = &diagnostic.help {
            out.push_str(&format!("     = help: {help}\n"));
        }
    }
    out
}

#[track_caller]
fn check(rest: &str, expected: Expect) {
    let text = format!("{HEAD}{rest}");
    let told = match read_source(&Source::new("box.toml", text.as_str())) {
        Ok(_) => "nothing is wrong\n".to_owned(),
        Err(diagnostics) => tell(&diagnostics),
    };
    expected.assert_eq(&told);
}

fn good(rest: &str) -> Script {
    let text = format!("{HEAD}{rest}");
    read_source(&Source::new("box.toml", text.as_str())).unwrap_or_else(|found| panic!("{}", tell(&found)))
}

#[test]
fn keys_that_are_not_there_and_kinds_that_are_wrong() {
    check(
        r#"
[modbus]
byte_order = "middle"
max_block = 126
pause = 20
[parameters.x]
at = 40001
typ = "u16"
type = "u17"
write = "yes"
poll = "2 days"
[parameters.y]
at = "holding 3"
write = { at = "holding 4", fnction = "single" }
"#,
        expect![[r#"
            box.toml:6:14: error: `byte_order` cannot be `middle`
               6 | byte_order = "middle"
                 |              ^^^^^^^^
                 = help: choices: `big`, `little`
            box.toml:7:13: error: `max_block` must be at most 125
               7 | max_block = 126
                 |             ^^^
            box.toml:8:9: error: `pause` has no unit
               8 | pause = 20
                 |         ^^ a bare number
                 = help: write `"20 s"`
            box.toml:10:6: error: `at` must be a string, not an integer
              10 | at = 40001
                 |      ^^^^^
                 = help: put it in quotes: `"40001"`
            box.toml:11:1: error: unknown key `typ`
              11 | typ = "u16"
                 | ^^^
                 = help: keys: `doc`, `at`, `type`, `length`, `byte_order`, `word_order`, `scale`, `offset`, `bit`, `bits`, `values`, `unit`, `main`, `write`, `limits`, `tolerance` and 3 more
            box.toml:12:8: error: `type` cannot be `u17`
              12 | type = "u17"
                 |        ^^^^^
                 = help: did you mean `u16`? (choices: `u16`, `i16`, `u32`, `i32`, `u64`, `i64`, `f32`, `f64`, `bcd`, `text`, `bool`)
            box.toml:13:9: error: `write` must be `true` or `false` or a table, not a string
              13 | write = "yes"
                 |         ^^^^^
            box.toml:14:8: error: `2 days` is no duration
              14 | poll = "2 days"
                 |        ^^^^^^^^
                 = help: write a number with `us`, `ms`, `s`, `min` or `h`, such as `"500 ms"`
            box.toml:17:29: error: unknown key `fnction`
              17 | write = { at = "holding 4", fnction = "single" }
                 |                             ^^^^^^^
                 = help: did you mean `function`?
        "#]],
    );
}

#[test]
fn places_that_are_none() {
    check(
        r#"
[parameters.a]
at = "holdng 12"
[parameters.b]
at = "holding 70000"
[parameters.c]
at = "20001"
[parameters.d]
unit = "mm"
[parameters.e]
at = "holding 65535"
type = "f32"
[parameters.f]
at = "input 3"
write = true
[parameters.g]
at = "discrete 3"
write = { at = "discrete 4" }
"#,
        expect![[r#"
            box.toml:6:6: error: there is no table `holdng`
               6 | at = "holdng 12"
                 |      ^^^^^^^^^^^
                 = help: did you mean `holding`? (`coil`, `discrete`, `input`, `holding`)
            box.toml:8:6: error: address 70000 is too large
               8 | at = "holding 70000"
                 |      ^^^^^^^^^^^^^^^
                 = help: addresses go from 0 to 65535; a manual's number, such as `400013`, stands without `holding`
            box.toml:10:6: error: there is no table 2, which `20001` begins with
              10 | at = "20001"
                 |      ^^^^^^^
                 = help: a manual's number has five or six digits, of which the first says the table: 0 coil, 1 discrete, 3 input, 4 holding; `40001` is `holding 0`
            box.toml:11:13: error: where `d` is, is not said
              11 | [parameters.d]
                 |             ^
                 = help: say it: `at = "holding 12"`, the address counted from 0; or the manual's number, `at = "40013"`
            box.toml:14:6: error: the value goes beyond the last address, 65535
              14 | at = "holding 65535"
                 |      ^^^^^^^^^^^^^^^
                 = help: look at `type` and `length`
            box.toml:17:6: error: an input register cannot be written
              17 | at = "input 3"
                 |      ^^^^^^^^^
                 = help: what can be written is a `holding` register or a `coil`
            box.toml:21:16: error: a discrete input cannot be written
              21 | write = { at = "discrete 4" }
                 |                ^^^^^^^^^^^^
                 = help: what can be written is a `holding` register or a `coil`
        "#]],
    );
}

#[test]
fn types_that_do_not_go_with_the_rest() {
    check(
        r#"
[parameters.a]
at = "coil 1"
type = "i16"
bit = 3
[parameters.b]
at = "holding 1"
type = "text"
scale = 2
[parameters.c]
at = "holding 1"
length = 3
bit = 16
[parameters.d]
at = "holding 1"
type = "f32"
bits = [3, 1]
[parameters.e]
at = "holding 1"
bit = 1
bits = [1, 2]
[parameters.f]
at = "holding 1"
type = "f64"
bits = [1, 3]
[parameters.g]
at = "holding 1"
scale = 0
[parameters.h]
at = "holding 1"
values = { off = 0, on = 0, far = 70000 }
[parameters.i]
at = "holding 1"
scale = 0.1
values = { off = 0 }
unit = "mm"
[parameters.j]
at = "holding 1"
bit = 3
unit = "mm"
limits = [0, 1]
[parameters.k]
at = "holding 1"
type = "bcd"
length = 20
"#,
        expect![[r#"
            box.toml:7:8: error: a coil is a single bit
               7 | type = "i16"
                 |        ^^^^^
                 = help: leave `type` out
            box.toml:8:1: error: a coil has no bit 3
               8 | bit = 3
                 | ^^^
                 = help: it is a bit itself: leave `bit` out
            box.toml:11:8: error: how long the text is, is not said
              11 | type = "text"
                 |        ^^^^^^
                 = help: add `length = 16`: its characters, two of which fit into a register
            box.toml:12:1: error: a text has no `scale`
              12 | scale = 2
                 | ^^^^^
                 = help: leave it out
            box.toml:15:1: error: only `text` and `bcd` have a `length`
              15 | length = 3
                 | ^^^^^^
                 = help: leave it out: the type says how many registers there are
            box.toml:16:7: error: there is no bit 16
              16 | bit = 16
                 |       ^^
                 = help: the bits are 0 to 15, the least significant first
            box.toml:20:8: error: these are no bits of a number
              20 | bits = [3, 1]
                 |        ^^^^^^
                 = help: the lower one comes first: `[1, 3]`
            box.toml:24:1: error: `bit` and `bits` are both there
              24 | bits = [1, 2]
                 | ^^^^
                 = help: `bit = 3` is one bit, `bits = [4, 6]` are several: leave one of them
            box.toml:28:8: error: only a whole number has bits
              28 | bits = [1, 3]
                 |        ^^^^^^
                 = help: leave `type` out, or write `type = "u32"`
            box.toml:31:9: error: with a scale of 0 every value is the same
              31 | scale = 0
                 |         ^
                 = help: `scale` is what one count in the register stands for: `0.1`
            box.toml:34:26: error: 0 stands for `off` already
              34 | values = { off = 0, on = 0, far = 70000 }
                 |                          ^
                 = help: what is read has to tell which of them it is
            box.toml:34:35: error: 70000 does not fit into the register
              34 | values = { off = 0, on = 0, far = 70000 }
                 |                                   ^^^^^
                 = help: it holds 0 to 65535
            box.toml:38:1: error: only a plain whole number has `values`
              38 | values = { off = 0 }
                 | ^^^^^^
                 = help: leave `scale` and `offset` out, or `values`
            box.toml:43:1: error: only a number has `unit`
              43 | unit = "mm"
                 | ^^^^
                 = help: leave it out
            box.toml:44:1: error: only a number has `limits`
              44 | limits = [0, 1]
                 | ^^^^^^
                 = help: leave it out
            box.toml:48:10: error: a `bcd` number has 16 digits at most
              48 | length = 20
                 |          ^^
                 = help: four digits fit into a register
        "#]],
    );
}

#[test]
fn limits_and_functions_that_cannot_be() {
    check(
        r#"
[parameters.a]
at = "holding 1"
limits = [10, 0]
write = true
[parameters.b]
at = "holding 1"
limits = [0.5, 3]
[parameters.c]
at = "holding 1"
type = "i16"
scale = 0.1
limits = [0, 5000]
[parameters.d]
at = "holding 1"
type = "u32"
write = { function = "single" }
[parameters.e]
at = "holding 1"
write = { function = "mask" }
[parameters.f]
at = "holding 1"
type = "text"
length = 250
write = true
[parameters.g]
at = "holding 1"
main = true
[parameters.h]
at = "holding 1"
main = true
"#,
        expect![[r#"
            box.toml:7:10: error: the limits are reversed
               7 | limits = [10, 0]
                 |          ^^^^^^^
                 = help: the smaller one comes first: `[0, 10]`
            box.toml:11:10: error: the limits of a whole number are whole
              11 | limits = [0.5, 3]
                 |          ^^^^^^^^
                 = help: round them, or give a `scale` if the register has parts of the unit
            box.toml:16:10: error: the limits are wider than what fits into the register
              16 | limits = [0, 5000]
                 |          ^^^^^^^^^
                 = help: it holds -3276.8 to 3276.7: narrow the limits, or look at `type` and `scale`
            box.toml:20:22: error: this function writes one register, and this takes more
              20 | write = { function = "single" }
                 |                      ^^^^^^^^
                 = help: write `function = "multiple"`, or leave it out
            box.toml:23:22: error: this function is for bits of a register
              23 | write = { function = "mask" }
                 |                      ^^^^^^
                 = help: write `function = "single"`, or leave it out
            box.toml:25:6: error: 125 registers cannot be written at once
              25 | at = "holding 1"
                 |      ^^^^^^^^^^^
                 = help: one request takes 123
            box.toml:34:1: error: `g` is the main parameter already
              34 | main = true
                 | ^^^^
              31 | main = true
                 | ^^^^ here
                 = help: an instrument is about one thing: leave one `main = true`
        "#]],
    );
}

#[test]
fn commands_and_what_they_write() {
    check(
        r#"
[[init]]
at = "holding 1"
[[init]]
at = "holding 1"
argument = true
[[init]]
at = "input 2"
value = 1
[commands.a]
write = []
[commands.b]
write = [{ at = "holding 1", value = 70000 }, { at = "coil 1", value = "on" }, { at = "holding 1", value = 0.5 }]
[commands.c]
write = [{ at = "holding 1", scale = 0.1, value = 0.55 }, { at = "holding 1", value = 1, argument = true }]
[commands.d]
unit = "mm"
limits = [0, 1]
write = [{ at = "coil 2", value = true }]
[commands.e]
limits = [0, 100000]
write = [{ at = "holding 1", argument = true }]
[commands.f]
write = [{ at = "holding 1", argument = true }, { at = "coil 2", argument = true }]
"#,
        expect![[r#"
            box.toml:5:3: error: what is written is not said
               5 | [[init]]
                 |   ^^^^
                 = help: add `value = 1`, or, in a command, `argument = true`
            box.toml:9:1: error: nothing has an argument here
               9 | argument = true
                 | ^^^^^^^^
                 = help: only a command has one; write `value = 1`
            box.toml:11:6: error: an input register cannot be written
              11 | at = "input 2"
                 |      ^^^^^^^^^
                 = help: what can be written is a `holding` register or a `coil`
            box.toml:14:9: error: nothing is written
              14 | write = []
                 |         ^^
                 = help: `write = [{ at = "coil 4", value = true }]`
            box.toml:16:38: error: 70000 does not fit into holding register 1 (40002 in manuals): 0 to 65535
              16 | write = [{ at = "holding 1", value = 70000 }, { at = "coil 1", value = "on" }, { at = "holding 1", value = 0.5 }]
                 |                                      ^^^^^
                 = help: the value has to fit what is in the register: look at `type`
            box.toml:16:72: error: text cannot be written to coil 1 (00002 in manuals)
              16 | write = [{ at = "holding 1", value = 70000 }, { at = "coil 1", value = "on" }, { at = "holding 1", value = 0.5 }]
                 |                                                                        ^^^^
                 = help: the value has to fit what is in the register: look at `type`
            box.toml:16:108: error: the register cannot hold this exactly
              16 | write = [{ at = "holding 1", value = 70000 }, { at = "coil 1", value = "on" }, { at = "holding 1", value = 0.5 }]
                 |                                                                                                            ^^^
                 = help: round it, or look at `scale`
            box.toml:18:51: error: the register cannot hold this exactly
              18 | write = [{ at = "holding 1", scale = 0.1, value = 0.55 }, { at = "holding 1", value = 1, argument = true }]
                 |                                                   ^^^^
                 = help: round it, or look at `scale`
            box.toml:18:90: error: a fixed `value` and the argument are both there
              18 | write = [{ at = "holding 1", scale = 0.1, value = 0.55 }, { at = "holding 1", value = 1, argument = true }]
                 |                                                                                          ^^^^^^^^
                 = help: leave one of them
            box.toml:20:1: error: only an argument has `unit`
              20 | unit = "mm"
                 | ^^^^
                 = help: say where it is written: `{ at = "holding 3", argument = true }`
            box.toml:21:1: error: only an argument has `limits`
              21 | limits = [0, 1]
                 | ^^^^^^
                 = help: say where it is written: `{ at = "holding 3", argument = true }`
            box.toml:24:10: error: the limits are wider than what fits into the register
              24 | limits = [0, 100000]
                 |          ^^^^^^^^^^^
                 = help: it holds 0 to 65535: narrow the limits, or look at `type` and `scale`
            box.toml:27:9: error: the argument is written in two ways that differ
              27 | write = [{ at = "holding 1", argument = true }, { at = "coil 2", argument = true }]
                 |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
                 = help: a command has one argument: `type`, `scale` and `values` are the same wherever it is written
        "#]],
    );
}

#[test]
fn a_status_that_is_never_busy_and_others() {
    let parameter = "[parameters.a]\nat = \"holding 1\"\nwrite = true\n";
    check(
        &format!(
            "{parameter}[status]\nat = \"holding 2\"\nwhen = {{ 0 = \"idle\", 70000 = \"warn\", x = \"error\", 0x1 = \
             \"movng\" }}\n"
        ),
        expect![[r#"
            box.toml:9:57: error: `0x1` cannot be `movng`
               9 | when = { 0 = "idle", 70000 = "warn", x = "error", 0x1 = "movng" }
                 |                                                         ^^^^^^^
                 = help: choices: `disabled`, `idle`, `warn`, `busy`, `error`
        "#]],
    );
    check(
        &format!(
            "{parameter}[status]\nat = \"holding 2\"\nflags = {{ 16 = \"busy\" }}\nbusy_while = \"coil x\"\n[stop]\nwrite = \
             [{{ at = \"coil 1\", value = true }}]\n"
        ),
        expect![[r#"
            box.toml:9:11: error: `16` never comes
               9 | flags = { 16 = "busy" }
                 |           ^^
                 = help: bits are 0 to 15
            box.toml:10:14: error: `x` is no address
              10 | busy_while = "coil x"
                 |              ^^^^^^^^
                 = help: write a whole number from 0: `coil 12`, or `coil 0x0C`
        "#]],
    );
    check(
        &format!(
            "{parameter}[status]\nat = \"holding 2\"\nwhen = {{ 0 = \"idle\" }}\n[stop]\nwrite = [{{ at = \"coil 1\", value \
             = true }}]\n"
        ),
        expect![[r#"
            box.toml:7:2: error: nothing means that the instrument is busy
               7 | [status]
                 |  ^^^^^^
              10 | [stop]
                 |  ^^^^ it can be stopped
                 = help: say what it has while it is on its way: `when = { 0 = "idle", 1 = "busy" }`
        "#]],
    );
    check(
        &format!("{parameter}[status]\nat = \"holding 2\"\ntype = \"f32\"\n"),
        expect![[r#"
            box.toml:9:8: error: a status is a whole number
               9 | type = "f32"
                 |        ^^^^^
                 = help: leave `type` out, or write `type = "u32"`
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
[modbus]
word_order = "little"
[parameters.temperature]
at = "30001"
type = "i16"
scale = 0.1
unit = "degC"
write = { at = "holding 0x10" }
[parameters.count]
at = "holding 4"
[parameters.mode]
at = "holding 5"
values = { auto = 2, off = 0 }
[parameters.lamp]
at = "coil 3"
write = true
[parameters.alarm]
at = "holding 5"
bit = 15
[parameters.flow]
at = "holding 6"
type = "f32"
write = true
[parameters.serial]
at = "holding 8"
type = "text"
length = 7
"#,
    );
    let told: Vec<String> = script
        .parameters
        .iter()
        .map(|p| {
            let field = p.read.as_ref().unwrap();
            let write = p
                .write
                .as_ref()
                .map(|write| format!(", {} by {:?}", write.field.place, write.way));
            format!(
                "{}: {} at {} +{}{}, limits {:?}, tolerance {:?}, digits {:?}",
                p.facts.name,
                p.facts.datatype.noun(),
                field.place,
                field.count(),
                write.unwrap_or_default(),
                p.facts.limits,
                p.facts.tolerance,
                p.facts.digits
            )
        })
        .collect();
    expect![[r#"
        temperature: number at input 0 +1, holding 16 by Single, limits Some((-3276.8, 3276.7)), tolerance Some(0.05), digits Some(1)
        count: integer at holding 4 +1, limits None, tolerance None, digits None
        mode: enum at holding 5 +1, limits None, tolerance None, digits None
        lamp: bool at coil 3 +1, coil 3 by Single, limits None, tolerance None, digits None
        alarm: bool at holding 5 +1, limits None, tolerance None, digits None
        flow: number at holding 6 +2, holding 6 by Multiple, limits None, tolerance None, digits None
        serial: text at holding 8 +4, limits None, tolerance None, digits None"#]].assert_eq(&told.join("\n"));
}

#[test]
fn the_modbus_files_that_come_with_baton_are_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/instruments");
    let path = std::path::Path::new(folder).join("modbus-temperature-controller.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    if let Err(found) = read_source(&Source::new(path.display().to_string(), text)) {
        panic!("{}", tell(&found));
    }
}

#[test]
fn the_schema_beside_the_instrument_files_is_the_one_of_this_code() {
    let text = serde_json::to_string_pretty(&super::schema()).unwrap();
    expect_test::expect_file!["../../../../config/instruments/modbus.schema.json"].assert_eq(&(text + "\n"));
}
