//! Frames of bytes, without a terminator.

use super::{values::raw_lab, *};

const METER: &str = r#"
[instrument]
name = "Meter"
[line]
reply_timeout = "20 s"
retries = 1
[parameters.level]
scale = 0.1
unit = "mm"
read = { send = '\x02\x10{!crc16-modbus}', expect = '\x02{:i16be}{_:u8}{!crc16-modbus}' }
write = { send = '\x02\x11{:i16be}{!crc16-modbus}', expect = '\x02{:i16be}{!crc16-modbus}' }
[parameters.name]
type = "text"
read = { send = '\x02\x12{!xor8}', expect = '\x02{_:u8}{:s}{!xor8}', length_field = { at = 1, is = "u8", plus = 3 } }
[parameters.trace]
type = "bytes"
read = { send = '\x02\x13{!xor8}', expect = '{}', silence = "50 ms" }
[parameters.count]
type = "integer"
read = { send = 'N', expect = '{:4bcd}', reply_length = 2 }
"#;

fn frame(bytes: &[u8]) -> Vec<u8> {
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(bytes);
    [bytes, &crc.to_le_bytes()].concat()
}

fn xored(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[bytes.iter().fold(0, |x, byte| x ^ byte)]].concat()
}

#[test]
fn frames_are_as_long_as_their_fields() {
    let (mut lab, instrument) = raw_lab(
        METER,
        json!({}),
        vec![
            (frame(b"\x02\x10"), frame(b"\x02\xff\x9c\x0d")),
            (frame(b"\x02\x11\x00\x7d"), frame(b"\x02\x00\x7d")),
            (xored(b"\x02\x12"), xored(b"\x02\x05Meter")),
            (xored(b"\x02\x13"), b"\x00\r\n\xff".to_vec()),
            (b"N".to_vec(), b"\x12\x34".to_vec()),
        ],
    );
    let bench = &mut lab.bench;
    let level = &bench.table().parameters[0];
    assert_eq!((level.tolerance, level.digits), (Some(0.05), Some(1)));
    assert_eq!(bench.read("level").unwrap(), Value::Float(-10.0));
    bench.write("level", 12.5).unwrap();
    assert_eq!(bench.read("name").unwrap(), Value::from("Meter"));
    assert_eq!(
        bench.read("trace").unwrap(),
        Value::Array(b"\x00\r\n\xff".to_vec().into())
    );
    assert_eq!(bench.read("count").unwrap(), Value::Int(1234));
    assert_eq!(
        told(bench.write("level", 4000.0)),
        "RangeError: 4000.0 cannot be written as a signed integer of 2 bytes"
    );
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn a_wrong_checksum_is_asked_again_and_never_a_value() {
    let mut broken = frame(b"\x02\xff\x9c\x0d");
    broken[1] ^= 4;
    let (mut lab, instrument) = raw_lab(
        // What does not fit is followed by a wait for what does.
        &METER.replace("20 s", "500 ms"),
        json!({}),
        vec![
            (frame(b"\x02\x10"), broken.clone()),
            (frame(b"\x02\x10"), frame(b"\x02\x00\x01\x0d")),
            (frame(b"\x02\x10"), broken.clone()),
            (frame(b"\x02\x10"), broken),
        ],
    );
    let bench = &mut lab.bench;
    assert_eq!(bench.read("level").unwrap(), Value::Float(0.1));
    expect![[r#"ReadFailed: sent `\x02\x10\x01\x1c`, expected `\x02{:i16be}{_:u8}{!crc16-modbus}`, got `\x02\xfb\x9c\r\x99i` (the checksum crc16-modbus of what came is `\xd8\xa8`, not `\x99\x69`)"#]].assert_eq(&told(bench.read("level")));
    drop(lab);
    instrument.join().unwrap();
}

const GAUGE: &str = r#"
[instrument]
name = "Gauge"
[line]
terminator = "\r\n"
reply_timeout = "3 s"
[parameters.pressure]
unit = "mbar"
[parameters.pressure.read]
first = [{ send = "PR1", expect = '\x06' }]
send = '\x05'
send_terminator = ""
expect = "0,{:e}"
errors = { "5,{_}" = { kind = "ReadFailed", text = "no sensor" } }
[parameters.model]
type = "text"
read = { send = "INFO", expect = '{}\r\n{_}\r\n', reply_terminator = '> ' }
[parameters.relay]
type = "integer"
read = { send = "R?", expect = "{:-04X}" }
write = { send = "R={:-04X}", expect = '\x06', then = [{ send = '\x05', send_terminator = "", expect = "{_:d}" }] }
"#;

#[test]
fn an_exchange_may_have_steps_and_ends_of_its_own() {
    let bytes = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(question, answer)| (question.as_bytes().to_vec(), answer.as_bytes().to_vec()));
        pairs.collect()
    };
    let (mut lab, instrument) = raw_lab(
        GAUGE,
        json!({}),
        bytes(&[
            ("PR1\r\n", "\x06\r\n"),
            ("\x05", "0,+1.2000E-03\r\n"),
            ("PR1\r\n", "\x06\r\n"),
            ("\x05", "5,+0.0000E+00\r\n"),
            ("PR1\r\n", "\x15\r\n"),
            ("INFO\r\n", "TPG 262\r\nversion 3\r\n> "),
            ("R?\r\n", "FFFE\r\n"),
            ("R=8000\r\n", "\x06\r\n"),
            ("\x05", "0\r\n"),
        ]),
    );
    let bench = &mut lab.bench;
    assert_eq!(bench.read("pressure").unwrap(), Value::Float(0.0012));
    assert_eq!(
        told(bench.read("pressure")),
        "ReadFailed: no sensor (sent `\\x05`, got the error `5,+0.0000E+00`)"
    );
    assert_eq!(
        told(bench.read("pressure")),
        "ReadFailed: sent `PR1`, expected `\\x06`, got `\\x15` (`\\x06` is missing at its start)"
    );
    assert_eq!(bench.read("model").unwrap(), Value::from("TPG 262"));
    assert_eq!(bench.read("relay").unwrap(), Value::Int(-2));
    bench.write("relay", -32768_i64).unwrap();
    assert_eq!(
        told(bench.write("relay", 32768_i64)),
        "RangeError: 32768 cannot be written as a hexadecimal number of 4 characters"
    );
    drop(lab);
    instrument.join().unwrap();
}
