//! The host's log, kept in memory for those who ask for it, and sent to those who follow it.
//!
//! What the host and its drivers log are events of `tracing`. [`Log::layer`] takes them, beside whatever else takes them,
//! such as standard error; [`Server::with_log`](crate::server::Server::with_log) lets clients read them. Events are of a
//! process, not of a lab, as `tracing` has it; those that are about a device carry its name.
//!
//! `trace` is what goes over an instrument's line, byte by byte, and costs the more the more there is of it. Such events,
//! and those of `debug`, are only made while somebody wants to see them.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    subscriber::Interest,
};
use tracing_subscriber::layer::{Context, Filter, Layer};

use crate::{
    clock::{Clock, Time},
    journal::{Journal, Kept, Reader},
};

/// So much of it is kept.
const KEPT: Kept = Kept {
    entries: 10_000,
    bytes: 4 << 20,
};
/// The most characters of a line that are kept.
const TEXT_MAX: usize = 4000;

/// The log of this process; clones are the same one.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    lines: Arc<Journal<LogLine>>,
    clock: Clock,
    /// Kept whether or not anybody looks.
    always: Level,
    /// What those want who follow it, and how many they are.
    wanted: Mutex<BTreeMap<u8, usize>>,
    /// The rank of the most detailed level that is taken now.
    taken: AtomicU8,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub(crate) time: Time,
    pub(crate) level: Level,
    /// The device or controller that it is about; `None` for what is the host's own.
    pub(crate) device: Option<Arc<str>>,
    pub(crate) text: String,
}

/// As long as it lives, lines of its level are taken.
pub(crate) struct Demand {
    shared: Arc<Shared>,
    rank: u8,
}

impl Log {
    /// A log that keeps lines of `level` and above, whether or not anybody looks.
    pub fn new(level: Level) -> Log {
        let shared = Shared {
            lines: Journal::new(KEPT),
            clock: Clock::real(),
            always: level,
            wanted: Mutex::default(),
            taken: AtomicU8::new(rank(level)),
        };
        Log {
            shared: Arc::new(shared),
        }
    }

    /// Takes events. Several are possible, and all of their lines are in one order.
    pub fn layer<S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>>(
        &self,
    ) -> impl Layer<S> + use<S> {
        Taking(Arc::clone(&self.shared)).with_filter(Wanted(Arc::clone(&self.shared)))
    }

    /// What is kept whether or not anybody looks.
    pub(crate) fn level(&self) -> Level {
        self.shared.always
    }

    /// A reader of all that is kept, and of what comes.
    pub(crate) fn reader_of_all(&self) -> Reader<LogLine> {
        self.shared.lines.reader_of_all()
    }

    /// A reader of what comes.
    pub(crate) fn reader_of_news(&self) -> Reader<LogLine> {
        self.shared.lines.reader_of_news()
    }

    /// Has lines of this level taken, as long as what is returned lives.
    pub(crate) fn demand(&self, level: Level) -> Demand {
        let rank = rank(level);
        self.shared.change(|wanted| *wanted.entry(rank).or_default() += 1);
        Demand {
            shared: Arc::clone(&self.shared),
            rank,
        }
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        self.shared.change(|wanted| {
            if let Some(count) = wanted.get_mut(&self.rank) {
                *count -= 1;
            }
            wanted.retain(|_, count| *count > 0);
        });
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut BTreeMap<u8, usize>)) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut wanted);
        let most = wanted.keys().next_back().copied().unwrap_or(0).max(rank(self.always));
        let before = self.taken.swap(most, Ordering::AcqRel);
        drop(wanted);
        if before != most {
            // `tracing` keeps what each place in the code has to do, and forgets it here.
            tracing::callsite::rebuild_interest_cache();
        }
    }

    fn takes(&self, level: Level) -> bool {
        rank(level) <= self.taken.load(Ordering::Acquire)
    }
}

/// `error` is 1 and `trace` 5.
fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

fn filter(rank: u8) -> LevelFilter {
    match rank {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Which events are taken at the moment.
struct Wanted(Arc<Shared>);

impl<S> Filter<S> for Wanted {
    fn enabled(&self, event: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.0.takes(*event.level())
    }

    fn callsite_enabled(&self, event: &'static Metadata<'static>) -> Interest {
        match self.0.takes(*event.level()) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter(self.0.taken.load(Ordering::Acquire)))
    }
}

/// Writes events down.
struct Taking(Arc<Shared>);

impl<S: Subscriber> Layer<S> for Taking {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = LogLine {
            time: self.0.clock.now(),
            level: *event.metadata().level(),
            device: fields.device,
            text: fields.text,
        };
        let bytes = line.text.len() + 64;
        self.0.lines.push(line, bytes);
    }
}

#[derive(Default)]
struct Fields {
    device: Option<Arc<str>>,
    text: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => {
                self.text = format!("{value:?}");
                if let Some((end, _)) = self.text.char_indices().nth(TEXT_MAX) {
                    self.text.truncate(end);
                    self.text.push('…');
                }
            }
            "device" | "controller" | "worker" => self.device = Some(format!("{value:?}").into()),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn shown(reader: &mut Reader<LogLine>) -> Vec<String> {
        let lines = reader.read(100).entries;
        let shown = lines.iter().map(|line| {
            let device = line.device.as_deref().unwrap_or("-");
            format!("{} {device} {}", line.level, line.text)
        });
        shown.collect()
    }

    #[test]
    fn what_is_logged_is_kept_and_details_only_as_long_as_somebody_wants_them() {
        let log = Log::new(Level::INFO);
        let subscriber = tracing_subscriber::registry().with(log.layer());
        let mut reader = log.reader_of_all();
        tracing::subscriber::with_default(subscriber, || {
            let name = "stage";
            tracing::info!(device = %name, "{name} answers again");
            tracing::warn!(worker = name, "slow");
            tracing::debug!("nobody looks");
            let demand = log.demand(Level::TRACE);
            let debug = log.demand(Level::DEBUG);
            tracing::debug!("somebody looks");
            tracing::trace!(device = %name, "-> VOLT?");
            drop(demand);
            tracing::trace!("nobody looks");
            tracing::debug!("still");
            drop(debug);
            tracing::debug!("nobody looks");
            tracing::error!("{}", "x".repeat(2 * TEXT_MAX));
        });
        let mut lines = shown(&mut reader);
        let long = lines.pop().unwrap();
        assert_eq!(long.chars().count(), "ERROR - ".len() + TEXT_MAX + 1);
        assert_eq!(
            lines,
            [
                "INFO stage stage answers again",
                "WARN stage slow",
                "DEBUG - somebody looks",
                "TRACE stage -> VOLT?",
                "DEBUG - still"
            ]
        );
    }
}
