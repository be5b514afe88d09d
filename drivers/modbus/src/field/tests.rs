//! Values in registers: examples from manuals, and what is written is what is read.

use proptest::prelude::*;

use super::*;

fn registers(kind: Kind, count: u16) -> Registers {
    Registers {
        kind,
        count,
        order: Order::default(),
        bits: None,
        length: match kind {
            Kind::Bcd => count * 4,
            _ => count * 2,
        },
    }
}

fn field(registers: Registers, meaning: Meaning) -> Field {
    Field {
        place: Place::parse("holding 0").unwrap(),
        layout: Layout::Registers(registers),
        meaning,
    }
}

fn plain(kind: Kind, count: u16) -> Field {
    field(registers(kind, count), Meaning::Integer)
}

fn scaled(kind: Kind, count: u16, scale: f64, offset: f64) -> Field {
    field(registers(kind, count), Meaning::Number(Scaling::new(scale, offset)))
}

fn ordered(field: &Field, swapped_bytes: bool, swapped_words: bool) -> Field {
    let mut field = field.clone();
    if let Layout::Registers(registers) = &mut field.layout {
        registers.order = Order {
            swapped_bytes,
            swapped_words,
        };
    }
    field
}

fn part(field: &Field, low: u8, high: u8) -> Field {
    let mut field = field.clone();
    if let Layout::Registers(registers) = &mut field.layout {
        registers.bits = Some(Bits { low, high });
    }
    field
}

fn read(field: &Field, words: &[u16]) -> Value {
    field.decode(&Items::Words(words.to_vec())).unwrap()
}

fn written(field: &Field, value: impl Into<Value>) -> Vec<u16> {
    let current = vec![0; usize::from(field.count())];
    field.encode(&value.into(), &current).unwrap().words().to_vec()
}

fn refused(field: &Field, value: impl Into<Value>) -> String {
    let error = field.encode(&value.into(), &[0; 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RangeError);
    error.message().to_owned()
}

#[test]
fn numbers_have_the_order_that_the_file_says() {
    // Four ways to lay out 0x12345678, by the letters that manuals have for them.
    let long = plain(Kind::Unsigned, 2);
    let layouts = [(false, false), (true, false), (false, true), (true, true)];
    let words = layouts.map(|(bytes, words)| written(&ordered(&long, bytes, words), 0x1234_5678_i64));
    let abcd_badc_cdab_dcba = [[0x1234, 0x5678], [0x3412, 0x7856], [0x5678, 0x1234], [0x7856, 0x3412]];
    assert_eq!(words, abcd_badc_cdab_dcba);
    assert_eq!(read(&plain(Kind::Signed, 1), &[0xFFFE]), Value::Int(-2));
    assert_eq!(read(&plain(Kind::Signed, 2), &[0xFFFF, 0xFFFE]), Value::Int(-2));
    assert_eq!(
        written(&plain(Kind::Signed, 4), -2_i64),
        [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE]
    );
}

#[test]
fn a_number_beyond_what_the_host_has_is_no_value() {
    let error = plain(Kind::Unsigned, 4)
        .decode(&Items::Words(vec![0xFFFF; 4]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadFailed);
    assert_eq!(
        error.message(),
        "holding registers 0 to 3 (40001 to 40004 in manuals): 18446744073709551615 does not fit into a 64-bit signed integer"
    );
}

#[test]
fn floats_are_the_decimal_numbers_that_people_mean() {
    let single = scaled(Kind::Float, 2, 1.0, 0.0);
    assert_eq!(written(&single, 0.1), [0x3DCC, 0xCCCD]);
    assert_eq!(read(&single, &[0x3DCC, 0xCCCD]), Value::Float(0.1));
    assert_eq!(
        refused(&single, 1e39),
        "1e39 does not fit into a 32-bit float, which goes to 3.4028235e38"
    );
    let double = scaled(Kind::Float, 4, 1.0, 0.0);
    assert_eq!(written(&double, 1.5), [0x3FF8, 0, 0, 0]);
}

#[test]
fn scaled_numbers_are_rounded_to_the_nearest_count() {
    let tenths = scaled(Kind::Signed, 1, 0.1, 0.0);
    assert_eq!(read(&tenths, &[3]), Value::Float(0.3), "and not 0.30000000000000004");
    assert_eq!(written(&tenths, 23.46), [235]);
    assert_eq!(written(&tenths, -0.26), [0xFFFD]);
    assert_eq!((tenths.rounding(), tenths.digits()), (Some(0.05), Some(1)));
    assert_eq!(
        refused(&tenths, 3276.75),
        "3276.75 does not fit into holding register 0 (40001 in manuals): -3276.8 to 3276.7"
    );
    let kelvin = scaled(Kind::Unsigned, 1, 0.01, -273.15);
    assert_eq!(written(&kelvin, 0.0), [27315]);
    assert_eq!(read(&kelvin, &[27315]), Value::Float(0.0));
    let falling = scaled(Kind::Unsigned, 1, -2.0, 10.0);
    assert_eq!(falling.range(), Some((10.0 - 131_070.0, 10.0)));
    assert_eq!(written(&falling, 4.0), [3]);
}

#[test]
fn bits_are_a_part_and_leave_the_rest() {
    let word = plain(Kind::Unsigned, 1);
    let level = part(&word, 4, 6);
    assert_eq!(read(&level, &[0b1101_1111]), Value::Int(5));
    let rest = level.encode(&Value::Int(2), &[0xFFFF]).unwrap();
    assert_eq!(rest.words(), [0b1111_1111_1010_1111]);
    assert_eq!(
        level.encode_masked(&Value::Int(2)).unwrap(),
        (!0b0111_0000, 0b0010_0000)
    );
    assert_eq!(
        refused(&level, 8_i64),
        "8 does not fit into bits 4 to 6 of holding register 0 (40001 in manuals): 0 to 7"
    );
    let lamp = Field {
        meaning: Meaning::Bool,
        ..part(&word, 15, 15)
    };
    assert_eq!(read(&lamp, &[0x8000]), Value::Bool(true));
    assert_eq!(lamp.encode(&Value::Bool(false), &[0xFFFF]).unwrap().words(), [0x7FFF]);
    let high = part(&ordered(&plain(Kind::Unsigned, 2), false, true), 16, 16);
    assert_eq!(written(&high, 1_i64), [0, 1]);
}

#[test]
fn bcd_has_a_digit_in_four_bits() {
    let number = plain(Kind::Bcd, 2);
    assert_eq!(read(&number, &[0x1234, 0x5678]), Value::Int(12_345_678));
    assert_eq!(written(&number, 42_i64), [0, 0x0042]);
    let error = number.decode(&Items::Words(vec![0x12AF, 0])).unwrap_err();
    assert!(
        error.message().ends_with("0x12AF0000 is no BCD number"),
        "{}",
        error.message()
    );
    assert!(refused(&number, 100_000_000_i64).ends_with(": 0 to 99999999"));
    assert!(refused(&number, -1_i64).ends_with(": 0 to 99999999"));
}

#[test]
fn text_fills_its_registers() {
    let text = field(registers(Kind::Text, 3), Meaning::Text);
    assert_eq!(written(&text, "AB°"), [0x4142, 0xB000, 0]);
    assert_eq!(read(&text, &[0x4142, 0x4320, 0x2000]), Value::from("ABC"));
    assert_eq!(
        read(&ordered(&text, true, true), &[0x4241, 0x0043, 0]),
        Value::from("ABC")
    );
    assert_eq!(
        refused(&text, "seven77"),
        "7 characters do not fit: there is room for 6"
    );
    assert_eq!(
        refused(&text, "€"),
        "the character '€' cannot be written: one byte holds each"
    );
    assert_eq!(text.datatype(), Datatype::Text { max_chars: Some(6) });
}

#[test]
fn names_stand_for_numbers() {
    let members = vec![("off".to_owned(), 0), ("auto".to_owned(), 7)];
    let mode = field(registers(Kind::Unsigned, 1), Meaning::Enum(members));
    assert_eq!(read(&mode, &[7]), Value::from("auto"));
    assert_eq!(written(&mode, "auto"), [7]);
    let error = mode.decode(&Items::Words(vec![3])).unwrap_err();
    assert!(
        error.message().ends_with("3 is none of `off` (0), `auto` (7)"),
        "{}",
        error.message()
    );
}

/// Any kind of field with a number in it, and a raw number that fits.
fn any_number() -> impl Strategy<Value = (Field, i128)> {
    let kinds = prop_oneof![
        (Just(Kind::Unsigned), prop_oneof![Just(1_u16), Just(2)]),
        (Just(Kind::Signed), prop_oneof![Just(1_u16), Just(2), Just(4)]),
        (Just(Kind::Bcd), 1_u16..=3),
    ];
    let bits = prop_oneof![3 => Just(None), 1 => (0_u8..16, 0_u8..16).prop_map(Some)];
    (kinds, any::<(bool, bool)>(), bits, any::<prop::sample::Index>()).prop_map(
        |((kind, count), order, bits, index)| {
            let mut field = ordered(&plain(kind, count), order.0, order.1);
            if let Some((one, other)) = bits.filter(|_| kind != Kind::Bcd) {
                field = part(&field, one.min(other), one.max(other));
            }
            let (min, max) = field.raw_range();
            let raw = min + (index.index(usize::MAX) as i128) % (max - min + 1);
            (field, raw)
        },
    )
}

proptest! {
    /// What is written is what is read back, and the rest of the registers stays as it was.
    #[test]
    fn whole_numbers_come_back((field, raw) in any_number(), rest in any::<[u16; 4]>()) {
        let current = &rest[..usize::from(field.count())];
        let items = field.encode(&Value::Int(raw as i64), current).unwrap();
        prop_assert_eq!(field.decode(&items).unwrap(), Value::Int(raw as i64));
        if field.is_part() {
            let (before, after) = (field.decode(&Items::Words(current.to_vec())).unwrap(), items.words().to_vec());
            let restored = field.encode(&before, &after).unwrap();
            prop_assert_eq!(restored.words(), current);
        }
    }

    /// A scaled number comes back as near as the register can have it, and what has come back stays.
    #[test]
    fn scaled_numbers_come_back_rounded(
        (field, raw) in any_number(),
        scale in prop_oneof![Just(0.1), Just(0.01), Just(0.001), Just(-0.5), Just(2.0), 1e-6_f64..1e6],
        offset in prop_oneof![Just(0.0), -1000.0_f64..1000.0],
        between in -0.49_f64..0.49,
    ) {
        prop_assume!(raw.abs() < 1 << 48);
        let scaling = Scaling::new(scale, offset);
        let field = Field { meaning: Meaning::Number(scaling), ..field };
        let exact = scaling.value_of(raw as f64);
        let current = vec![0; usize::from(field.count())];
        let encoded = |x: f64| field.encode(&Value::Float(x), &current).unwrap();
        let read = field.decode(&encoded(exact)).unwrap();
        prop_assert_eq!(&read, &Value::Float(exact));
        // Where the offset swallows the steps there is no telling which is the nearest.
        prop_assume!(scale.abs() > 1e-9 * offset.abs() && scale.abs() * raw.abs() as f64 > 1e-9 * offset.abs());
        prop_assume!(raw.abs() < 1 << 40);
        prop_assert_eq!(field.decode(&encoded(exact + between * scale)).unwrap(), Value::Float(exact));
    }

    /// Floats of either size and any order come back.
    #[test]
    fn floats_come_back(x in any::<f32>(), y in any::<f64>(), order in any::<(bool, bool)>()) {
        prop_assume!(x.is_finite() && y.is_finite());
        let single = ordered(&scaled(Kind::Float, 2, 1.0, 0.0), order.0, order.1);
        let x: f64 = x.to_string().parse().unwrap();
        prop_assert_eq!(read(&single, &written(&single, x)), Value::Float(x));
        let double = ordered(&scaled(Kind::Float, 4, 1.0, 0.0), order.0, order.1);
        prop_assert_eq!(read(&double, &written(&double, y)), Value::Float(y));
    }

    /// Text comes back, less the spaces that fill up.
    #[test]
    fn text_comes_back(text in "[ -~¡-ÿ]{0,20}", swapped in any::<bool>()) {
        let field = ordered(&field(registers(Kind::Text, 10), Meaning::Text), swapped, false);
        prop_assert_eq!(read(&field, &written(&field, text.as_str())), Value::from(text.trim_end_matches(' ')));
    }
}
