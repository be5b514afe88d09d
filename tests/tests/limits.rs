//! Units, limits and frames of parameters, as the driver gets to see them (RULES.md D3, D4, D8).

use baton_host::{
    config::{Frame, Whose},
    failure::{Failure, Refusal},
    lab::{Lab, Owner},
};
use baton_plugin_api::{ErrorKind, Value};
use baton_tests::lab::{Follower, done, failure, lab, number};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const LAB: &str = r#"
    poll = "0 s"
    [devices.plain]
    driver = "puppet"
    type = "recorder"
    parameters.position.limits = ["0 mm", "3 cm"]
    parameters.temperature.limits = ["32 degF", "303.15 K"]
    [devices.turned]
    driver = "puppet"
    type = "recorder"
    [devices.turned.parameters.position]
    sign = -1
    scale = 2
    zero = "10 mm"
    limits = ["-100 mm", "50 mm"]
    dial_limits = ["-1 cm", "50 mm"]
    tolerance = "0.1 mm"
    [devices.turned.parameters.steps]
    sign = -1
    [devices.turned.parameters.offsets]
    scale = "25 mbar"
    zero = "2 V"
    limits = ["-0.1 bar", "10 kPa"]
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    parameters.position.limits = ["0 mm", "50 mm"]
"#;

const STAGE_LIMITS: &str = "parameters.position.limits = [\"0 mm\", \"50 mm\"]";

/// What a recorder has been given since it was asked last.
fn got(me: &Owner, device: &str) -> Vec<(String, Json)> {
    let text = done(me.call(&format!("{device}.got"), ())).value;
    serde_json::from_str(text.as_str().expect("a text")).expect("JSON")
}

/// The place of a key of the lab, as messages name it. Four lines come before.
fn place(text: &str) -> String {
    let before = &LAB[..LAB.find(text).expect("it is in the lab")];
    let key = text.rfind('.').map_or(0, |dot| dot + 1);
    let column = key + before.len() - before.rfind('\n').unwrap();
    format!("lab.toml:{}:{column}", before.matches('\n').count() + 5)
}

fn refusal(me: &Owner, path: &str, value: impl Into<Value>) -> String {
    me.set(path, value).expect_err("it is outside").to_string()
}

#[test]
fn d3_the_refusal_names_whose_limit_it_was_in_the_users_words() {
    let lab = lab(LAB);
    let me = lab.owner("ana");
    let config = place(STAGE_LIMITS);
    assert_eq!(
        refusal(&me, "stage", 50.1),
        format!("stage.position: 50.1 mm is outside the limits 0 mm to 50 mm set by the config at {config}")
    );
    assert_eq!(
        refusal(&me, "stage", "6 cm"),
        format!(
            "stage.position: 6 cm (60 mm) is outside the limits 0 cm to 5 cm (0 mm to 50 mm) set by the config at {config}"
        )
    );
    me.set_limits("stage", -1.0..=20.0).unwrap();
    assert_eq!(
        refusal(&me, "stage", 20.5),
        "stage.position: 20.5 mm is outside the limits 0 mm to 20 mm; the upper one is set by the user ana"
    );
    assert_eq!(
        refusal(&me, "stage.velocity", 101.0),
        "stage.velocity: 101 mm/s is outside the limits 0.001 mm/s to 100 mm/s set by the driver"
    );
    assert_eq!(
        refusal(&me, "plain.offsets", Value::Json(json!([1, "2000 mV", -11]))),
        "plain.offsets[2]: -11 V is outside the limits -10 V to 10 V set by the driver"
    );
    assert_eq!(
        refusal(&me, "plain.pose", Value::Json(json!({ "height": "1 m", "angle": 0 }))),
        "plain.pose.height: 1000 mm is outside the limits 0 mm to 100 mm set by the driver"
    );
    assert_eq!(
        me.call("plain.go", Value::Json(json!({ "height": 1, "angle": "2 rad" })))
            .unwrap_err()
            .to_string(),
        "plain.go.angle: 114.591559 deg is outside the limits -90 deg to 90 deg set by the driver"
    );
    assert_eq!(got(&me, "plain"), [], "the driver was not called");
    assert_eq!(number(me.get("stage.calls")), 0.0);
}

#[test]
fn d3_a_limit_counts_in_every_unit() {
    let lab = lab(LAB);
    let me = lab.owner("ana");
    for text in ["30 mm", "3 cm", "0.03 m", "30000 um", "1.1811023622047245 in"] {
        assert_eq!(number(me.set("plain", text)), 30.0, "{text}");
    }
    for text in ["30 degC", "303.15 K", "86 degF"] {
        assert!(
            (number(me.set("plain.temperature", text)) - 30.0).abs() < 1e-12,
            "{text}"
        );
    }
    for text in ["0 degC", "273.15 K", "32 degF"] {
        assert!(number(me.set("plain.temperature", text)).abs() < 1e-12, "{text}");
    }
    // In the declared unit it is meant as it is.
    assert!(me.set("plain", 30.0_f64.next_up()).is_err());
    assert!(me.set("plain", "3.0000001 cm").is_err());
    assert!(me.set("plain.temperature", "303.16 K").is_err());
    assert!(got(&me, "plain").iter().all(|(_, x)| x.as_f64().unwrap() <= 30.0));
}

#[test]
fn d4_each_mistake_has_its_own_error_with_what_to_write() {
    let lab = lab(LAB);
    let me = lab.owner("ana");
    for (path, text, expected) in [
        ("plain", "5 s", "plain.position: `s` is a time, not a length"),
        ("plain", "5", "plain.position: `5` has no unit; write `\"5 mm\"`"),
        (
            "plain",
            "5 mmm",
            "plain.position: unknown unit `mmm`; did you mean `mm`?",
        ),
        (
            "plain.temperature",
            "20 C",
            "plain.temperature: `C` is a charge, not a temperature; degrees are written `degC`",
        ),
        ("plain.steps", "0.5 um", "plain.steps: 0.5 um is no whole number"),
        (
            "plain.steps",
            "1 mil",
            "plain.steps: `1 mil` is 25.4 um, which is no whole number",
        ),
    ] {
        let text = refusal(&me, path, text);
        assert!(text.starts_with(expected), "{text}");
    }
    assert_eq!(number(me.set("plain.steps", "0.3 mm")), 300.0);
    assert_eq!(number(me.set("plain.temperature", "290 K")), 16.85);
    let pose = json!({ "height": "2 cm", "angle": "0.5 rad" });
    let written = done(me.set("plain.pose", Value::Json(pose))).value.to_json();
    assert_eq!(written["height"], 20.0);
    assert!((written["angle"].as_f64().unwrap() - 28.64788975654116).abs() < 1e-9);
    let refusal = me.set("plain.steps", "3 m").unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::RangeError, "{refusal}");
}

#[test]
fn d8_sign_scale_and_zero_hold_for_all_that_is_said_of_a_parameter() {
    let lab = lab(LAB);
    let me = lab.owner("ana");
    let position = lab.device("turned").unwrap().parameter("position").unwrap();
    // user = -2 * (hardware - 10 mm)
    assert_eq!(number(me.get("turned")), 20.0);
    assert_eq!(number(me.set("turned", "4 cm")), 40.0);
    assert_eq!(got(&me, "turned"), [("position".into(), json!(-10.0))]);
    // The driver's -100 to 100 are -180 to 220, the dial's -10 to 50 are -80 to 40.
    let limits = position.limits();
    assert_eq!(limits.lower.as_ref().unwrap().value, -80.0);
    assert_eq!(limits.upper.as_ref().unwrap().value, 40.0);
    assert!(
        matches!(&limits.upper.unwrap().whose, Whose::Config(origin) if origin.to_string() == place("dial_limits = "))
    );
    assert_eq!(position.description().limits, Some((-180.0, 220.0)));
    assert_eq!(position.tolerance(), Some(0.1));
    assert_eq!(position.stated_limits().len(), 3);
    assert!(refusal(&me, "turned", 40.5).contains(&place("dial_limits = ")));
    // Integers stay integers.
    assert_eq!(done(me.set("turned.steps", 5)).value, Value::Int(5));
    assert_eq!(got(&me, "turned"), [("steps".into(), json!(-5))]);
    // A scale may have a unit: 25 mbar for each volt above 2 V.
    let offsets = done(me.set("turned.offsets", Value::Json(json!(["0.05 bar", 0, "-10 kPa"]))));
    assert_eq!(offsets.value.to_json(), json!([50.0, 0.0, -100.0]));
    assert_eq!(got(&me, "turned"), [("offsets".into(), json!([4.0, 2.0, -2.0]))]);
    assert_eq!(
        lab.device("turned")
            .unwrap()
            .parameter("offsets")
            .unwrap()
            .unit()
            .as_str(),
        "mbar"
    );
    assert!(
        refusal(&me, "turned.offsets", Value::Json(json!([101]))).starts_with("turned.offsets[0]: 101 mbar is outside")
    );
}

#[test]
fn d8_here_is_zero() {
    let lab = lab(LAB);
    let me = lab.owner("ana");
    let mut follower = Follower::new(&lab, &["stage"]);
    done(me.set("stage", 12.0));
    assert_eq!(number(me.set_zero("stage", "0 mm")), 0.0);
    let device = lab.device("stage").unwrap();
    assert_eq!(number(me.get("stage")), 0.0);
    assert_eq!(device.target(0).unwrap().value, Value::Float(0.0));
    follower.until("stage.position 0");
    // The config's limits are the user's: they stay as they are, and the hardware's move along.
    assert_eq!(done(me.set("stage", 50.0)).value, Value::Float(50.0));
    assert_eq!(device.parameter("position").unwrap().frame(), Frame::new(1.0, 12.0));
    assert_eq!(number(me.set_zero("stage", 62.0)), 62.0);
    assert_eq!(device.parameter("position").unwrap().frame(), Frame::new(1.0, 0.0));
    for (path, value) in [("stage.referenced", 0.0), ("plain.offsets", 0.0), ("plain.pose", 0.0)] {
        let text = me.set_zero(path, value).unwrap_err().to_string();
        assert_eq!(
            text,
            format!("{path}: only a single number that can be read has a zero")
        );
    }
    // Nothing could be set any more: the driver ends at 1000 mm.
    let failed = failure(me.set_zero("stage", -5000.0));
    assert!(matches!(&failed, Failure::Refused(Refusal::NoRoom { .. })), "{failed}");
    assert_eq!(number(me.get("stage")), 62.0);
}

#[test]
fn d8_a_zero_is_not_set_while_it_moves() {
    if baton_tests::lab::skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(&LAB.replace("100 mm/s\"", "1 mm/s\""));
    let me = lab.owner("ana");
    let call = me.set("stage", 50.0).unwrap();
    assert!(matches!(me.set_zero("stage", 0.0), Err(Refusal::Busy { .. })));
    done(me.stop("stage"));
    failure(Ok(call));
    assert_eq!(number(me.set_zero("stage", 0.0)), 0.0);
}

#[test]
fn d3_users_narrow_limits_at_run_time_and_never_widen_them() {
    let lab = lab(LAB);
    let me = lab.owner("ana");
    let mut follower = Follower::new(&lab, &["stage"]);
    let set = |limits| {
        let accepted = me.set_limits("stage", limits).unwrap();
        let bound = |bound: Option<baton_host::config::Bound>| bound.unwrap().value;
        (
            bound(accepted.limits.lower),
            bound(accepted.limits.upper),
            accepted.warnings,
        )
    };
    assert_eq!(
        set(10.0..=20.0),
        (
            10.0,
            20.0,
            vec!["stage.position is at 0.000 mm now, outside these limits; it stays there until it is set".into()]
        )
    );
    follower.until("stage.position: limits Limits(Limits { lower: Some(Bound { value: 10.0, whose: User(\"ana\")");
    assert!(me.set("stage", 21.0).is_err());
    assert_eq!(number(me.set("stage", 20.0)), 20.0);
    let (lower, upper, warnings) = set(-10.0..=f64::INFINITY);
    assert_eq!((lower, upper), (0.0, 50.0));
    assert_eq!(
        warnings,
        [format!(
            "the lower limit stays 0 mm, set by the config at {}",
            place(STAGE_LIMITS)
        )]
    );
    let (lower, upper, warnings) = set(f64::NEG_INFINITY..=25.0);
    assert_eq!((lower, upper, warnings.len()), (0.0, 25.0, 0));
    assert_eq!(number(me.set("stage", 5.0)), 5.0);
    let cleared = me.clear_limits("stage").unwrap();
    assert_eq!(cleared.limits.upper.unwrap().value, 50.0);
    me.set_limits("stage.position", "1 cm"..="0.02 m").unwrap();
    assert!(refusal(&me, "stage", 5.0).contains("10 mm to 20 mm set by the user ana"));
    for (path, lower, upper, expected) in [
        (
            "stage",
            20.0,
            10.0,
            "stage.position: the limits 20 mm to 10 mm are reversed",
        ),
        ("stage", f64::NAN, 10.0, "stage.position: NaN is not a finite number"),
        (
            "stage",
            60.0,
            70.0,
            "stage.position: these limits would leave nothing that can be set: at least 60 mm by the user ana, but at most 50 mm by the config at",
        ),
        ("stage.referenced", 0.0, 1.0, "stage.referenced is read-only"),
        (
            "plain.pose",
            0.0,
            1.0,
            "plain.pose: a value of kind record has no limits",
        ),
    ] {
        let text = me.set_limits(path, lower..=upper).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
    // What was refused has changed nothing.
    assert_eq!(number(me.set("stage", 10.0)), 10.0);
}

#[test]
fn d3_limits_that_are_narrowed_reach_what_is_queued() {
    if baton_tests::lab::skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(&format!("{LAB}[devices.pump]\ndriver = \"sim\"\ntype = \"pump\"\n"));
    let me = lab.owner("ana");
    baton_tests::lab::arm(&me, "stage", ("hang", "read"));
    let read = me.get("stage").unwrap();
    let queued = me.set("stage", 40.0).unwrap();
    me.set_limits("stage", 0.0..=30.0).unwrap();
    baton_tests::lab::release(&me, "pump", &read);
    let failed = failure(Ok(queued));
    assert!(matches!(&failed, Failure::Refused(Refusal::Limit { .. })), "{failed}");
    assert_eq!(number(me.get("stage.calls")), 0.0, "the driver was not called");
    // It is no error that somebody would have to look at: the device was not touched.
    me.clear_errors("stage").unwrap();
    done(me.set("stage", 30.0));
}

/// Something that somebody does to a recorder.
#[derive(Clone, Debug)]
enum Act {
    Set(&'static str, Value),
    Limits(&'static str, f64, f64),
    Clear(&'static str),
    Zero(f64),
}

fn act() -> impl Strategy<Value = Act> {
    let length = prop::sample::select(vec!["mm", "um", "cm", "m", "in", "nm"]);
    let position = (-300.0..300.0f64, length.clone(), 0u8..3).prop_map(|(x, unit, kind)| {
        let mm = match unit {
            "um" => 1e3,
            "cm" => 0.1,
            "m" => 1e-3,
            "in" => 1.0 / 25.4,
            "nm" => 1e6,
            _ => 1.0,
        };
        let value = match kind {
            0 => Value::Float(x),
            1 => Value::Text(format!("{} {unit}", x.round() * mm)),
            _ => Value::Text(format!("{} {unit}", x * mm)),
        };
        Act::Set("position", value)
    });
    let steps = (-1500i64..1500).prop_map(|n| Act::Set("steps", Value::Int(n)));
    let temperature = (-50.0..400.0f64, prop::sample::select(vec!["degC", "K", "degF"]))
        .prop_map(|(x, unit)| Act::Set("temperature", Value::Text(format!("{x} {unit}"))));
    let offsets = prop::collection::vec(
        (-600.0..600.0f64, prop::sample::select(vec!["", "mV", "mbar", "Pa"])),
        0..5,
    )
    .prop_map(|items| {
        let item = |(x, unit): (f64, &str)| {
            if unit.is_empty() {
                json!(x / 20.0)
            } else {
                json!(format!("{x} {unit}"))
            }
        };
        Act::Set("offsets", Value::Json(items.into_iter().map(item).collect()))
    });
    let pose = (-20.0..120.0f64, -2.0..2.0f64).prop_map(|(height, angle)| {
        Act::Set(
            "pose",
            Value::Json(json!({ "height": height, "angle": format!("{angle} rad") })),
        )
    });
    let name = prop::sample::select(vec!["position", "steps", "temperature", "offsets"]);
    let limits = (name.clone(), -150.0..150.0f64, 0.0..100.0f64)
        .prop_map(|(name, lower, span)| Act::Limits(name, lower, lower + span));
    prop_oneof![
        4 => position,
        2 => steps,
        2 => temperature,
        2 => offsets,
        1 => pose,
        2 => limits,
        1 => name.prop_map(Act::Clear),
        1 => (-20.0..20.0f64).prop_map(Act::Zero),
    ]
}

/// The hardware's own limits of a number that was written, and those of the config's dial.
fn hardware_limits(device: &str, name: &str) -> (f64, f64) {
    match (device, name) {
        ("turned", "position") => (-10.0, 50.0),
        (_, "position") => (-100.0, 100.0),
        (_, "steps") => (-1000.0, 1000.0),
        (_, "temperature") => (0.0, 300.0),
        _ => (-10.0, 10.0),
    }
}

/// Checks what the driver got for one write against all limits that count.
fn check(lab: &Lab, device: &str, (name, value): &(String, Json)) {
    if name == "pose" {
        let within = |field: &str, lower, upper| (lower..=upper).contains(&value[field].as_f64().unwrap());
        assert!(within("height", 0.0, 100.0) && within("angle", -90.0, 90.0), "{value}");
        return;
    }
    let parameter = lab.device(device).unwrap().parameter(name).unwrap();
    let (frame, limits) = (parameter.frame(), parameter.limits());
    let numbers = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    for x in numbers.iter().map(|number| number.as_f64().unwrap()) {
        // Not even rounding takes it beyond what the hardware takes.
        let (lower, upper) = hardware_limits(device, name);
        assert!((lower..=upper).contains(&x), "{device}.{name} got {x}");
        let (user, slack) = (frame.to_user(x), frame.rounding(frame.to_user(x)).max(1e-12));
        assert!(
            limits.lower.as_ref().is_none_or(|lower| user >= lower.value - slack),
            "{name} {user} {limits:?}"
        );
        assert!(
            limits.upper.as_ref().is_none_or(|upper| user <= upper.value + slack),
            "{name} {user} {limits:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever mix of units, arrays, sign, scale, zero and limit changes: nothing outside reaches a driver.
    #[test]
    fn d3_no_value_outside_the_effective_limits_ever_reaches_a_driver(acts in prop::collection::vec(act(), 1..40)) {
        let lab = lab(LAB);
        let me = lab.owner("ana");
        let mut written = 0;
        for act in &acts {
            for device in ["plain", "turned"] {
                let path = |name: &str| format!("{device}.{name}");
                match act {
                    Act::Set(name, value) => {
                        // Some are refused, others are not; those that are written arrive.
                        if let Ok(call) = me.set(&path(name), value.clone()) {
                            done(Ok(call));
                        }
                    }
                    Act::Limits(name, lower, upper) => drop(me.set_limits(&path(name), *lower..=*upper)),
                    Act::Clear(name) => drop(me.clear_limits(&path(name)).unwrap()),
                    Act::Zero(value) => drop(me.set_zero(&path("position"), *value).unwrap().wait(baton_tests::lab::WATCHDOG)),
                }
                for one in got(&me, device) {
                    written += 1;
                    check(&lab, device, &one);
                }
            }
        }
        prop_assert!(written > 0 || acts.len() < 10, "none of {} acts wrote anything", acts.len());
        lab.close();
    }
}
