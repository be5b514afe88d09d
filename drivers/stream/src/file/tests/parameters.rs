//! Mistakes in parameters and in names.

use expect_test::expect;

use super::check;

#[test]
fn enums_that_do_not_say_everything() {
    check(
        r#"
[parameters.mode]
values = { off = "0", on = "1", boost = "1", rest = "" }
read = { send = "M?", expect = "{}" }
write = { send = "M={}", values = { off = "OFF", onn = "ON" } }
[parameters.valve]
type = "enum"
read = { send = "V?", expect = "{}" }
[parameters.name]
type = "text"
values = { a = "b" }
read = { send = "N?", expect = "{}" }
[parameters.empty]
values = {}
read = { send = "E?", expect = "{}" }
[parameters.switch]
values = { off = 0, on = 1 }
read = { send = "S?", expect = "{}" }
"#,
        expect![[r#"
            box.toml:8:41: error: `1` stands for `on` already
               8 | values = { off = "0", on = "1", boost = "1", rest = "" }
                 |                                         ^^^
                 = help: what comes has to tell which of them it is
            box.toml:8:53: error: nothing stands for `rest`
               8 | values = { off = "0", on = "1", boost = "1", rest = "" }
                 |                                                     ^^
                 = help: say what the instrument sends for it
            box.toml:10:26: error: nothing stands for `on`, `boost`, `rest` here
              10 | write = { send = "M={}", values = { off = "OFF", onn = "ON" } }
                 |                          ^^^^^^
                 = help: where `values` are said apart, they are said for every member
            box.toml:10:50: error: the enum has no member `onn`
              10 | write = { send = "M={}", values = { off = "OFF", onn = "ON" } }
                 |                                                  ^^^
                 = help: did you mean `on`? (members: `off`, `on`, `boost`, `rest`)
            box.toml:12:8: error: an enum has `values`
              12 | type = "enum"
                 |        ^^^^^^
                 = help: `values = { off = "0", on = "1" }`: each name, and what stands for it on the line
            box.toml:16:1: error: only an enum has `values`
              16 | values = { a = "b" }
                 | ^^^^^^
                 = help: leave `type` out, or write `type = "enum"`
            box.toml:19:10: error: an enum has at least one value
              19 | values = {}
                 |          ^^
                 = help: `values = { off = "0", on = "1" }`
            box.toml:22:18: error: `off` must be a string, not an integer
              22 | values = { off = 0, on = 1 }
                 |                  ^
                 = help: put it in quotes: `"0"`
            box.toml:22:26: error: `on` must be a string, not an integer
              22 | values = { off = 0, on = 1 }
                 |                          ^
                 = help: put it in quotes: `"1"`
        "#]],
    );
}

#[test]
fn more_than_one_main_parameter() {
    check(
        r#"
[parameters.x]
main = true
read = { send = "X?", expect = "{:f}" }
[parameters.y]
main = true
read = { send = "Y?", expect = "{:f}" }
"#,
        expect![[r#"
            box.toml:11:1: error: `x` is the main parameter already
              11 | main = true
                 | ^^^^
               8 | main = true
                 | ^^^^ here
                 = help: an instrument is about one thing: leave one `main = true`
        "#]],
    );
}

#[test]
fn limits_and_other_facts() {
    check(
        r#"
[parameters.x]
limits = [100, 0]
tolerance = -1
read = { send = "X?", expect = "{:f}" }
[parameters.x2]
limits = [100, 0]
read = { send = "X?", expect = "{:f}" }
[parameters.n]
type = "integer"
limits = [0.5, 3]
write = { send = "N={}" }
[parameters.model]
type = "text"
unit = "mm"
limits = [0, 1]
read = { send = "M?", expect = "{}" }
[parameters.current]
read = { send = "C?", expect = "{:f}" }
write = { send = "C={:.3e}" }
[parameters.nothing]
doc = "Neither read nor written"
"#,
        expect![[r#"
            box.toml:9:13: error: `tolerance` must be at least 0
               9 | tolerance = -1
                 |             ^^
            box.toml:12:10: error: the limits are reversed
              12 | limits = [100, 0]
                 |          ^^^^^^^^
                 = help: the smaller one comes first: `[0, 100]`
            box.toml:16:10: error: the limits of an integer are whole numbers
              16 | limits = [0.5, 3]
                 |          ^^^^^^^^
                 = help: write whole numbers, or `type = "number"`
            box.toml:20:1: error: only a number has `unit`
              20 | unit = "mm"
                 | ^^^^
                 = help: leave it out
            box.toml:21:1: error: only a number has `limits`
              21 | limits = [0, 1]
                 | ^^^^^^
                 = help: leave it out
            box.toml:25:18: error: how near the readback has to come is not said
              25 | write = { send = "C={:.3e}" }
                 |                  ^^^^^^^^^^
                 = help: with an exponent it depends on the number: add `tolerance`, or `limits`
            box.toml:26:13: error: `nothing` can neither be read nor written
              26 | [parameters.nothing]
                 |             ^^^^^^^
                 = help: say how, `read = { send = "…", expect = "{}" }`, or put `{nothing}` into another's `expect`
        "#]],
    );
}

#[test]
fn names_that_cannot_be() {
    check(
        r#"
[parameters.value]
read = { send = "V?", expect = "{:f}" }
[parameters."bath-temp"]
read = { send = "T?", expect = "{:f}" }
[parameters.Speed]
read = { send = "S?", expect = "{:f}" }
[commands.speed]
send = "S"
[commands.stop]
send = "H"
[commands.2nd]
send = "2"
"#,
        expect![[r#"
            box.toml:7:13: error: `value` is a name that the host needs itself
               7 | [parameters.value]
                 |             ^^^^^
                 = help: name it after what it is: `temperature`, `setpoint`, `position`
            box.toml:9:13: error: `bath-temp` cannot be a name
               9 | [parameters."bath-temp"]
                 |             ^^^^^^^^^^^
                 = help: a name is letters, digits and `_`, not a digit first, at most 63: `bath_temp`, say
            box.toml:13:11: error: `speed` is the name of something else already
              13 | [commands.speed]
                 |           ^^^^^
              11 | [parameters.Speed]
                 |             ^^^^^ here
                 = help: parameters and commands share their names, and case does not count
            box.toml:15:11: error: `stop` is a name that the host needs itself
              15 | [commands.stop]
                 |           ^^^^
                 = help: what stops the instrument is described under `[stop]`
            box.toml:17:11: error: `2nd` cannot be a name
              17 | [commands.2nd]
                 |           ^^^
                 = help: a name is letters, digits and `_`, not a digit first, at most 63
        "#]],
    );
}
