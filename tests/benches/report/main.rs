//! One report of what the host costs, each figure beside its floor: the bare parts that it cannot do without.
//!
//! `cargo bench` prints it. Ours and the floor run in the same process, alternating in blocks, and the medians of all
//! pairs are printed with their ratio. Nothing is asserted: the machine may be busy with something else.
//!
//! `cargo bench -- --test` runs each measurement once, to see that it still works; `cargo bench -- flight` measures what has
//! `flight` in its name.

mod calls;
mod exchange;
mod flight;
mod hung;
mod locks;
mod measure;
mod messages;
mod process;
mod secop;
mod start;
mod waits;
mod wire;

use measure::Report;

fn main() {
    if process::is_sender() {
        return process::send();
    }
    let quick = std::env::args().any(|argument| argument == "--test");
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"))
        .unwrap_or_default();
    let mut report = Report::new(only, quick);
    calls::measure(&mut report);
    flight::measure(&mut report);
    hung::measure(&mut report);
    locks::measure(&mut report);
    messages::measure(&mut report);
    exchange::measure(&mut report);
    process::measure(&mut report);
    secop::measure(&mut report);
    wire::measure(&mut report);
    waits::measure(&mut report);
    start::measure(&mut report);
    report.finish();
}
