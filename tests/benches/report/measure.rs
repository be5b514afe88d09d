//! Pairs of measurements, and the table that they end up in.
#![allow(clippy::print_stdout, reason = "the report is what the program is for")]

use std::time::{Duration, Instant};

/// How many pairs are measured; their medians are what is told.
const PAIRS: usize = 15;

/// Collects figures and prints them as they come.
pub(crate) struct Report {
    pairs: usize,
    /// Only what has this in its name is measured.
    only: String,
}

/// What one block of work took, per operation.
pub(crate) type Block<'a> = &'a mut dyn FnMut() -> Duration;

impl Report {
    /// A report of what has `only` in its name; `quick` measures everything once.
    pub(crate) fn new(only: String, quick: bool) -> Self {
        println!(
            "{:<46} {:>11} {:>11} {:>8}  goal",
            "what, per operation", "ours", "floor", ""
        );
        let pairs = if quick { 1 } else { PAIRS };
        Report { pairs, only }
    }

    /// Whether a measurement of that name was asked for: what it needs need not be set up otherwise.
    pub(crate) fn wants(&self, what: &str) -> bool {
        what.contains(&self.only)
    }

    /// Ours beside its floor, with their ratio.
    pub(crate) fn ratio(&mut self, what: &str, goal: &str, ours: Block<'_>, floor: Block<'_>) {
        if !self.wants(what) {
            return;
        }
        let (ours, floor) = self.pairs(ours, floor);
        let ratio = ours.as_secs_f64() / floor.as_secs_f64();
        row(what, ours, Some(floor), &format!("× {ratio:.2}"), goal);
    }

    /// Ours beside its floor, with the ratio of how many operations there are in a second. Returns that number, for ours.
    pub(crate) fn rate(&mut self, what: &str, goal: &str, ours: Block<'_>, floor: Block<'_>) -> f64 {
        if !self.wants(what) {
            return 0.0;
        }
        let (ours, floor) = self.pairs(ours, floor);
        let ratio = floor.as_secs_f64() / ours.as_secs_f64();
        row(what, ours, Some(floor), &format!("× {ratio:.2}"), goal);
        1.0 / ours.as_secs_f64()
    }

    /// A word about the figure above.
    pub(crate) fn note(&mut self, text: &str) {
        println!("  {text}");
    }

    /// Ours beside its floor, with their difference.
    pub(crate) fn difference(&mut self, what: &str, goal: &str, ours: Block<'_>, floor: Block<'_>) {
        if !self.wants(what) {
            return;
        }
        let (ours, floor) = self.pairs(ours, floor);
        let sign = if ours >= floor { "+" } else { "-" };
        row(
            what,
            ours,
            Some(floor),
            &format!("{sign}{}", show(ours.abs_diff(floor))),
            goal,
        );
    }

    /// A figure that stands alone.
    pub(crate) fn alone(&mut self, what: &str, goal: &str, ours: Block<'_>) {
        if !self.wants(what) {
            return;
        }
        ours();
        let ours = median((0..self.pairs).map(|_| ours()).collect());
        row(what, ours, None, "", goal);
    }

    /// A figure that is no time of an operation, and stands alone.
    pub(crate) fn figure(&mut self, what: &str, figure: Duration) {
        row(what, figure, None, "", "");
    }

    /// Medians of blocks that alternate, after one of each to warm up.
    fn pairs(&self, ours: Block<'_>, floor: Block<'_>) -> (Duration, Duration) {
        ours();
        floor();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for _ in 0..self.pairs {
            left.push(ours());
            right.push(floor());
        }
        (median(left), median(right))
    }

    /// Says how it was measured.
    pub(crate) fn finish(self) {
        println!(
            "\nmedians of {} pairs of blocks, ours and the floor in turn, in one process on {} processors",
            self.pairs,
            std::thread::available_parallelism().map_or(0, usize::from)
        );
    }
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations[durations.len() / 2]
}

fn row(what: &str, ours: Duration, floor: Option<Duration>, relation: &str, goal: &str) {
    let floor = floor.map_or_else(String::new, show);
    println!("{what:<46} {:>11} {floor:>11} {relation:>8}  {goal}", show(ours));
}

fn show(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds < 10_000 {
        format!("{nanoseconds} ns")
    } else if nanoseconds < 10_000_000 {
        format!("{:.1} µs", nanoseconds as f64 / 1e3)
    } else {
        format!("{:.1} ms", nanoseconds as f64 / 1e6)
    }
}

/// Runs `operation` so many times and gives the time of one.
pub(crate) fn each(times: u32, mut operation: impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..times {
        operation();
    }
    // Rounded up to a nanosecond: a floor must not be zero.
    (started.elapsed() / times).max(Duration::from_nanos(1))
}

/// Keeps this thread, and those that it starts, on one processor meanwhile.
pub(crate) fn on_one_processor(body: impl FnOnce()) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let all = sched_getaffinity(None).expect("a thread knows its processors");
    let first = (0..CpuSet::MAX_CPU).find(|n| all.is_set(*n)).expect("there is one");
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).expect("a thread may stay where it is");
    body();
    sched_setaffinity(None, &all).expect("a thread may go where it could before");
}
