use serde::Deserialize;

use super::*;

#[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Nothing flows.
    Closed,
    WideOpen,
}
impl Structured for Mode {}

#[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
struct Ramp {
    /// Where to.
    #[schemars(extend("unit" = "mm"))]
    to: f64,
    steps: u8,
    mode: Mode,
    /// For people.
    note: Option<String>,
    then: Option<Mode>,
}
impl Structured for Ramp {}

#[test]
fn a_serde_type_says_what_it_is() {
    assert_eq!(Mode::datatype(), Datatype::enumeration(["closed", "wide_open"]));
    let Datatype::Record { fields } = Ramp::datatype() else {
        panic!("a struct is a record")
    };
    let lines: Vec<_> = fields
        .iter()
        .map(|f| format!("{} {} {:?} {}", f.name, f.datatype.noun(), f.unit, f.optional))
        .collect();
    assert_eq!(
        lines,
        [
            r#"to number "mm" false"#,
            r#"steps integer "" false"#,
            r#"mode enum "" false"#,
            r#"note text "" true"#,
            r#"then enum "" true"#
        ]
    );
    assert_eq!(fields[1].datatype, Datatype::Int { min: 0, max: 255 });
}

#[test]
fn values_go_through_their_own_datatype() {
    let ramp = Ramp {
        to: 1.5,
        steps: 3,
        mode: Mode::WideOpen,
        note: None,
        then: None,
    };
    let value = ramp.into_value().unwrap().conform(&Ramp::datatype()).unwrap();
    assert_eq!(Ramp::from_value(value).unwrap().mode, Mode::WideOpen);
    assert_eq!(Mode::Closed.into_value().unwrap(), Value::Text("closed".into()));
    assert_eq!(
        Vec::<u16>::from_value(Value::Array(Array::new(vec![1i64, 2]))).unwrap(),
        [1, 2]
    );
    assert!(Vec::<u8>::from_value(Value::Array(Array::new(vec![-1i64]))).is_err());
    assert_eq!(
        u8::from_value(Value::Int(256)).unwrap_err().kind(),
        ErrorKind::RangeError
    );
}
