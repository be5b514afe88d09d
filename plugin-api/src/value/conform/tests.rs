use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn check(json: Json, datatype: &Datatype, expected: Expect) {
    let outcome = Value::from_json(json).conform(datatype);
    expected.assert_eq(&match outcome {
        Ok(value) => format!("{value:?} {}", value.to_json()),
        Err(why) => why,
    });
}

#[test]
fn numbers_fit_where_nothing_is_lost() {
    check(json!(3), &Datatype::Float, expect!["Float(3.0) 3.0"]);
    check(json!(3.0), &Datatype::Int { min: 0, max: 9 }, expect!["Int(3) 3"]);
    check(
        json!(3.5),
        &Datatype::Int { min: 0, max: 9 },
        expect!["expected an integer, found number"],
    );
    check(
        json!(10),
        &Datatype::Int { min: 0, max: 9 },
        expect!["10 is outside 0 to 9"],
    );
    check(json!("x"), &Datatype::Float, expect!["expected a number, found text"]);
    check(json!(true), &Datatype::Float, expect!["expected a number, found bool"]);
}

#[test]
fn an_enum_is_kept_by_name() {
    let datatype = Datatype::enumeration(["closed", "open"]);
    check(json!("open"), &datatype, expect![[r#"Text("open") "open""#]]);
    check(json!(0), &datatype, expect![[r#"Text("closed") "closed""#]]);
    check(
        json!("opn"),
        &datatype,
        expect!["expected one of `closed`, `open`, found `opn`"],
    );
    check(
        json!(2),
        &datatype,
        expect!["expected one of `closed`, `open`, found 2"],
    );
    check(
        json!(true),
        &Datatype::enumeration(["off", "on"]),
        expect![[r#"Text("on") "on""#]],
    );
}

#[test]
fn arrays_have_a_shape() {
    let floats = Datatype::Array {
        element: Box::new(Datatype::Float),
        shape: vec![2, 3],
    };
    check(
        json!([[1, 2.5], [3, 4]]),
        &floats,
        expect!["Array(Array(F64, [2, 2])) [[1.0,2.5],[3.0,4.0]]"],
    );
    check(
        json!([[1, 2], [3]]),
        &floats,
        expect!["the rows of the array differ in length"],
    );
    check(json!([1, 2]), &floats, expect!["expected 2 dimensions, found 1"]);
    check(
        json!([[1], [2], [3]]),
        &floats,
        expect!["the array has 3 elements, at most 2 are allowed"],
    );
    let texts = Datatype::Array {
        element: Box::new(Datatype::ANY_TEXT),
        shape: vec![2],
    };
    check(
        json!(["a", "b"]),
        &texts,
        expect![[r#"Json(Array [String("a"), String("b")]) ["a","b"]"#]],
    );
    check(json!(["a", 1]), &texts, expect!["expected text, found integer"]);
}

#[test]
fn a_record_has_all_its_fields_and_no_other() {
    let field = |name: &str, datatype, optional| Field {
        name: name.into(),
        datatype,
        unit: String::new(),
        limits: None,
        optional,
    };
    let datatype = Datatype::Record {
        fields: vec![field("to", Datatype::Float, false), field("slow", Datatype::Bool, true)],
    };
    check(
        json!({"to": 1}),
        &datatype,
        expect![[r#"Json(Object {"to": Number(1.0)}) {"to":1.0}"#]],
    );
    check(json!({"slow": true}), &datatype, expect!["the field `to` is missing"]);
    check(
        json!({"to": "x"}),
        &datatype,
        expect!["to: expected a number, found text"],
    );
    check(
        json!({"to": 1, "fast": 1}),
        &datatype,
        expect!["there is no field `fast`; the fields are `to`, `slow`"],
    );
}
