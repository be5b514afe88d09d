//! Starting.

use std::time::Instant;

use baton_host::{
    config::{Execution, Files, System, resolve},
    lab::Lab,
    plugin::{Drivers, Loader, SearchPath},
};
use baton_plugin_api::source::Source;
use baton_tests::lab::WATCHDOG;

use crate::measure::Report;

/// Measures the way from files to the first answer.
pub(crate) fn measure(report: &mut Report) {
    let drivers = drivers();
    let text = hundred_motors();
    report.alone("config of 100 devices, read to resolved", "≤ 7 ms", &mut || {
        let started = Instant::now();
        resolved(&text, &drivers);
        started.elapsed()
    });
    report.alone(
        "start of 100 devices, drivers to first answer",
        "≤ 50 ms",
        &mut || {
            let started = Instant::now();
            let lab = start(&text);
            let me = lab.owner("benchmark");
            me.get("m99")
                .expect("the motor can be read")
                .wait(WATCHDOG)
                .expect("the motor answers");
            let took = started.elapsed();
            lab.close();
            took
        },
    );
}

/// The drivers of such a lab, loaded anew.
fn drivers() -> Drivers {
    let mut loader = Loader::new().expect("a private folder for drivers");
    loader.scan(&SearchPath::named([baton_tests::driver("sim")]))
}

fn start(text: &str) -> Lab {
    let drivers = drivers();
    let config = resolved(text, &drivers);
    Lab::open(config, drivers).expect("the lab opens")
}

fn resolved(text: &str, drivers: &Drivers) -> baton_host::config::LabConfig {
    let files = Files::from_sources(".", [Source::new("lab.toml", text)]);
    let mut config = resolve(&files, drivers, &System, None)
        .config
        .expect("the config is sound");
    config.host.execution = Execution::Threaded;
    config
}

fn hundred_motors() -> String {
    (0..100)
        .map(|n| {
            format!(
                "[devices.m{n}]\ndriver = \"sim\"\ntype = \"motor\"\noptions.velocity = \"5 mm/s\"\n\
                 parameters.position.limits = [\"0 mm\", \"50 mm\"]\n"
            )
        })
        .collect()
}
