//! Checksums within lines.

use proptest::prelude::*;

use super::*;
use crate::template::checksum::Algorithm;

#[test]
fn a_checksum_is_of_what_stands_before_it() {
    check_print(
        &[
            ("text", "{}{!sum8:02X}", Value::from("123456789")),
            ("text", "{}{!crc16-modbus}", Value::from("123456789")),
            ("text", "{}{!crc16-ccitt}", Value::from("123456789")),
            (
                "text",
                "\\x02{!start}{}{!end}\\x03{!xor8:02x}",
                Value::from("123456789"),
            ),
            ("text", "\\x02{}{!neg8:03d}", Value::from("1")),
            ("text", ":{!start}{}{!lrc-hex:02X}", Value::from("1103006B0003")),
            ("text", "{}{!crc32:u32le}", Value::from("123456789")),
            ("text", "{}{!sum16:2x}", Value::from("123456789")),
        ],
        expect![[r#"
            {}{!sum8:02X} of Text("123456789"): `123456789DD`
            {}{!crc16-modbus} of Text("123456789"): `1234567897K`
            {}{!crc16-ccitt} of Text("123456789"): `123456789)\xb1`
            \x02{!start}{}{!end}\x03{!xor8:02x} of Text("123456789"): `\x02123456789\x0331`
            \x02{}{!neg8:03d} of Text("1"): `\x021205`
            :{!start}{}{!lrc-hex:02X} of Text("1103006B0003"): `:1103006B00037E`
            {}{!crc32:u32le} of Text("123456789"): `123456789&9\xf4\xcb`
            {}{!sum16:2x} of Text("123456789"): error: the checksum 477 does not fit into a hexadecimal number of 2 characters
        "#]],
    );
    check_scan(
        &[
            ("text", "{}{!sum8:02X}", b"123456789DD"),
            ("text", "{}{!sum8:02X}", b"123456789dd"),
            ("text", "{}{!sum8:02X}", b"123456788DD"),
            ("text", "{}{!sum8:02X}", b"D"),
            ("number", "{:f}{!crc16-modbus}", b"12.5\xdb\x11"),
            ("number", "{:f}{!crc16-modbus}", b"12.5\xdb"),
            ("text", "\\x02{!start}{}{!end}\\x03{!xor8:02x}", b"\x02123456789\x0331"),
        ],
        expect![[r#"
            {}{!sum8:02X} `123456789DD`: Text("123456789")
            {}{!sum8:02X} `123456789dd`: Text("123456789")
            expected `{}{!sum8:02X}`, got `123456788DD` (the checksum sum8 of what came is `DC`, not `DD`)
            expected `{}{!sum8:02X}`, got `D` (the checksum sum8 is missing at its end)
            expected `{:f}{!crc16-modbus}`, got `12.5\xdb\x11` (the checksum crc16-modbus of what came is `\x72\xa0`, not `\xdb\x11`)
            expected `{:f}{!crc16-modbus}`, got `12.5\xdb` (the checksum crc16-modbus is missing at byte 5, before `\xdb`)
            \x02{!start}{}{!end}\x03{!xor8:02x} `\x02123456789\x0331`: Text("123456789")
        "#]],
    );
}

/// Every algorithm, over a text, in bytes and in characters.
fn lines() -> impl Iterator<Item = (&'static str, [String; 2])> {
    Algorithm::names().map(|name| {
        let digits = usize::from(Algorithm::named(name).unwrap().bytes()) * 2;
        (
            name,
            [
                format!("<{{:24s}}>{{!{name}}}"),
                format!("<{{:24s}}>{{!{name}:0{digits}X}}"),
            ],
        )
    })
}

/// Flips of one bit are seen by every algorithm; those of a burst no longer than the checksum by every CRC.
#[test]
fn a_flipped_bit_never_makes_a_value() {
    for (name, templates) in lines() {
        for template in templates {
            let format = format("text", &template);
            let line = format.print(Given::own(&Value::from("+0.123E-4 V"))).unwrap();
            assert!(format.scan(&line).is_ok(), "{template}");
            for bit in 0..line.len() * 8 {
                let mut broken = line.clone();
                broken[bit / 8] ^= 1 << (bit % 8);
                let Ok(Scanned { own, .. }) = format.scan(&broken) else {
                    continue;
                };
                // A capital that became a small letter within the checksum is the same checksum; `lrc-hex` reads
                // hexadecimal digits so, too.
                let in_checksum = bit / 8 >= 26;
                let only_case = broken.eq_ignore_ascii_case(&line);
                assert!(
                    only_case && (in_checksum || name == "lrc-hex"),
                    "{template}: bit {bit} makes {own:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn a_burst_no_longer_than_a_crc_is_seen(text in "[ -~]{0,24}", start in 0_usize..192, pattern in 1_u32..) {
        let crcs = Algorithm::names().filter(|name| name.starts_with("crc"));
        for name in crcs {
            let algorithm = Algorithm::named(name).unwrap();
            let bits = usize::from(algorithm.bytes()) * 8;
            let mut bytes = text.clone().into_bytes();
            bytes.resize(24, b' ');
            let before = algorithm.of(&bytes);
            let mut is_changed = false;
            for bit in (0..bits).filter(|bit| pattern >> bit & 1 == 1) {
                // Counted the way the register sees them: a burst is of neighbours in the order of its shifts.
                let at = start + bit;
                if let Some(byte) = bytes.get_mut(at / 8) {
                    let reflected = algorithm.is_reflected();
                    *byte ^= if reflected { 1 << (at % 8) } else { 0x80 >> (at % 8) };
                    is_changed = true;
                }
            }
            prop_assert!(!is_changed || algorithm.of(&bytes) != before, "{name}");
        }
    }
}
