//! The audit log of a lab (RULES.md X5).

use std::path::Path;

use baton_tests::lab::{arm, done, failure, lab};
use expect_test::expect;
use serde_json::Value as Json;

const LAB: &str = r#"
    poll = "0 s"
    [devices.left]
    driver = "sim"
    type = "motor"
    options = { start = "18 mm", velocity = "20 mm/s", acceleration = "1000 mm/s2" }
    parameters.position.limits = ["0 mm", "50 mm"]
    [devices.right]
    driver = "sim"
    type = "motor"
    options = { start = "22 mm", velocity = "20 mm/s", acceleration = "1000 mm/s2" }
    [devices.slit]
    driver = "sim"
    type = "slit"
    options = { left = "left", right = "right" }
"#;

fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).expect("there is an audit log");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// `owner event path: old → new outcome (error)`
fn shown(line: &Json) -> String {
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let mut shown = format!(
        "{} {} {}: {} → {} {}",
        text("owner"),
        text("event"),
        text("path"),
        line["old"],
        line["new"],
        text("outcome")
    );
    if !line["through"].is_null() {
        shown += &format!(" through {}", line["through"]);
    }
    if !line["error"].is_null() {
        shown += &format!(" ({})", text("error"));
    }
    shown
}

#[test]
fn x5_whatever_changes_something_is_noted_with_who_did_it_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let lab = lab(&format!("audit = {:?}\n{LAB}", path.display().to_string()));
    let (ana, ben) = (lab.owner("ana"), lab.owner("ben"));
    done(ana.get("left"));
    done(ana.set("left", "19 mm"));
    assert!(ben.set("left:position", 60.0).is_err());
    assert!(ben.set("lift", 1.0).is_err());
    done(ana.call("slit.close", ()));
    arm(&ben, "right", ("fail", "write"));
    failure(ben.set("right", 30.0));
    done(ben.stop("left"));
    lab.close();
    let lines = lines(&path);
    let shown: Vec<_> = lines
        .iter()
        .map(shown)
        .filter(|line| !line.contains("fault_on"))
        .collect();
    expect![[r#"
        ana write left.position: 18.0 → 19.0 done
        ben write left:position: null → 60.0 refused (left.position: 60 mm is outside the limits 0 mm to 50 mm set by the config at lab.toml:12:25)
        ben write lift: null → 1.0 refused (there is no device `lift`; did you mean `left`?)
        ana write left.position: 19.0 → 20.5 done through ["slit"]
        ana write right.position: 22.0 → 20.5 done through ["slit"]
        ana command slit.close: null → null done
        ben write right.fault: "none" → "fail" done
        ben write right.position: 20.5 → 30.0 failed (right.position: the instrument reports a failure (simulated fault `fail`))
        ben stop left: null → null done"#]]
    .assert_eq(&shown[..9].join("\n"));
    // The host itself acts as well, and says so.
    assert!(
        shown[9..]
            .iter()
            .all(|line| line.starts_with("the host, which is ending stop ")),
        "{shown:?}"
    );
    for line in &lines {
        let time = line["time"].as_str().expect("a time");
        assert!(
            time.ends_with('Z') && time.len() == "2000-01-01T00:00:00.000000000Z".len(),
            "{time}"
        );
        assert!(line["elapsed"].is_f64() && line["owner_id"].is_u64(), "{line}");
    }
}

#[test]
fn x5_a_lab_whose_audit_log_cannot_be_written_is_not_opened() {
    let opened = std::panic::catch_unwind(|| lab("audit = \"/nowhere/audit.jsonl\"\n"));
    let Err(panic) = opened else { panic!("the lab is open") };
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(
        text.contains("/nowhere/audit.jsonl") || text.contains("Audit"),
        "{text}"
    );
}

#[test]
fn x5_locks_are_noted_with_whose_they_were_and_who_broke_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let lab = lab(&format!("audit = {:?}\n{LAB}", path.display().to_string()));
    let (ana, ben) = (lab.owner("ana"), lab.owner("ben"));
    let held = ana
        .lock(("slit", "left.velocity"))
        .note("alignment")
        .blocking()
        .unwrap();
    assert!(ben.set("right", 21.0).is_err());
    ben.break_lock("slit", ana.id().number()).unwrap();
    drop(held);
    ben.protect("left", None, false).unwrap();
    ana.unprotect("left").unwrap();
    let leased = ben
        .lock("right")
        .lease(std::time::Duration::from_secs(1))
        .blocking()
        .unwrap();
    leased.expire();
    lab.close();
    let lines = lines(&path);
    let told = lines.iter().filter(|line| line["event"] != "stop").map(|line| {
        let part = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {}: {} note {} holder {}",
            part("owner"),
            part("event"),
            part("path"),
            part("outcome"),
            part("note"),
            part("holder")
        )
    });
    expect![[r#"
        ana lock left.velocity, slit: done note alignment holder -
        ben write right: refused note - holder -
        ben break left.velocity, slit: done note alignment holder ana
        ben protect left: done note - holder -
        ana unprotect left: done note - holder -
        ben lock right: done note - holder -
        ben expire right: done note - holder -"#]]
    .assert_eq(&told.collect::<Vec<_>>().join("\n"));
}
