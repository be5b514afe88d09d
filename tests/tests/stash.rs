//! Stash and restore: devices end where they began.

use baton_host::lab::{Lab, Outcome, Owner, Restored, Stash};
use baton_plugin_api::Value;
use baton_tests::lab::{WATCHDOG, arm, done, lab, number};
use proptest::prelude::*;

const LAB: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    [devices.supply]
    driver = "sim"
    type = "supply"
    [devices.pump]
    driver = "sim"
    type = "pump"
"#;

fn stash(me: &Owner, device: &str) -> Stash {
    me.stash(device).unwrap().wait(WATCHDOG).unwrap()
}

fn restore(me: &Owner, stash: &Stash) -> Vec<Restored> {
    me.restore(stash).unwrap().wait(WATCHDOG).unwrap()
}

/// What is set, but for the faults and for what only counts.
fn settings(lab: &Lab, me: &Owner, devices: &[&str]) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    for device in devices {
        let parameters = lab.device(device).unwrap().parameters();
        for parameter in parameters.iter().filter(|p| p.description().writable) {
            let value = done(me.get(parameter.path())).value;
            settings.push((parameter.path().to_string(), value));
        }
    }
    settings
}

#[test]
fn what_was_changed_is_brought_back_and_nothing_moves_unasked() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("stage", 5.0));
    let written = done(me.get("stage.calls")).value;
    let before = stash(&me, "stage");
    assert_eq!(done(me.get("stage.calls")).value, written, "a stash writes nothing");
    done(me.set("stage.velocity", 50.0));
    done(me.set("stage", 7.0));
    let restored = restore(&me, &before);
    let outcome = |path: &str| {
        &restored
            .iter()
            .find(|restored| &*restored.path == path)
            .unwrap()
            .outcome
    };
    assert!(matches!(outcome("stage.velocity"), Outcome::Done(_)));
    assert!(matches!(outcome("stage.acceleration"), Outcome::Unchanged));
    assert!(matches!(outcome("stage.position"), Outcome::WouldMove));
    assert_eq!(number(me.get("stage.velocity")), 100.0);
    assert!((number(me.get("stage")) - 7.0).abs() < 0.1);
    let moved = me.restore_and_move(&before).unwrap().wait(WATCHDOG).unwrap();
    assert!(moved.iter().all(|restored| restored.outcome.is_there()), "{moved:?}");
    assert!((number(me.get("stage")) - 5.0).abs() < 0.1);
}

#[test]
fn what_was_not_available_is_never_written_back() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("supply.fault_times", 1));
    arm(&me, "supply", ("fail", "read"));
    let before = stash(&me, "supply");
    let lost: Vec<_> = before
        .values()
        .iter()
        .filter(|stashed| stashed.value.is_err())
        .collect();
    assert_eq!(lost.len(), 1);
    let path = format!("supply.{}", lost[0].name);
    done(me.set(&path, 1.0));
    let restored = restore(&me, &before);
    let outcome = restored.iter().find(|restored| *restored.path == *path).unwrap();
    assert!(matches!(outcome.outcome, Outcome::NotAvailable), "{outcome:?}");
    assert_eq!(number(me.get(&path)), 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn after_any_edits_it_ends_where_it_began(edits in proptest::collection::vec((0usize..6, 0.1f64..4.0), 1..12)) {
        let lab = lab(LAB);
        let me = lab.owner("test");
        let devices = ["stage", "supply", "pump"];
        let stashes: Vec<_> = devices.iter().map(|device| stash(&me, device)).collect();
        let before = settings(&lab, &me, &devices);
        for (which, value) in edits {
            let parameters = ["stage.velocity", "stage.acceleration", "supply.voltage", "supply.current_limit", "pump.flow"];
            match parameters.get(which) {
                Some(path) => done(me.set(path, value)),
                None => done(me.set("supply.output", value > 2.0)),
            };
        }
        for stash in &stashes {
            let restored = restore(&me, stash);
            prop_assert!(restored.iter().all(|restored| restored.outcome.is_there()), "{:?}", restored);
        }
        prop_assert_eq!(settings(&lab, &me, &devices), before);
    }
}
