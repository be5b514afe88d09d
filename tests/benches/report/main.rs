//! One report of what the host costs, each figure beside its floor: the bare parts that it cannot do without.
//!
//! `cargo bench` prints it. Ours and the floor run in the same process, alternating in blocks, and the medians of all
//! pairs are printed with their ratio. Nothing is asserted: the machine may be busy with something else.
//!
//! `cargo bench -- --test` runs each measurement once, to see that it still works.

mod calls;
mod flight;
mod measure;
mod secop;
mod start;

use measure::Report;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--test");
    let mut report = Report::new(quick);
    calls::measure(&mut report);
    flight::measure(&mut report);
    secop::measure(&mut report);
    start::measure(&mut report);
    report.finish();
}
