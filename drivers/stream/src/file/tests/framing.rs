//! Mistakes in where replies end, in frames of bytes, and in checksums.

use expect_test::expect;

use super::{check, check_text, good};
use crate::manner::ReplyEnd;

#[test]
fn a_reply_that_ends_nowhere_or_twice() {
    check_text(
        r#"
[instrument]
name = "Box"
[line]
reply_length = 4
silence = "20 ms"
[parameters.x]
read = { send = "X?", expect = "{:4d}" }
"#,
        expect![[r#"
            box.toml:6:1: error: a reply ends in one way
               6 | silence = "20 ms"
                 | ^^^^^^^
               5 | reply_length = 4
                 | ^^^^^^^^^^^^ said here already
                 = help: leave one of them
        "#]],
    );
    check_text(
        r#"
[instrument]
name = "Box"
[line]
terminator = "\n"
length_field = { at = 1, is = "u16" }
[parameters.x]
read = { send = "X?", expect = "{:4d}" }
"#,
        expect![[r#"
            box.toml:6:1: error: a reply ends in one way
               6 | length_field = { at = 1, is = "u16" }
                 | ^^^^^^^^^^^^
               5 | terminator = "\n"
                 | ^^^^^^^^^^ said here already
                 = help: leave one of them
            box.toml:6:31: error: `u16` is no whole number of a certain width
               6 | length_field = { at = 1, is = "u16" }
                 |                               ^^^^^
                 = help: write it as in a placeholder: `"u8"`, `"u16be"`, `"2d"`, `"4X"`
        "#]],
    );
    check_text(
        r#"
[instrument]
name = "Box"
[line]
length_field = { at = 1, is = "f32be", pluss = 3 }
[parameters.x]
read = { send = "X?", expect = "{:4d}" }
"#,
        expect![[r#"
            box.toml:5:40: error: unknown key `pluss`
               5 | length_field = { at = 1, is = "f32be", pluss = 3 }
                 |                                        ^^^^^
                 = help: did you mean `plus`?
        "#]],
    );
    check_text(
        r#"
[instrument]
name = "Box"
[line]
[parameters.x]
read = { send = "X?", expect = "X={:f}" }
write = { send = "X={:.1f}", reply_length = 3 }
[parameters.y]
read = { send = "Y?", expect = "{:4d}{:u8}", reply_length = 3 }
[parameters.z]
read = { send = "Z?", expect = "{:4d}", reply_length = 3 }
write = { send = "Z={:d}", expect = "" }
"#,
        expect![[r#"
            box.toml:6:32: error: nothing tells where this reply ends
               6 | read = { send = "X?", expect = "X={:f}" }
                 |                                ^^^^^^^^
                 = help: say `terminator`, `reply_length`, `length_field` or `silence` in `[line]`, or give every placeholder a width
            box.toml:7:30: error: where the reply ends is said, but no reply is expected
               7 | write = { send = "X={:.1f}", reply_length = 3 }
                 |                              ^^^^^^^^^^^^
                 = help: add `expect`
            box.toml:9:38: error: two placeholders where one value is due
               9 | read = { send = "Y?", expect = "{:4d}{:u8}", reply_length = 3 }
                 |                                      ^^^^^
               9 | read = { send = "Y?", expect = "{:4d}{:u8}", reply_length = 3 }
                 |                                 ^^^^^ the first one
                 = help: write `{_}` for what is of no interest, `{name:f}` for the value of another parameter
            box.toml:11:32: error: this is 4 bytes long, and the reply has 3
              11 | read = { send = "Z?", expect = "{:4d}", reply_length = 3 }
                 |                                ^^^^^^^
                 = help: leave out what is of no interest by `{_}`, which takes any number of bytes
            box.toml:12:37: error: nothing tells where this reply ends
              12 | write = { send = "Z={:d}", expect = "" }
                 |                                     ^^
                 = help: say `terminator`, `reply_length`, `length_field` or `silence` in `[line]`, or give every placeholder a width
        "#]],
    );
    check(
        r#"
[parameters.x]
type = "integer"
read = { send = "X?", expect = "{:u16be},{:s}" }
[parameters.text]
type = "text"
read = { send = "X?", expect = "{}{!crc32}" }
"#,
        expect![[r#"
            box.toml:9:42: error: two placeholders where one value is due
               9 | read = { send = "X?", expect = "{:u16be},{:s}" }
                 |                                          ^^^^
               9 | read = { send = "X?", expect = "{:u16be},{:s}" }
                 |                                 ^^^^^^^^ the first one
                 = help: write `{_}` for what is of no interest, `{name:f}` for the value of another parameter
            box.toml:9:42: error: the placeholder is for text, and this is an integer
               9 | read = { send = "X?", expect = "{:u16be},{:s}" }
                 |                                          ^^^^
                 = help: write `{:d}`, or `type = "number"`
            box.toml:12:32: error: nothing tells where this reply ends: the terminator may come by chance among its bytes
              12 | read = { send = "X?", expect = "{}{!crc32}" }
                 |                                ^^^^^^^^^^^^
                 = help: give what is open a width, or say `reply_length`, `length_field` or `silence`
        "#]],
    );
}

#[test]
fn numbers_as_bytes_that_are_none() {
    check(
        r#"
[parameters.x]
type = "integer"
read = { send = "X?", expect = "{:u16}" }
write = { send = "X={:u12be}" }
[parameters.y]
read = { send = "Y?", expect = "{:f16be}" }
write = { send = "{:bcd}" }
[parameters.z]
type = "integer"
read = { send = "Z?", expect = "{:f32be}" }
write = { send = "{:20bcd}" }
"#,
        expect![[r#"
            box.toml:9:33: error: unknown placeholder `{:u16}`
               9 | read = { send = "X?", expect = "{:u16}" }
                 |                                 ^^^^^^
                 = help: say which byte comes first: `{:u16be}` for the one that counts most, `{:u16le}` for the one that counts least
            box.toml:10:21: error: unknown placeholder `{:u12be}`
              10 | write = { send = "X={:u12be}" }
                 |                     ^^^^^^^^
                 = help: an integer has 8, 16, 24, … 64 bits: `{:u16be}`
            box.toml:12:33: error: unknown placeholder `{:f16be}`
              12 | read = { send = "Y?", expect = "{:f16be}" }
                 |                                 ^^^^^^^^
                 = help: a float has 32 or 64 bits: `{:f32be}`
            box.toml:13:19: error: unknown placeholder `{:bcd}`
              13 | write = { send = "{:bcd}" }
                 |                   ^^^^^^
                 = help: say how many digits, from 1 to 16: `{:4bcd}` for two bytes
            box.toml:16:33: error: the placeholder is for a float of 4 bytes, and this is an integer
              16 | read = { send = "Z?", expect = "{:f32be}" }
                 |                                 ^^^^^^^^
                 = help: write `{:d}`, or `type = "number"`
            box.toml:17:19: error: unknown placeholder `{:20bcd}`
              17 | write = { send = "{:20bcd}" }
                 |                   ^^^^^^^^
                 = help: say how many digits, from 1 to 16: `{:4bcd}` for two bytes
        "#]],
    );
}

#[test]
fn checksums_that_are_none() {
    check(
        r#"
[parameters.x]
read = { send = "X?{!crc16}", expect = "{:f}{!crc16-modbos}" }
write = { send = "X={:.1f}{!sum8:s}", expect = "{!sum8:.2f}" }
[parameters.y]
read = { send = "Y?{!xor8:u16}", expect = "{:f}{!md5}" }
[parameters.z]
read = { send = "Z?{!sum8:}", expect = "{:f}{!start:x}" }
"#,
        expect![[r#"
            box.toml:8:20: error: unknown placeholder `{!crc16}`
               8 | read = { send = "X?{!crc16}", expect = "{:f}{!crc16-modbos}" }
                 |                    ^^^^^^^^
                 = help: say which: `{!crc16-arc}`, `{!crc16-ccitt}`, `{!crc16-ccitt-1d0f}`, `{!crc16-kermit}`, `{!crc16-modbus}`, `{!crc16-xmodem}`
            box.toml:8:45: error: unknown placeholder `{!crc16-modbos}`
               8 | read = { send = "X?{!crc16}", expect = "{:f}{!crc16-modbos}" }
                 |                                             ^^^^^^^^^^^^^^^
                 = help: did you mean `{!crc16-modbus}`?
            box.toml:9:27: error: unknown placeholder `{!sum8:s}`
               9 | write = { send = "X={:.1f}{!sum8:s}", expect = "{!sum8:.2f}" }
                 |                           ^^^^^^^^^
                 = help: say how it is written: `{!sum8}` as bytes, `{!sum8:02X}` in characters
            box.toml:9:49: error: unknown placeholder `{!sum8:.2f}`
               9 | write = { send = "X={:.1f}{!sum8:s}", expect = "{!sum8:.2f}" }
                 |                                                 ^^^^^^^^^^^
                 = help: say how it is written: `{!sum8}` as bytes, `{!sum8:02X}` in characters
            box.toml:11:20: error: unknown placeholder `{!xor8:u16}`
              11 | read = { send = "Y?{!xor8:u16}", expect = "{:f}{!md5}" }
                 |                    ^^^^^^^^^^^
                 = help: say which byte comes first: `{:u16be}` for the one that counts most, `{:u16le}` for the one that counts least
            box.toml:11:48: error: unknown placeholder `{!md5}`
              11 | read = { send = "Y?{!xor8:u16}", expect = "{:f}{!md5}" }
                 |                                                ^^^^^^
                 = help: checksums: `{!sum8}`, `{!sum16}`, `{!sum32}`, `{!neg8}`, `{!neg16}`, `{!not8}`, `{!not16}`, `{!xor8}`, `{!lrc}`, `{!lrc-hex}`, `{!crc8}`, `{!crc8-maxim}`, `{!crc8-sensirion}`, `{!crc16-arc}`, `{!crc16-ccitt}`, `{!crc16-ccitt-1d0f}`, `{!crc16-kermit}`, `{!crc16-modbus}`, `{!crc16-xmodem}`, `{!crc32}`, `{!crc32-mpeg2}`, `{!crc32c}`; `{!start}` and `{!end}` say what they are of
            box.toml:13:20: error: unknown placeholder `{!sum8:}`
              13 | read = { send = "Z?{!sum8:}", expect = "{:f}{!start:x}" }
                 |                    ^^^^^^^^
                 = help: say how it is written: `{!sum8}` as bytes, `{!sum8:02X}` in characters
            box.toml:13:45: error: unknown placeholder `{!start:x}`
              13 | read = { send = "Z?{!sum8:}", expect = "{:f}{!start:x}" }
                 |                                             ^^^^^^^^^^
                 = help: checksums: `{!sum8}`, `{!sum16}`, `{!sum32}`, `{!neg8}`, `{!neg16}`, `{!not8}`, `{!not16}`, `{!xor8}`, `{!lrc}`, `{!lrc-hex}`, `{!crc8}`, `{!crc8-maxim}`, `{!crc8-sensirion}`, `{!crc16-arc}`, `{!crc16-ccitt}`, `{!crc16-ccitt-1d0f}`, `{!crc16-kermit}`, `{!crc16-modbus}`, `{!crc16-xmodem}`, `{!crc32}`, `{!crc32-mpeg2}`, `{!crc32c}`; `{!start}` and `{!end}` say what they are of
        "#]],
    );
}

#[test]
fn values_of_which_nobody_knows_where_they_end() {
    check(
        r#"
[parameters.a]
type = "text"
read = { send = "A?", expect = "{}{b:f}" }
[parameters.b]
read = { send = "B?", expect = "{:d}{c:d}" }
[parameters.c]
read = { send = "C?", expect = "{:d}0" }
[parameters.d]
read = { send = "D?", expect = "{:2d}{c:2d}{_}" }
[parameters.e]
read = { send = "E?", expect = "{:x}FF" }
[parameters.f]
read = { send = "F?", expect = "{_}{_:w}{:f}" }
"#,
        expect![[r#"
            box.toml:9:33: error: nothing tells where the first of these placeholders ends
               9 | read = { send = "A?", expect = "{}{b:f}" }
                 |                                 ^^^^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
            box.toml:11:33: error: nothing tells where the first of these placeholders ends
              11 | read = { send = "B?", expect = "{:d}{c:d}" }
                 |                                 ^^^^^^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
            box.toml:13:33: error: the number goes on with the digits that follow it
              13 | read = { send = "C?", expect = "{:d}0" }
                 |                                 ^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
            box.toml:17:33: error: the number goes on with the digits that follow it
              17 | read = { send = "E?", expect = "{:x}FF" }
                 |                                 ^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
            box.toml:19:33: error: nothing tells where the first of these placeholders ends
              19 | read = { send = "F?", expect = "{_}{_:w}{:f}" }
                 |                                 ^^^^^^^^
                 = help: put the text that comes between them there, or give the first one a width: `{:4d}`
        "#]],
    );
}

#[test]
fn a_reply_of_certain_fields_is_as_long_as_they_are() {
    let script = good(
        r#"
[parameters.a]
read = { send = "A?", expect = '\x02{:u16le}{!xor8}' }
[parameters.b]
read = { send = "B?", expect = "{:f}" }
[parameters.c]
read = { send = "C?", expect = "{:f}", reply_terminator = ">" }
[parameters.d]
type = "text"
read = { send = "D?", expect = "{:8s}", reply_timeout = "5 s", pause = "200 ms" }
"#,
    );
    let ends: Vec<Option<ReplyEnd>> = script
        .parameters
        .iter()
        .map(|parameter| match &parameter.read {
            Some(crate::script::Source::Asked { exchange, .. }) => exchange.turn.reply_end.clone(),
            _ => panic!("{} is asked for", parameter.facts.name),
        })
        .collect();
    // The first one with its terminator.
    assert_eq!(
        ends,
        [
            Some(ReplyEnd::Length(6)),
            None,
            Some(ReplyEnd::Terminator(b">".to_vec())),
            None
        ]
    );
}

#[test]
fn steps_that_are_none() {
    check(
        r#"
[parameters.pressure]
[parameters.pressure.read]
first = [{ send = "PR1", expect = "{:d}" }, { send = "{x}" }]
then = [{ send = "A{presure}\r\n", reply_length = 1 }]
send = "\u0005"
send_terminator = '\q'
expect = "{:f}\r\n"
reply_terminator = ""
"#,
        expect![[r#"
            box.toml:9:36: error: no value is expected here
               9 | first = [{ send = "PR1", expect = "{:d}" }, { send = "{x}" }]
                 |                                    ^^^^
                 = help: write `{_}` for what is of no interest, `{name:f}` for the value of a parameter
            box.toml:9:55: error: there is no parameter `x`
               9 | first = [{ send = "PR1", expect = "{:d}" }, { send = "{x}" }]
                 |                                                       ^^^
                 = help: did you mean `{:x}`?
            box.toml:10:18: error: the terminator of the line stands in its text
              10 | then = [{ send = "A{presure}\r\n", reply_length = 1 }]
                 |                  ^^^^^^^^^^^^^^^^
                 = help: leave it out: it is added to what is sent, and taken off what comes
            box.toml:10:18: error: there is no parameter `presure`
              10 | then = [{ send = "A{presure}\r\n", reply_length = 1 }]
                 |                  ^^^^^^^^^^^^^^^^
                 = help: did you mean `pressure`?
            box.toml:10:36: error: where the reply ends is said, but no reply is expected
              10 | then = [{ send = "A{presure}\r\n", reply_length = 1 }]
                 |                                    ^^^^^^^^^^^^
                 = help: add `expect`
            box.toml:12:20: error: unknown escape `\q`
              12 | send_terminator = '\q'
                 |                    ^^
                 = help: escapes: `\r` `\n` `\t` `\e` `\0` `\xHH` and `\\` for a backslash
            box.toml:14:20: error: a reply has to end with something
              14 | reply_terminator = ""
                 |                    ^^
                 = help: most instruments end their lines with "\r\n", "\n" or "\r"; for those that do not, see `reply_length`, `length_field` and `silence`
        "#]],
    );
}
