//! Mistakes in errors, commands, the status and what comes unasked.

use expect_test::expect;

use super::check;

#[test]
fn errors_that_say_too_much_or_too_little() {
    check(
        r#"
[errors]
"{}" = "IsBusy"
"ERR {:q" = "IsBusy"
"ERR {:d}" = "Busy"
"E {_}" = { kind = "RangeError", codes = { 1 = "one" } }
"BAD" = { kind = "RangeErr", txt = "bad" }
"X {level:f}" = "IsError"
[parameters.level]
read = { send = "L?", expect = "{:f}", errors = { "{_}{}" = "ReadFailed" } }
[error_query]
send = "SYST:ERR?"
expect = "{:d},{text:q}"
[commands.go]
send = "GO"
"#,
        expect![[r#"
            box.toml:8:1: error: every reply looks like this, and would be an error
               8 | "{}" = "IsBusy"
                 | ^^^^
                 = help: write what tells an error from an answer: `"ERR {}"`
            box.toml:9:1: error: a placeholder is not closed
               9 | "ERR {:q" = "IsBusy"
                 | ^^^^^^^^^
                 = help: close it with `}`, or write `{{` for a brace
            box.toml:10:14: error: `ERR {:d}` cannot be `Busy`
              10 | "ERR {:d}" = "Busy"
                 |              ^^^^^^
                 = help: choices: `HardwareError`, `RangeError`, `IsBusy`, `IsError`, `Disabled`, `Impossible`, `ReadFailed`, `OutOfRange`, `CommandRunning`, `ReadOnly`, `WrongType`, `ProtocolError`, `NotImplemented`, `TimeoutError`
            box.toml:11:34: error: nothing in the pattern is the code
              11 | "E {_}" = { kind = "RangeError", codes = { 1 = "one" } }
                 |                                  ^^^^^
                 = help: put `{:d}` in its place
            box.toml:12:18: error: `kind` cannot be `RangeErr`
              12 | "BAD" = { kind = "RangeErr", txt = "bad" }
                 |                  ^^^^^^^^^^
                 = help: did you mean `RangeError`? (choices: `HardwareError`, `RangeError`, `IsBusy`, `IsError`, `Disabled`, `Impossible`, `ReadFailed`, `OutOfRange`, `CommandRunning`, `ReadOnly`, `WrongType`, `ProtocolError`, `NotImplemented`, `TimeoutError`)
            box.toml:12:30: error: unknown key `txt`
              12 | "BAD" = { kind = "RangeErr", txt = "bad" }
                 |                              ^^^
                 = help: did you mean `text`?
            box.toml:13:1: error: `level` has no value here
              13 | "X {level:f}" = "IsError"
                 | ^^^^^^^^^^^^^
                 = help: write `{}` for the value itself
            box.toml:15:51: error: nothing tells where the first of these placeholders ends
              15 | read = { send = "L?", expect = "{:f}", errors = { "{_}{}" = "ReadFailed" } }
                 |                                                   ^^^^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
            box.toml:18:11: error: whose value this is, is not said
              18 | expect = "{:d},{text:q}"
                 |           ^^^^
                 = help: write `{name:f}` for that of a parameter, `{_}` for what is of no interest
        "#]],
    );
    check(
        r#"
[parameters.level]
read = { send = "L?", expect = "{:f}" }
[error_query]
send = "SYST:ERR? {}"
expect = "{text:q}"
"#,
        expect![[r#"
            box.toml:10:19: error: no value is sent here
              10 | send = "SYST:ERR? {}"
                 |                   ^^
                 = help: write `{{` and `}}` for braces
        "#]],
    );
}

#[test]
fn commands_that_do_not_say_what_they_take() {
    check(
        r#"
[commands.go]
send = "GO {}"
[commands.turn]
send = "TURN"
argument = { type = "number" }
[commands.ask]
send = "ASK"
expect = "{}"
[commands.wait]
send = "WAIT"
long = true
[commands.gain]
send = "GAIN {:d}"
argument = { type = "text", unit = "dB", limits = [1, 0] }
[commands.pick]
send = "PICK {:s}"
result = { values = { a = "1" } }
[[init]]
send = "INIT {x:d}"
[[exit]]
send = "EXIT"
expect = "{}"
"#,
        expect![[r#"
            box.toml:8:8: error: what kind of value the argument is, is not said
               8 | send = "GO {}"
                 |        ^^^^^^^
                 = help: write `{:f}`, `{:d}` or `{:s}`, or `argument = { type = "number" }`
            box.toml:10:8: error: the value is not in what is sent
              10 | send = "TURN"
                 |        ^^^^^^
                 = help: put `{}`, or `{:.2f}`, in its place
            box.toml:14:10: error: what kind of value the result is, is not said
              14 | expect = "{}"
                 |          ^^^^
                 = help: write `{:f}`, `{:d}` or `{:s}`, or `result = { type = "number" }`
            box.toml:17:1: error: nothing tells when this is done
              17 | long = true
                 | ^^^^
                 = help: describe under `[status]` how to see that the instrument is busy
            box.toml:19:14: error: the placeholder is for a whole number, and this is text
              19 | send = "GAIN {:d}"
                 |              ^^^^
                 = help: write `{:s}`, or `type = "number"`
            box.toml:20:29: error: only a number has `unit`
              20 | argument = { type = "text", unit = "dB", limits = [1, 0] }
                 |                             ^^^^
                 = help: leave it out
            box.toml:20:42: error: only a number has `limits`
              20 | argument = { type = "text", unit = "dB", limits = [1, 0] }
                 |                                          ^^^^^^
                 = help: leave it out
            box.toml:20:51: error: the limits are reversed
              20 | argument = { type = "text", unit = "dB", limits = [1, 0] }
                 |                                                   ^^^^^^
                 = help: the smaller one comes first: `[0, 1]`
            box.toml:25:14: error: `x` has no value here
              25 | send = "INIT {x:d}"
                 |              ^^^^^
                 = help: write `{}` for the value itself
            box.toml:28:11: error: no value is expected here
              28 | expect = "{}"
                 |           ^^
                 = help: write `{_}` for what is of no interest, `{name:f}` for the value of a parameter
        "#]],
    );
}

#[test]
fn a_status_that_asks_nothing_or_means_nothing() {
    check(
        r#"
[parameters.level]
read = { send = "L?", expect = "{:f}" }
[status]
settle = "1 s"
"#,
        expect![[r#"
            box.toml:9:2: error: nothing is asked for the status
               9 | [status]
                 |  ^^^^^^
                 = help: say `read = { send = "…", expect = "{}" }`, or which parameter tells, by `busy_while`
        "#]],
    );
    check(
        r#"
[parameters.mode]
values = { off = "0", on = "1" }
write = { send = "M {}" }
[parameters.phase]
type = "integer"
read = { send = "P?", expect = "{:d}" }
[status]
busy_while = { mode = "onn", phaze = 1, phase = ["1", "two"], level = true }
when = { idle = "idle" }
"#,
        expect![[r#"
            box.toml:14:23: error: `mode` is never `onn`: expected one of `off`, `on`, found `onn`
              14 | busy_while = { mode = "onn", phaze = 1, phase = ["1", "two"], level = true }
                 |                       ^^^^^
                 = help: say the value as people read it, which is not always what stands on the line
            box.toml:14:30: error: there is no parameter `phaze`
              14 | busy_while = { mode = "onn", phaze = 1, phase = ["1", "two"], level = true }
                 |                              ^^^^^
                 = help: did you mean `phase`? (parameters: `mode`, `phase`)
            box.toml:14:49: error: `phase` is never `two`: expected an integer, found text
              14 | busy_while = { mode = "onn", phaze = 1, phase = ["1", "two"], level = true }
                 |                                                 ^^^^^^^^^^^^
                 = help: say the value as people read it, which is not always what stands on the line
            box.toml:14:63: error: there is no parameter `level`
              14 | busy_while = { mode = "onn", phaze = 1, phase = ["1", "two"], level = true }
                 |                                                               ^^^^^
                 = help: parameters: `mode`, `phase`
            box.toml:15:1: error: nothing is asked that would be answered so
              15 | when = { idle = "idle" }
                 | ^^^^
                 = help: say how: `read = { send = "…", expect = "{}" }`
        "#]],
    );
    check(
        r#"
[parameters.mode]
values = { off = "0", on = "1" }
write = { send = "M {}" }
[status]
read = { send = "S?", expect = "{}" }
busy_while = { mode = "on" }
when = { "bit 3" = "busy", 1 = "rest" }
"#,
        expect![[r#"
            box.toml:13:32: error: `1` cannot be `rest`
              13 | when = { "bit 3" = "busy", 1 = "rest" }
                 |                                ^^^^^^
                 = help: choices: `disabled`, `idle`, `warn`, `busy`, `error`
        "#]],
    );
    check(
        r#"
[parameters.level]
read = { send = "L?", expect = "{:f}" }
[status]
read = { send = "S?", expect = "{:d}" }
when = { "bit 64" = "busy", "bit one" = "busy", "bit 1" = "busy" }
"#,
        expect![[r#"
            box.toml:11:10: error: `bit 64` is no bit of the answer
              11 | when = { "bit 64" = "busy", "bit one" = "busy", "bit 1" = "busy" }
                 |          ^^^^^^^^
                 = help: bits, from 0 to 62, are those of a whole number: write `{:d}` in `expect`
            box.toml:11:29: error: `bit one` is no bit of the answer
              11 | when = { "bit 64" = "busy", "bit one" = "busy", "bit 1" = "busy" }
                 |                             ^^^^^^^^^
                 = help: bits, from 0 to 62, are those of a whole number: write `{:d}` in `expect`
        "#]],
    );
    check(
        r#"
[parameters.level]
read = { send = "L?", expect = "{:f}" }
[status]
read = { send = "S?", expect = "{}" }
"#,
        expect![[r#"
            box.toml:9:1: error: what the answers mean is not said
               9 | [status]
                 | ^^^^^^^^
                 = help: `when = { ready = "idle", moving = "busy" }`: each answer, and what it means
        "#]],
    );
}

#[test]
fn lines_that_come_unasked_and_look_like_answers() {
    check(
        r#"
[parameters.level]
read = { send = "L?", expect = "{:f}" }
[unsolicited.all]
expect = "{}"
[unsolicited.level]
expect = "!{level:f} {}"
[unsolicited."2nd"]
expect = "!{lever:f}"
[unsolicited.alarm]
expect = "!A {:f}"
type = "integer"
"#,
        expect![[r#"
            box.toml:10:10: error: every line looks like this, also the answers
              10 | expect = "{}"
                 |          ^^^^
                 = help: write what tells it from an answer: `"!ALARM {}"`
            box.toml:13:14: error: `2nd` cannot be a name
              13 | [unsolicited."2nd"]
                 |              ^^^^^
                 = help: a name is letters, digits and `_`, not a digit first, at most 63
            box.toml:14:12: error: there is no parameter `lever`
              14 | expect = "!{lever:f}"
                 |            ^^^^^^^^^
                 = help: did you mean `level`?
            box.toml:16:14: error: the placeholder is for a number, and this is an integer
              16 | expect = "!A {:f}"
                 |              ^^^^
                 = help: write `{:d}`, or `type = "number"`
        "#]],
    );
}
