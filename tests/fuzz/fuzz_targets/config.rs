//! The files of a config: see `config_property::config`.
#![no_main]

#[path = "../../../host/tests/config_property/mod.rs"]
mod config_property;
#[path = "../../../host/tests/fake_drivers/mod.rs"]
mod fake_drivers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config_property::config(bytes));
