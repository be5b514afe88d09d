//! Mistakes in readings of several parameters, bits, settings and scales.

use expect_test::expect;

use super::check;

#[test]
fn names_that_stand_for_nothing() {
    check(
        r#"
[readings.all]
send = "ALL? {$chanel} {volage}"
expect = "{voltage:f},{curent:f},{:f}"
[readings.none]
send = "NONE?"
expect = "OK {_}"
[settings.channel]
default = 1
[parameters.voltage]
unit = "V"
[parameters.current]
unit = "A"
read = { send = "C?", expect = "{d}" }
write = { send = "C={:.1f},{$x}" }
[parameters.power]
"#,
        expect![[r#"
            box.toml:8:14: error: there is no setting `chanel`
               8 | send = "ALL? {$chanel} {volage}"
                 |              ^^^^^^^^^
                 = help: did you mean `channel`?
            box.toml:8:24: error: there is no parameter `volage`
               8 | send = "ALL? {$chanel} {volage}"
                 |                        ^^^^^^^^
                 = help: did you mean `voltage`? (names: `voltage`, `current`, `power`)
            box.toml:9:23: error: there is no parameter `curent`
               9 | expect = "{voltage:f},{curent:f},{:f}"
                 |                       ^^^^^^^^^^
                 = help: did you mean `current`? (names: `voltage`, `current`, `power`)
            box.toml:9:34: error: whose value this is, is not said
               9 | expect = "{voltage:f},{curent:f},{:f}"
                 |                                  ^^^^
                 = help: write `{name:f}` for that of a parameter, `{_}` for what is of no interest
            box.toml:12:10: error: no parameter gets its value from here
              12 | expect = "OK {_}"
                 |          ^^^^^^^^
                 = help: put their names in the places of the values: `"{voltage:f},{current:f}"`
            box.toml:19:32: error: the value has no place in what is expected
              19 | read = { send = "C?", expect = "{d}" }
                 |                                ^^^^^
                 = help: put `{}`, or `{:f}`, in its place
            box.toml:19:33: error: there is no parameter `d`
              19 | read = { send = "C?", expect = "{d}" }
                 |                                 ^^^
                 = help: did you mean `{:d}`?
            box.toml:20:28: error: there is no setting `x`
              20 | write = { send = "C={:.1f},{$x}" }
                 |                            ^^^^
                 = help: settings: `channel`
            box.toml:21:13: error: `power` can neither be read nor written
              21 | [parameters.power]
                 |             ^^^^^
                 = help: say how, `read = { send = "…", expect = "{}" }`, or put `{power}` into another's `expect`
        "#]],
    );
}

#[test]
fn bits_of_nothing_and_bits_of_two() {
    check(
        r#"
[readings.flags]
send = "STB?"
expect = "{:d}"
bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
[readings.words]
send = "W?"
expect = "{:s}"
bits = { ready = 0 }
[parameters.ready]
type = "bool"
[parameters.fault]
type = "bool"
[parameters.mode]
values = { off = "OFF", on = "ON" }
[parameters.error]
type = "integer"
[parameters.text]
type = "text"
[parameters.wide]
type = "bool"
[parameters.last]
type = "integer"
[parameters.odd]
type = "integer"
[parameters.level]
read = { send = "L?", expect = "{:f}", bits = { ready = 0 } }
"#,
        expect![[r#"
            box.toml:10:21: error: there is no parameter `falt`
              10 | bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
                 |                     ^^^^
                 = help: did you mean `fault`? (parameters: `ready`, `fault`, `mode`, `error`, `text`, `wide`, `last`, `odd`, `level`)
            box.toml:10:31: error: `mode` cannot be bits of a number: bits are a whole number, and `values` has others
              10 | bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
                 |                               ^^^^
                 = help: write `type = "bool"` or `type = "integer"` under `[parameters.mode]`
            box.toml:10:62: error: `text` cannot be bits of a number: bits are no text
              10 | bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
                 |                                                              ^^^^
                 = help: write `type = "bool"` or `type = "integer"` under `[parameters.text]`
            box.toml:10:79: error: a bool is one bit, and these are 2
              10 | bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
                 |                                                                               ^^^^^^
                 = help: write `6`, or give `wide` another `type`
            box.toml:10:94: error: these are no bits of a number
              10 | bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
                 |                                                                                              ^^
                 = help: write `3` for one, `"4..7"` for four of them, from 0 to 62
            box.toml:10:104: error: these are no bits of a number
              10 | bits = { ready = 0, falt = 1, mode = "2..3", error = "1..2", text = 5, wide = "6..7", last = 63, odd = "7-8" }
                 |                                                                                                        ^^^^^
                 = help: write `3` for one, `"4..7"` for four of them, from 0 to 62
            box.toml:13:11: error: the placeholder is for text, and this is an integer
              13 | expect = "{:s}"
                 |           ^^^^
                 = help: write `{:d}`, or `type = "number"`
            box.toml:17:13: error: `fault` can neither be read nor written
              17 | [parameters.fault]
                 |             ^^^^^
                 = help: say how, `read = { send = "…", expect = "{}" }`, or put `{fault}` into another's `expect`
            box.toml:32:40: error: only a whole number has bits
              32 | read = { send = "L?", expect = "{:f}", bits = { ready = 0 } }
                 |                                        ^^^^
                 = help: write `{:d}` in `expect`, and `type = "integer"` if it is a parameter
        "#]],
    );
}

#[test]
fn settings_without_a_sense() {
    check(
        r#"
[settings.channel]
type = "integer"
[settings.mode]
values = { a = "1", b = "2" }
default = "c"
[settings.gain]
default = 20
limits = [1, 10]
[settings.name]
default = "x"
limits = [0, 1]
[settings.on]
default = true
[parameters.level]
read = { send = "L{$channel}{$mode:d}{$name:d}{$on}?", expect = "{:f}" }
"#,
        expect![[r#"
            box.toml:7:11: error: the setting `channel` has no value
               7 | [settings.channel]
                 |           ^^^^^^^
                 = help: give it one in the lab's config, `options = { settings = { channel = … } }`, or a `default` here
            box.toml:11:11: error: the setting `mode`: expected one of `a`, `b`, found `c`
              11 | default = "c"
                 |           ^^^
            box.toml:13:11: error: the setting `gain`: 20 is outside of 1 to 10
              13 | default = 20
                 |           ^^
            box.toml:17:1: error: only a number has `limits`
              17 | limits = [0, 1]
                 | ^^^^^^
                 = help: leave it out
        "#]],
    );
}

#[test]
fn scales_and_kinds() {
    check(
        r#"
[parameters.a]
scale = 0
read = { send = "A?", expect = "{:d}" }
[parameters.b]
type = "integer"
scale = 0.5
offset = 1.5
read = { send = "B?", expect = "{:d}" }
[parameters.c]
type = "text"
scale = 2
read = { send = "C?", expect = "{}" }
[parameters.d]
type = "bool"
values = { off = "0", on = "1" }
read = { send = "D?", expect = "{}" }
[parameters.e]
type = "bool"
read = { send = "E?", expect = "{:f}" }
[parameters.f]
type = "bytes"
read = { send = "F?", expect = "{:8s}" }
[parameters.g]
type = "real"
read = { send = "G?", expect = "{}" }
"#,
        expect![[r#"
            box.toml:8:9: error: a scale of zero makes all numbers the same
               8 | scale = 0
                 |         ^
                 = help: leave it out for a scale of 1
            box.toml:12:9: error: the scale of an integer is a whole number
              12 | scale = 0.5
                 |         ^^^
                 = help: write a whole number, or `type = "number"`
            box.toml:13:10: error: the offset of an integer is a whole number
              13 | offset = 1.5
                 |          ^^^
                 = help: write a whole number, or `type = "number"`
            box.toml:17:1: error: only a number has `scale`
              17 | scale = 2
                 | ^^^^^
                 = help: leave it out
            box.toml:21:1: error: nothing stands for `false`, `true` here
              21 | values = { off = "0", on = "1" }
                 | ^^^^^^
                 = help: where `values` are said apart, they are said for every member
            box.toml:21:12: error: a bool has no member `off`
              21 | values = { off = "0", on = "1" }
                 |            ^^^
                 = help: members: `false`, `true`
            box.toml:21:23: error: a bool has no member `on`
              21 | values = { off = "0", on = "1" }
                 |                       ^^
                 = help: members: `false`, `true`
            box.toml:25:33: error: the placeholder is for a number, and this is a bool
              25 | read = { send = "E?", expect = "{:f}" }
                 |                                 ^^^^
                 = help: write `{}`: what stands for `false` and `true` is in `values`
            box.toml:28:33: error: the placeholder is for text, and this is bytes
              28 | read = { send = "F?", expect = "{:8s}" }
                 |                                 ^^^^^
                 = help: write `{}`, or `{:8}` for eight of them
            box.toml:30:8: error: `type` cannot be `real`
              30 | type = "real"
                 |        ^^^^^^
                 = help: choices: `number`, `integer`, `text`, `enum`, `bool`, `bytes`
        "#]],
    );
}

#[test]
fn questions_that_need_their_own_answer() {
    check(
        r#"
[parameters.a]
read = { send = "A? {b:d}", expect = "{:d}" }
[parameters.b]
read = { send = "B? {c:d}", expect = "{:d}" }
[parameters.c]
read = { send = "C? {a:d}", expect = "{:d}" }
"#,
        expect![[r#"
            box.toml:8:17: error: this question needs its own answer
               8 | read = { send = "A? {b:d}", expect = "{:d}" }
                 |                 ^^^^^^^^^^
                 = help: the way back: a → b → c → a
            box.toml:10:17: error: this question needs its own answer
              10 | read = { send = "B? {c:d}", expect = "{:d}" }
                 |                 ^^^^^^^^^^
                 = help: the way back: b → c → a → b
            box.toml:12:17: error: this question needs its own answer
              12 | read = { send = "C? {a:d}", expect = "{:d}" }
                 |                 ^^^^^^^^^^
                 = help: the way back: c → a → b → c
        "#]],
    );
}
