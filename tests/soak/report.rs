//! What came of it, and which bounds it broke.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::{args::Args, host::Usage, tally::Tally};

/// What a host at rest may have more of than after the first round: a thread that is just ending, a socket that lingers.
const MORE_THREADS: u64 = 3;
const MORE_DESCRIPTORS: u64 = 6;
/// Memory may grow by so much of what it was, and by so many KiB: an allocator keeps what it had for a peak.
const MORE_MEMORY: f64 = 0.10;
const MORE_MEMORY_KIB: f64 = 12.0 * 1024.0;

/// One round: people come, use the lab, and go, and the host comes to rest.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Seconds from the start to its rest.
    pub(crate) at: f64,
    /// Calls so far.
    pub(crate) calls: u64,
    pub(crate) faults: u64,
    pub(crate) recoveries: u64,
    /// The most that was in use.
    pub(crate) busy: Usage,
    /// What is in use at rest.
    pub(crate) rest: Usage,
    /// What the host still had to do when it should have been at rest; empty if nothing.
    pub(crate) restless: String,
}

/// What came of it.
pub(crate) struct Report<'r> {
    pub(crate) args: &'r Args,
    pub(crate) tally: &'r Tally,
    /// What the host used before anybody came.
    pub(crate) fresh: Usage,
    pub(crate) rounds: &'r [Round],
    /// What went wrong beside the bounds.
    pub(crate) troubles: Vec<String>,
}

impl Report<'_> {
    /// The bounds that were broken, each as a sentence.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = self.troubles.clone();
        let lost = self.tally.lost();
        if !lost.is_empty() {
            broken.push(format!(
                "{} requests were never answered: {}",
                lost.len(),
                lost[..lost.len().min(5)].join("; ")
            ));
        }
        let (made, ended) = (self.made(), self.tally.ended().values().sum::<u64>());
        if made != ended {
            broken.push(format!("{made} calls were made, and {ended} ended"));
        }
        if self.tally.faults().is_empty() || self.tally.recoveries.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            broken.push("nothing was injected, or nothing recovered: that was no soak".to_owned());
        }
        for (index, round) in self
            .rounds
            .iter()
            .enumerate()
            .filter(|(_, round)| !round.restless.is_empty())
        {
            broken.push(format!(
                "after round {} the host does not come to rest: {}",
                index + 1,
                round.restless
            ));
        }
        broken.extend(self.growth());
        broken
    }

    /// What the host has more of than after its first round.
    fn growth(&self) -> Vec<String> {
        let (Some(first), Some(last)) = (self.rounds.first(), self.rounds.last()) else {
            return vec!["there was no round".to_owned()];
        };
        let (first, last) = (first.rest, last.rest);
        let mut grown = Vec::new();
        let mut bound = |what: &str, first: u64, last: u64, most: u64| {
            if last > most {
                grown.push(format!(
                    "{what}: {first} at first, {last} at rest after the last round; at most {most}"
                ));
            }
        };
        bound("threads", first.threads, last.threads, first.threads + MORE_THREADS);
        bound(
            "descriptors",
            first.descriptors,
            last.descriptors,
            first.descriptors + MORE_DESCRIPTORS,
        );
        bound("processes", self.fresh.children, last.children, self.fresh.children);
        // A host that has just begun takes what it needs in its first rounds.
        let warm = self.rounds[self.rounds.len() / 3].rest.memory_kib;
        let most = warm as f64 * (1.0 + MORE_MEMORY) + MORE_MEMORY_KIB;
        bound("KiB of memory", warm, last.memory_kib, most as u64);
        grown
    }

    fn made(&self) -> u64 {
        self.tally.calls.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::from(
            "round     time       calls   faults  recovered   threads  descriptors  processes    memory   (at rest / most)\n",
        );
        for (index, round) in self.rounds.iter().enumerate() {
            let Round {
                at,
                calls,
                faults,
                recoveries,
                busy,
                rest,
                ..
            } = round;
            let pair = |rest: u64, busy: u64| format!("{rest}/{busy}");
            let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
            let memory = format!("{}/{} MiB", mib(rest.memory_kib), mib(busy.memory_kib));
            put(
                &mut out,
                format_args!(
                    "{:>5} {at:>7.0} s {calls:>11} {faults:>8} {recoveries:>10} {:>9} {:>12} {:>10}  {memory}\n",
                    index + 1,
                    pair(rest.threads, busy.threads),
                    pair(rest.descriptors, busy.descriptors),
                    pair(rest.children, busy.children),
                ),
            );
        }
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        let list = |of: std::collections::BTreeMap<String, u64>| {
            let parts: Vec<String> = of.iter().map(|(name, count)| format!("{name} {count}")).collect();
            parts.join(", ")
        };
        put(
            &mut out,
            format_args!(
                "\n{} devices, {} people at a time, {} connections, {} other requests\n",
                self.args.devices,
                self.args.people,
                count(&self.tally.connections),
                count(&self.tally.requests)
            ),
        );
        put(
            &mut out,
            format_args!("calls     {}: {}\n", self.made(), list(self.tally.ended())),
        );
        put(&mut out, format_args!("lost      {}\n", self.tally.lost().len()));
        put(
            &mut out,
            format_args!(
                "faults    {}: {}\n",
                self.tally.faults().values().sum::<u64>(),
                list(self.tally.faults())
            ),
        );
        put(&mut out, format_args!("recovered {}\n", count(&self.tally.recoveries)));
        put(
            &mut out,
            format_args!(
                "slowest   {} ms for an answer to whoever asks one thing at a time\n",
                count(&self.tally.slowest_ms)
            ),
        );
        let broken = self.broken();
        for sentence in &broken {
            put(&mut out, format_args!("BROKEN    {sentence}\n"));
        }
        if broken.is_empty() {
            out.push_str("every call ended, everything came back, and nothing has grown\n");
        }
        out
    }

    /// For programs.
    pub(crate) fn json(&self) -> Json {
        let usage = |usage: Usage| json!({ "threads": usage.threads, "descriptors": usage.descriptors, "processes": usage.children, "memory_kib": usage.memory_kib });
        let rounds: Vec<Json> = self
            .rounds
            .iter()
            .map(|round| {
                json!({
                    "seconds": round.at, "calls": round.calls, "faults": round.faults, "recovered": round.recoveries,
                    "rest": usage(round.rest), "most": usage(round.busy), "restless": round.restless,
                })
            })
            .collect();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        json!({
            "schema": 1,
            "devices": self.args.devices,
            "people": self.args.people,
            "seed": self.args.seed,
            "connections": count(&self.tally.connections),
            "requests": count(&self.tally.requests),
            "calls": self.made(),
            "ended": self.tally.ended(),
            "lost": self.tally.lost().len(),
            "faults": self.tally.faults(),
            "recovered": count(&self.tally.recoveries),
            "slowest_answer_ms": count(&self.tally.slowest_ms),
            "rounds": rounds,
            "broken": self.broken(),
        })
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes all that is written");
}
