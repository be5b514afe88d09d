//! Labs with Modbus instruments: the real driver, loaded as a file, and instruments that are threads of the test.

// The instrument of the driver's own tests; not all of it is needed here.
#[allow(dead_code)]
#[path = "../../drivers/modbus/src/fake.rs"]
mod fake;

use std::{path::Path, time::Duration};

use baton_host::{failure::Failure, lab::Lab};
use baton_plugin_api::{ErrorKind, Value};
use baton_tests::lab::{Follower, done, failure, is_inline, lab, number};
use fake::{Bank, Fake, Fault};

/// An oven at 23.5 degC.
fn oven(units: &[u8]) -> Bank {
    let mut bank = Bank::new();
    bank.units = units.to_vec();
    bank.coils = (0..8).map(|address| (address, false)).collect();
    bank.discrete = (0..4).map(|address| (address, false)).collect();
    bank.holding = (0..10).map(|address| (address, 0)).collect();
    bank.input = (0..22).map(|address| (address, 0)).collect();
    bank.input.insert(0, 235);
    bank
}

/// The oven's file as it comes with Baton, but patient: nobody else's load may make an answer late.
fn file(folder: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/instruments/modbus-temperature-controller.toml");
    let text = std::fs::read_to_string(path).expect("the file is there");
    let file = folder.join("oven.toml");
    std::fs::write(&file, text.replace("500 ms", "20 s")).expect("it can be written");
    file.display().to_string()
}

fn alone(fake: &Fake, folder: &Path) -> Lab {
    let (file, address) = (file(folder), &fake.address);
    lab(&format!(
        "[devices.oven]\ndriver = \"modbus\"\ntype = \"instrument\"\noptions = {{ file = {file:?}, address = {address:?} }}\n"
    ))
}

/// Waits for something at the instrument, in either mode.
fn until(lab: &Lab, what: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + baton_tests::lab::WATCHDOG;
    while !what() {
        assert!(std::time::Instant::now() < deadline, "it does not come");
        match is_inline() {
            true => lab.run_until(lab.clock().now() + Duration::from_millis(50)),
            false => std::thread::yield_now(),
        }
    }
}

#[test]
fn c3_setting_an_oven_is_done_when_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::tcp(oven(&[1]), false);
    let lab = alone(&fake, folder.path());
    let me = lab.owner("test");
    assert_eq!(number(me.get("oven")), 23.5);
    // On its way at once, and there when it was looked at for a while.
    fake.bank().input.insert(4, 1);
    let bank = fake.shared();
    let arriving = std::thread::spawn(move || {
        while !bank.lock().unwrap().log.iter().any(|line| line.starts_with("1: 6 @0")) {
            std::thread::yield_now();
        }
        let mut bank = bank.lock().unwrap();
        bank.input.insert(0, 1000);
        bank.input.insert(4, 0);
    });
    let reading = done(me.set("oven", 100.0));
    assert_eq!(reading.value, Value::Float(100.0));
    arriving.join().unwrap();
    assert_eq!(fake.bank().holding[&0], 1000);
    let refused = me.set("oven", 400.0).expect_err("outside the limits");
    assert!(refused.to_string().contains("350"), "{refused}");
    done(me.set("oven.mode", "manual"));
    assert_eq!(fake.bank().holding[&4], 0b0010_0000);
    done(me.call("oven.run_program", 3_i64));
    assert_eq!(fake.bank().holding[&8], 3);
    lab.close();
}

#[test]
fn d2_one_request_polls_a_whole_block() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::tcp(oven(&[1]), false);
    let lab = alone(&fake, folder.path());
    let mut follower = Follower::new(&lab, &["oven"]);
    follower.until("oven.heating_power 0");
    fake.bank().input.insert(0, 300);
    fake.bank().input.insert(1, 5000);
    let from = follower.until("oven.temperature 30");
    follower.until_after(from.saturating_sub(3), "oven.heating_power 50");
    // Never on its own: what lies at its address is read with the temperature before it.
    let log = fake.log();
    assert!(log.iter().any(|line| line == "1: 4 @0 +2"), "{log:?}");
    assert!(!log.iter().any(|line| line.starts_with("1: 4 @1 ")), "{log:?}");
    lab.close();
}

#[test]
fn an_oven_that_goes_away_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::tcp(oven(&[1]), false);
    let lab = alone(&fake, folder.path());
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["oven"]);
    follower.until("oven.temperature 23.5");
    fake.bank().coils.insert(0, false);
    fake.fault([Fault::Cut(3)]);
    // Opened again, it is introduced to again.
    until(&lab, || fake.bank().coils[&0]);
    until(&lab, || me.get("oven").is_ok());
    assert_eq!(number(me.get("oven")), 23.5);
    lab.close();
}

#[test]
fn units_share_a_line_and_a_dead_one_leaves_the_other_alone() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::tcp(oven(&[2]), true);
    let (file, address) = (file(folder.path()), &fake.address);
    let lab = lab(&format!(
        r#"
        [controllers.rs485]
        driver = "modbus"
        type = "bus"
        options = {{ address = {address:?}, mode = "rtu" }}
        [devices.dead]
        controller = "rs485"
        type = "instrument"
        options = {{ file = {file:?}, unit = 1, reply_timeout = "60 ms" }}
        [devices.alive]
        controller = "rs485"
        type = "instrument"
        options = {{ file = {file:?}, unit = 2 }}
        "#
    ));
    let me = lab.owner("test");
    for _ in 0..3 {
        assert_eq!(number(me.get("alive")), 23.5);
    }
    done(me.set("alive.light", true));
    assert!(fake.bank().coils[&3]);
    // The dead one was not even introduced to.
    let refusal = me.get("dead").map(drop).expect_err("it is not open");
    assert!(refusal.to_string().contains("unit 1 has not answered"), "{refusal}");
    // It comes back without a word, and the other has not noticed.
    let opened = lab.device("alive").unwrap().counters().opened;
    fake.bank().units.push(1);
    until(&lab, || me.get("dead").is_ok());
    assert_eq!(number(me.get("dead")), 23.5);
    assert_eq!(lab.device("alive").unwrap().counters().opened, opened);
    lab.close();
}

#[test]
fn what_an_instrument_refuses_is_told_with_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::tcp(oven(&[1]), false);
    let lab = alone(&fake, folder.path());
    let me = lab.owner("test");
    fake.bank().coils.remove(&3);
    let failed = failure(me.set("oven.light", true));
    assert!(
        matches!(&failed, Failure::Driver { error, .. } if error.kind() == ErrorKind::Impossible),
        "{failed}"
    );
    assert!(
        failed
            .to_string()
            .contains("writing coil 3 (00004 in manuals): illegal data address (exception 2)"),
        "{failed}"
    );
    lab.close();
}
