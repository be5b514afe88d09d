//! Locks from Rust: exclusive access, in turn (RULES.md L).

#[path = "locks/runner.rs"]
mod runner;

#[path = "locks/calls.rs"]
mod calls;
#[path = "locks/composites.rs"]
mod composites;
#[path = "locks/ends.rs"]
mod ends;
#[path = "locks/rights.rs"]
mod rights;
#[path = "locks/turns.rs"]
mod turns;

use std::time::Duration;

use baton_host::{arbiter::InTheWay, failure::Refusal};
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{done, lab, number};
use runner::{LAB, holders, locked};

#[test]
fn l7_inside_a_lock_others_are_refused_before_the_driver_is_called_and_reads_and_stops_pass() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let (stage, pump) = (lab.device("stage").unwrap(), lab.device("pump").unwrap());
    let held = ana.lock((stage, pump.parameter("flow").unwrap())).note("tomo run 12");
    let held = held.wait(Duration::from_secs(5)).blocking().unwrap();
    let calls = number(bob.get("stage.calls"));
    for path in ["stage", "stage.velocity", "pump.flow"] {
        let refusal = bob.set(path, 1.0).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::IsBusy);
        let locked = locked(refusal);
        assert_eq!((locked.by, locked.owner), (InTheWay::Lock, ana.id().clone()));
        assert_eq!(locked.note.as_deref(), Some("tomo run 12"));
    }
    let refusal = bob.call("stage.home", ()).unwrap_err();
    assert!(
        refusal.to_string().starts_with("stage is locked by ana, for "),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("(\"tomo run 12\")"), "{refusal}");
    locked(bob.set_limits("stage", 0.0..=1.0).unwrap_err());
    locked(bob.clear_limits("stage.velocity").unwrap_err());
    locked(bob.set_zero("stage", 0.0).unwrap_err());
    // A command of the pump would touch its flow.
    locked(bob.call("pump.dispense", 1.0).unwrap_err());
    assert_eq!(number(bob.get("stage.calls")), calls, "the driver was not called");
    // Reads pass, and stop; the rest of the pump is free; and whoever has it does with it what they like.
    done(bob.get("stage"));
    done(bob.stop("stage"));
    done(bob.set("pump.on", true));
    done(ana.set("stage", 0.5));
    drop(held);
    done(bob.set("stage", 0.0));
    done(bob.set("pump.flow", 1.0));
}

#[test]
fn l7_the_error_of_a_locked_device_is_its_holders() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("stage").blocking().unwrap();
    locked(bob.clear_errors("stage").unwrap_err());
    ana.clear_errors("stage").unwrap();
    done(bob.reopen("stage"));
    drop(held);
    bob.clear_errors("stage").unwrap();
}

#[test]
fn l1_targets_are_named_in_every_way_there_is() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let stage = lab.device("stage").unwrap();
    let velocity = stage.parameter("velocity").unwrap();
    let set = lab.targets(["stage", "pump.flow"]).unwrap();
    for held in [
        me.lock("Stage:velocity"),
        me.lock(velocity),
        me.lock((velocity,)),
        me.lock([velocity]),
        me.lock(vec!["stage.velocity".to_owned()]),
    ] {
        let held = held.blocking().unwrap();
        assert_eq!(held.row().unwrap().targets, ["stage.velocity"]);
    }
    for held in [me.lock(stage), me.lock((&stage, velocity))] {
        drop(held.blocking().unwrap());
    }
    assert_eq!(
        me.lock(&set).blocking().unwrap().row().unwrap().targets,
        ["stage", "pump.flow"]
    );
    let refusal = me.lock(("stage", "pomp.flow")).blocking().unwrap_err();
    assert!(matches!(&refusal, Refusal::NoSuchDevice { .. }), "{refusal}");
    let refusal = me.lock("pump.flaw").blocking().unwrap_err();
    assert!(refusal.to_string().contains("did you mean `flow`?"), "{refusal}");
    assert_eq!(me.lock([""; 0]).blocking().unwrap_err(), Refusal::NoTargets);
    assert!(lab.who().is_empty());
}

#[test]
fn l3_a_target_is_its_owners_until_the_last_of_its_locks_ends() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let outer = ana.lock(("stage", "pump.flow")).blocking().unwrap();
    let inner = ana.lock("stage").blocking().unwrap();
    let innermost = ana.lock("stage.velocity").blocking().unwrap();
    assert_eq!(
        holders(&lab),
        ["pump.flow, stage: ana", "stage: ana", "stage.velocity: ana"].map(String::from)
    );
    drop(inner);
    locked(bob.lock("stage").blocking().unwrap_err());
    drop(outer);
    // What is left is the innermost.
    locked(bob.set("stage.velocity", 1.0).unwrap_err());
    done(bob.set("stage", 1.0));
    done(bob.set("pump.flow", 1.0));
    locked(bob.lock("stage").blocking().unwrap_err());
    drop(innermost);
    drop(bob.lock("stage").blocking().unwrap());
}

#[test]
fn l1_an_error_at_the_second_of_three_leaves_the_first_free() {
    let lab = lab(LAB);
    let (ana, bob, carl) = (lab.owner("ana"), lab.owner("bob"), lab.owner("carl"));
    let held = ana.lock("pump.flow").blocking().unwrap();
    locked(bob.lock(("stage", "pump.flow", "other")).blocking().unwrap_err());
    // In three steps it comes to the same, once the guards are gone.
    let steps = || {
        let first = bob.lock("stage").blocking()?;
        let second = bob.lock("pump").blocking()?;
        let third = bob.lock("other").blocking()?;
        Ok::<_, Refusal>((first, second, third))
    };
    locked(steps().unwrap_err());
    drop(carl.lock(("stage", "other")).blocking().unwrap());
    assert_eq!(holders(&lab), ["pump.flow: ana"]);
    drop(held);
    assert!(steps().is_ok());
}

#[test]
fn l3_a_lock_is_narrowed_to_what_is_still_needed() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock(("stage", "pump", "other.velocity")).blocking().unwrap();
    held.narrow(&lab.targets(("stage", "other")).unwrap()).unwrap();
    done(bob.set("stage", 1.0));
    done(bob.set("other.velocity", 1.0));
    locked(bob.set("pump.flow", 1.0).unwrap_err());
    let refusal = held.narrow(&lab.targets("pump.flow").unwrap()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "pump.flow is a part of pump, which is locked or protected as a whole"
    );
    held.narrow(&lab.targets("pump").unwrap()).unwrap();
    assert!(!held.is_held());
    done(bob.set("pump.flow", 1.0));
}
