use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::abi::array::Aligned;

fn there_and_back(value: Value) {
    let raw = RawValue::from(value.clone());
    assert_eq!(Value::try_from(raw).unwrap(), value);
}

#[test]
fn every_value_survives_the_crossing() {
    there_and_back(Value::Unit);
    there_and_back(Value::Bool(true));
    there_and_back(Value::Int(i64::MIN));
    there_and_back(Value::Float(-0.1));
    for length in [0, 1, 31, 32, 33, 5000] {
        there_and_back(Value::Text("µ".repeat(length)));
    }
    there_and_back(Value::Json(serde_json::json!({"a": [1, null]})));
    there_and_back(Value::Array(Array::new(vec![1.5f32, 2.5])));
    there_and_back(Value::Array(Array::new(Vec::<u8>::new())));
    there_and_back(Value::Array(Array::from_owner(vec![1u16; 6], &[2, 3]).unwrap()));
}

#[test]
fn a_view_shows_what_is_there_without_taking_it() {
    let view = |value: Value| format!("{:?}", RawValue::from(value).view().unwrap());
    assert_eq!(view(Value::Unit), "Unit");
    assert_eq!(view(Value::Int(-3)), "Int(-3)");
    assert_eq!(view(Value::Text("short".into())), r#"Text("short")"#);
    assert_eq!(view(Value::Text("x".repeat(33))), format!("Text({:?})", "x".repeat(33)));
    assert_eq!(view(Value::Json(serde_json::json!([1]))), r#"Json("[1]")"#);
    assert_eq!(
        view(Value::Array(Array::from_owner(vec![1u8, 2, 3, 4], &[2, 2]).unwrap())),
        "Array { element: U8, shape: [2, 2], bytes: [1, 2, 3, 4] }"
    );
    let broken = Value::try_from(RawValue::json("no JSON".into())).unwrap_err();
    assert!(broken.message().contains("bad JSON"), "{broken}");
}

#[test]
fn bytes_from_elsewhere_become_an_array_wherever_they_lie() {
    let numbers = [1.5f64, -2.0, f64::MAX];
    let bytes = crate::abi::array::as_bytes(&numbers).to_vec();
    let array = Array::from_bytes(bytes.clone(), ElementType::F64, &[3]).unwrap();
    assert_eq!(array.as_slice::<f64>().unwrap(), numbers);
    let moved = Aligned::new(bytes.clone(), 1 << 20);
    assert!((moved.bytes().as_ptr() as usize).is_multiple_of(1 << 20));
    assert_eq!(moved.bytes(), bytes);
    assert!(Array::from_bytes(vec![0; 7], ElementType::U16, &[3]).is_err());
    assert!(Array::from_bytes(vec![0; 8], ElementType::U16, &[3]).is_err());
}

#[test]
fn the_numbers_of_the_kinds_never_change() {
    let kind = |value: Value| RawValue::from(value).kind;
    assert_eq!(kind(Value::Unit), 0);
    assert_eq!(kind(Value::Bool(true)), 1);
    assert_eq!(kind(Value::Int(1)), 2);
    assert_eq!(kind(Value::Float(1.0)), 3);
    assert_eq!(kind(Value::Text("short".into())), 4);
    assert_eq!(kind(Value::Text("x".repeat(33))), 5);
    assert_eq!(kind(Value::Json(serde_json::json!([]))), 6);
    assert_eq!(kind(Value::Array(Array::new(vec![1u8]))), 7);
}

#[test]
fn an_array_stays_where_it_is() {
    let array = Array::new(vec![1u64, 2, 3]);
    let before = array.bytes().as_ptr();
    let Value::Array(after) = Value::try_from(RawValue::from(Value::Array(array))).unwrap() else {
        panic!()
    };
    assert_eq!(after.bytes().as_ptr(), before);
}

/// The owner of an array that counts its end, and may panic there.
struct Frame {
    pixels: Vec<f64>,
    ends: Arc<AtomicUsize>,
    panics: bool,
}

impl AsRef<[f64]> for Frame {
    fn as_ref(&self) -> &[f64] {
        &self.pixels
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.ends.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics, "its author's mistake");
    }
}

fn frame(panics: bool) -> (RawValue, Arc<AtomicUsize>) {
    let ends = Arc::new(AtomicUsize::new(0));
    let frame = Frame {
        pixels: vec![1.0, 2.0],
        ends: Arc::clone(&ends),
        panics,
    };
    let array = Array::from_owner(frame, &[2]).unwrap();
    (RawValue::from(Value::Array(array)), ends)
}

#[test]
fn what_nobody_reads_is_freed_once() {
    let (raw, ends) = frame(false);
    drop(raw);
    assert_eq!(ends.load(Ordering::Relaxed), 1);
    drop(RawValue::from(Value::Text("x".repeat(100))));
    drop(RawValue::from(Value::Json(serde_json::json!(["x"]))));
}

#[test]
fn what_cannot_be_read_is_freed_once() {
    let (mut raw, ends) = frame(false);
    raw.flags = 200 | 1 << 8;
    Value::try_from(raw).unwrap_err();
    assert_eq!(ends.load(Ordering::Relaxed), 1);
}

#[test]
fn an_array_crosses_twice_and_is_freed_with_its_last_clone_on_another_thread() {
    let (raw, ends) = frame(false);
    let there = Value::try_from(raw).unwrap();
    let Value::Array(back) = Value::try_from(RawValue::from(there.clone())).unwrap() else {
        panic!("it was an array")
    };
    drop(there);
    assert_eq!(ends.load(Ordering::Relaxed), 0);
    let sum = std::thread::spawn(move || back.as_slice::<f64>().unwrap().iter().sum::<f64>());
    assert_eq!(sum.join().unwrap(), 3.0);
    assert_eq!(ends.load(Ordering::Relaxed), 1);
}

#[test]
fn an_owner_that_panics_at_its_end_does_not_unwind_into_the_other_side() {
    let (raw, ends) = frame(true);
    drop(Value::try_from(raw).unwrap());
    assert_eq!(ends.load(Ordering::Relaxed), 1);
}

#[test]
fn an_owner_that_changes_its_mind_is_an_error() {
    struct Fickle(AtomicUsize);
    impl AsRef<[u16]> for Fickle {
        fn as_ref(&self) -> &[u16] {
            &[1, 2, 3][..self.0.fetch_sub(1, Ordering::Relaxed)]
        }
    }
    let array = Array::from_owner(Fickle(AtomicUsize::new(3)), &[3]).unwrap();
    let error = Value::try_from(RawValue::from(Value::Array(array))).unwrap_err();
    assert!(
        error.message().contains("2 elements cannot have the shape [3]"),
        "{error}"
    );
}

#[test]
fn an_array_without_elements_can_be_read() {
    let Value::Array(array) = Value::try_from(RawValue::from(Value::Array(Vec::<f64>::new().into()))).unwrap() else {
        panic!("it was an array")
    };
    assert_eq!(array.as_slice::<f64>(), Some(&[][..]));
    assert!(array.to_f64().is_empty());
}

#[test]
fn what_is_broken_is_an_error() {
    let check = |raw: RawValue, text: &str| {
        let message = Value::try_from(raw).unwrap_err().message().to_owned();
        assert!(message.contains(text), "{message}");
    };
    check(RawValue::plain(99, 0), "kind 99, which plugin-api");
    check(
        RawValue {
            kind: SHORT_TEXT,
            flags: 33,
            words: [0; 4],
            free: None,
        },
        "too long",
    );
    check(
        RawValue {
            kind: SHORT_TEXT,
            flags: 1,
            words: [0xff; 4],
            free: None,
        },
        "not UTF-8",
    );
    check(
        RawValue {
            kind: ARRAY,
            flags: 200 | 1 << 8,
            words: [0; 4],
            free: None,
        },
        "type 200",
    );
    check(
        RawValue {
            kind: ARRAY,
            flags: 10 | 9 << 8,
            words: [0; 4],
            free: None,
        },
        "9 dimensions",
    );
    check(
        RawValue {
            kind: ARRAY,
            flags: 10 | 1 << 8,
            words: [8, 0, 5, 0],
            free: None,
        },
        "cannot have the shape",
    );
}
