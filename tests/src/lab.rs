//! Labs for tests: from TOML to running devices in one line.

use std::time::Duration;

use baton_host::{
    config::{Execution, Files, System, render, resolve},
    lab::Lab,
    plugin::{Drivers, Loader, SearchPath},
};
use baton_plugin_api::source::Source;

/// How long a test waits for what should happen at once. Only a test that fails waits that long.
pub const WATCHDOG: Duration = Duration::from_secs(20);

/// All drivers that tests use, loaded anew.
///
/// # Panics
/// If they cannot be.
pub fn drivers() -> Drivers {
    let files = ["sim", "stream", "panicky", "bench"].map(super::driver);
    let mut loader = Loader::new().expect("a private folder for drivers");
    loader.scan(&SearchPath::named(files))
}

/// Whether this run of the tests has asynchronous execution disabled (I1).
pub fn is_inline() -> bool {
    std::env::var_os("BATON_DISABLE_ASYNC").is_some_and(|value| value == "1")
}

/// A running lab with these devices: threaded, or inline when the whole run of tests is.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab(devices: &str) -> Lab {
    lab_in(
        if is_inline() {
            Execution::Inline
        } else {
            Execution::Threaded
        },
        devices,
    )
}

/// A running lab with these devices.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab_in(execution: Execution, devices: &str) -> Lab {
    let drivers = drivers();
    let text = format!("[lab]\nname = \"test\"\n[host]\nlisten = \"127.0.0.1:0\"\n{devices}");
    let files = Files::from_sources(".", [Source::new("lab.toml", text)]);
    let resolution = resolve(&files, &drivers, &System, None);
    let mut config = match resolution.config {
        Some(config) => config,
        None => panic!("{}", render::text(&resolution.diagnostics, false)),
    };
    config.host.execution = execution;
    let lab = Lab::open(config, drivers).expect("the lab opens");
    assert!(lab.wait_ready(WATCHDOG), "the devices were tried");
    lab
}
