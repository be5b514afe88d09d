//! Mistakes in `send`, `expect` and terminators.

use expect_test::expect;

use super::{check, check_text};

#[test]
fn unknown_placeholders_and_escapes() {
    check(
        r#"
[parameters.x]
read = { send = 'X?\q', expect = "X={:.2g}" }
write = { send = "X={%.2f}" }
[parameters.y]
read = { send = "Y?", expect = "Y={" }
write = { send = "Y={y}} °" }
"#,
        expect![[r#"
            box.toml:8:20: error: unknown escape `\q`
               8 | read = { send = 'X?\q', expect = "X={:.2g}" }
                 |                    ^^
                 = help: escapes: `\r` `\n` `\t` `\e` `\0` `\xHH` and `\\` for a backslash
            box.toml:8:37: error: unknown placeholder `{:.2g}`
               8 | read = { send = 'X?\q', expect = "X={:.2g}" }
                 |                                     ^^^^^^
                 = help: placeholders: `{}` the value, `{:.2f}` a number, `{:d}` `{:x}` a whole number, `{:u16be}` one as bytes, `{:s}` text, `{name}` the value of another parameter, `{_}` anything, `{!sum8}` a checksum
            box.toml:9:21: error: unknown placeholder `{%.2f}`
               9 | write = { send = "X={%.2f}" }
                 |                     ^^^^^^
                 = help: did you mean `{:.2f}`?
            box.toml:11:35: error: a placeholder is not closed
              11 | read = { send = "Y?", expect = "Y={" }
                 |                                   ^
                 = help: close it with `}`, or write `{{` for a brace
            box.toml:12:24: error: a brace closes nothing
              12 | write = { send = "Y={y}} °" }
                 |                        ^
                 = help: write `}}` for a brace
        "#]],
    );
}

#[test]
fn two_placeholders_where_one_is_due() {
    check(
        r#"
[parameters.x]
read = { send = "X? {}", expect = "X={:f},Y={:f}" }
write = { send = "X={:f} Y={:f}", expect = "{:f} {:f}" }
[parameters.y]
read = { send = "Y?", expect = "Y=" }
write = { send = "Y={_}" }
[commands.home]
send = "HOME {}"
expect = "{:d}"
[parameters.z]
read = { send = "Z?", expect = "{_}{:f}" }
"#,
        expect![[r#"
            box.toml:8:21: error: no value is sent here
               8 | read = { send = "X? {}", expect = "X={:f},Y={:f}" }
                 |                     ^^
                 = help: write `{{` and `}}` for braces
            box.toml:8:45: error: two placeholders where one value is due
               8 | read = { send = "X? {}", expect = "X={:f},Y={:f}" }
                 |                                             ^^^^
               8 | read = { send = "X? {}", expect = "X={:f},Y={:f}" }
                 |                                      ^^^^ the first one
                 = help: write `{_}` for what is of no interest, `{name:f}` for the value of another parameter
            box.toml:9:28: error: the value is sent once, not twice
               9 | write = { send = "X={:f} Y={:f}", expect = "{:f} {:f}" }
                 |                            ^^^^
               9 | write = { send = "X={:f} Y={:f}", expect = "{:f} {:f}" }
                 |                     ^^^^ the first one
                 = help: leave one placeholder
            box.toml:9:50: error: two placeholders where one value is due
               9 | write = { send = "X={:f} Y={:f}", expect = "{:f} {:f}" }
                 |                                                  ^^^^
               9 | write = { send = "X={:f} Y={:f}", expect = "{:f} {:f}" }
                 |                                             ^^^^ the first one
                 = help: write `{_}` for what is of no interest, `{name:f}` for the value of another parameter
            box.toml:11:32: error: the value has no place in what is expected
              11 | read = { send = "Y?", expect = "Y=" }
                 |                                ^^^^
                 = help: put `{}`, or `{:f}`, in its place
            box.toml:12:18: error: the value is not in what is sent
              12 | write = { send = "Y={_}" }
                 |                  ^^^^^^^
                 = help: put `{}`, or `{:.2f}`, in its place
            box.toml:12:21: error: `{_}` stands for something that comes, and cannot be sent
              12 | write = { send = "Y={_}" }
                 |                     ^^^
                 = help: leave it out, or write `{{_}}` for the text
            box.toml:14:8: error: what kind of value the argument is, is not said
              14 | send = "HOME {}"
                 |        ^^^^^^^^^
                 = help: write `{:f}`, `{:d}` or `{:s}`, or `argument = { type = "number" }`
            box.toml:17:33: error: nothing tells where the first of these placeholders ends
              17 | read = { send = "Z?", expect = "{_}{:f}" }
                 |                                 ^^^^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
        "#]],
    );
}

#[test]
fn placeholders_for_another_kind_of_value() {
    check(
        r#"
[parameters.count]
type = "integer"
read = { send = "C?", expect = "{:f}" }
write = { send = "C={:.1f}" }
[parameters.model]
type = "text"
read = { send = "M?", expect = "{:d}" }
[parameters.mode]
values = { off = "0", on = "1" }
read = { send = "O?", expect = "{:d}" }
[parameters.level]
read = { send = "L?", expect = "{:s}" }
[parameters.depth]
read = { send = "D?", expect = "{:6.2f}" }
"#,
        expect![[r#"
            box.toml:9:33: error: the placeholder is for a number, and this is an integer
               9 | read = { send = "C?", expect = "{:f}" }
                 |                                 ^^^^
                 = help: write `{:d}`, or `type = "number"`
            box.toml:10:21: error: the placeholder is for a number, and this is an integer
              10 | write = { send = "C={:.1f}" }
                 |                     ^^^^^^
                 = help: write `{:d}`, or `type = "number"`
            box.toml:13:33: error: the placeholder is for a whole number, and this is text
              13 | read = { send = "M?", expect = "{:d}" }
                 |                                 ^^^^
                 = help: write `{:s}`, or `type = "number"`
            box.toml:18:33: error: the placeholder is for text, and this is a number
              18 | read = { send = "L?", expect = "{:s}" }
                 |                                 ^^^^
                 = help: write `{:f}`, or `type = "text"`
        "#]],
    );
}

#[test]
fn terminators() {
    check_text(
        r#"
[instrument]
name = "Box"
[line]
terminator = { send = "\\r", reply = "" }
[parameters.x]
read = { send = "X?", expect = "{:f}" }
"#,
        expect![[r#"
            box.toml:5:38: error: a reply has to end with something
               5 | terminator = { send = "\\r", reply = "" }
                 |                                      ^^
                 = help: most instruments end their lines with "\r\n", "\n" or "\r"; for those that do not, see `reply_length`, `length_field` and `silence`
        "#]],
    );
    check(
        r#"
[[init]]
send = "REMOTE\r\n"
[[init]]
send = "ECHO {}"
[parameters.x]
read = { send = "X?\r\n", expect = "{:f}\r\n" }
"#,
        expect![[r#"
            box.toml:8:8: error: the terminator of the line stands in its text
               8 | send = "REMOTE\r\n"
                 |        ^^^^^^^^^^^^
                 = help: leave it out: it is added to what is sent, and taken off what comes
            box.toml:10:14: error: no value is sent here
              10 | send = "ECHO {}"
                 |              ^^
                 = help: write `{{` and `}}` for braces
            box.toml:12:17: error: the terminator of the line stands in its text
              12 | read = { send = "X?\r\n", expect = "{:f}\r\n" }
                 |                 ^^^^^^^^
                 = help: leave it out: it is added to what is sent, and taken off what comes
            box.toml:12:36: error: the terminator of the line stands in its text
              12 | read = { send = "X?\r\n", expect = "{:f}\r\n" }
                 |                                    ^^^^^^^^^^
                 = help: leave it out: it is added to what is sent, and taken off what comes
        "#]],
    );
}
