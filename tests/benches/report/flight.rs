//! Many calls at a time.

use std::{sync::Arc, time::Duration, time::Instant};

use baton_host::{config::Execution, executor::Call};
use baton_tests::lab::{WATCHDOG, lab_in};

use crate::{calls::Hop, measure::Report};

/// Calls in flight at once.
const IN_FLIGHT: usize = 10_000;

/// Measures calls in flight, and blocking ones.
pub(crate) fn measure(report: &mut Report) {
    for devices in [1, 100, 1000] {
        in_flight(report, devices);
    }
    blocking(report);
}

fn config(devices: usize, kind: &str) -> String {
    (0..devices)
        .map(|n| format!("[devices.d{n}]\ndriver = \"bench\"\n{kind}\n"))
        .collect()
}

fn in_flight(report: &mut Report, devices: usize) {
    let what = format!("10 000 calls in flight on {devices} devices, rate");
    if !report.wants(&what) {
        return;
    }
    let lab = lab_in(Execution::Threaded, &config(devices, "type = \"register\""));
    let me = lab.owner("benchmark");
    let paths: Vec<_> = (0..devices).map(|n| format!("d{n}")).collect();
    let hops: Vec<_> = (0..devices).map(|_| Hop::start()).collect();
    report.rate(
        &what,
        "≥ 0.7",
        &mut || {
            let started = Instant::now();
            let calls: Vec<Call> = (0..IN_FLIGHT)
                .map(|n| me.get(&paths[n % devices]).expect("a register can be read"))
                .collect();
            for call in calls {
                call.wait(WATCHDOG).expect("a register can be read");
            }
            started.elapsed() / IN_FLIGHT as u32
        },
        &mut || {
            let started = Instant::now();
            let answers: Vec<_> = (0..IN_FLIGHT).map(|n| hops[n % devices].call()).collect();
            for answer in answers {
                answer.blocking_recv().expect("the thread answers");
            }
            started.elapsed() / IN_FLIGHT as u32
        },
    );
    lab.close();
}

fn blocking(report: &mut Report) {
    let what = "1000 blocking 1 ms calls on 100 devices";
    if !report.wants(what) {
        return;
    }
    let kind = "type = \"sleeper\"\noptions.delay = \"1 ms\"";
    let lab = lab_in(Execution::Threaded, &config(100, kind));
    let me = lab.owner("benchmark");
    let paths: Arc<Vec<_>> = Arc::new((0..100).map(|n| format!("d{n}")).collect());
    report.ratio(
        what,
        "≤ 1.3",
        &mut || {
            let started = Instant::now();
            let calls: Vec<Call> = (0..1000)
                .map(|n| me.get(&paths[n % 100]).expect("a sleeper can be read"))
                .collect();
            for call in calls {
                call.wait(WATCHDOG).expect("a sleeper can be read");
            }
            started.elapsed()
        },
        &mut || {
            let started = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..100 {
                    scope.spawn(|| (0..10).for_each(|_| std::thread::sleep(Duration::from_millis(1))));
                }
            });
            started.elapsed()
        },
    );
    lab.close();
}
