//! Messages, beside tokio's channels and a bare look-up.

use std::{collections::HashMap, hint::black_box, sync::Arc, time::Duration};

use baton_host::{
    clock::{Clock, Time},
    config::Execution,
    dispatcher::{Bounds, Dispatcher, Pattern, Payload, Policy, Queue, Subscription, Topic},
};
use baton_plugin_api::Value;
use baton_tests::lab::{WATCHDOG, done};
use tokio::sync::mpsc;

use crate::measure::{Report, each};

/// So many are sent before they are taken.
const BATCH: usize = 1000;

/// Measures messages.
pub(crate) fn measure(report: &mut Report) {
    unheard(report);
    for patterns in [0, 10] {
        let with = match patterns {
            0 => "",
            _ => ", and 10 patterns with `*`",
        };
        relay(report, (1, 1), patterns, &format!("messages 1 to 1{with}"));
        relay(report, (1, 100), patterns, &format!("messages 1 to 100{with}"));
        relay(report, (100, 1), patterns, &format!("messages 100 to 1{with}"));
    }
    handled(report);
    from_a_driver(report);
}

/// What the floor carries, shared by all that get it: no more than the value, its time and its number.
struct Bare {
    value: Value,
    t: Time,
    n: u64,
}

/// A lookup among the names of an ordinary lab.
fn unheard(report: &mut Report) {
    let (dispatcher, clock) = (Dispatcher::new(Execution::Threaded), Clock::real());
    let names: Vec<String> = (0..100).map(|n| format!("client:scan{n}")).collect();
    for name in &names {
        dispatcher.send(name, "done", || (Payload::Value(Value::Unit), clock.now()));
    }
    let mut counts: HashMap<&str, u64> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let name = names[40].as_str();
    report.ratio(
        "messages that nobody hears, over clock and look-up",
        "≤ 1.3",
        &mut || {
            each(100_000, || {
                let payload = || (Payload::Value(Value::Float(1.5)), clock.now());
                black_box(dispatcher.send(black_box(name), "done", payload));
            })
        },
        &mut || {
            each(100_000, || {
                black_box(clock.now());
                *counts.get_mut(black_box(name)).expect("it is there") += 1;
            })
        },
    );
    let topic = dispatcher.topic(&"stage".into(), "limit_hit", false);
    report.alone("messages that nobody hears, by a name that is kept", "", &mut || {
        each(100_000, || {
            black_box(topic.post(|| (Payload::Value(Value::Float(1.5)), clock.now())));
        })
    });
}

/// Messages from so many senders to so many subscribers; each gets all of them.
fn relay(report: &mut Report, (senders, receivers): (usize, usize), patterns: usize, what: &str) {
    if !report.wants(what) {
        return;
    }
    let dispatcher = Dispatcher::new(Execution::Threaded);
    let bounds = Bounds {
        entries: 2 * BATCH,
        bytes: 1 << 24,
    };
    // Of senders that are silent; what they cost is what is measured.
    let idle = Arc::new(Queue::<()>::new(bounds));
    let _patterns: Vec<Subscription> = (0..patterns)
        .map(|n| dispatcher.subscribe(Pattern::new(format!("*{n}.idle"), "*"), Policy::DropOldest, &idle))
        .collect();
    let topics: Vec<Arc<Topic>> = (0..senders)
        .map(|n| dispatcher.topic(&format!("device{n}.value").into(), "changed", true))
        .collect();
    let queues: Vec<_> = (0..receivers).map(|_| Arc::new(Queue::<()>::new(bounds))).collect();
    let sender = if patterns > 0 { "*" } else { "device0" };
    let subscribe = |queue: &Arc<Queue<()>>| match senders {
        1 => vec![dispatcher.subscribe(Pattern::new(sender, "*"), Policy::DropOldest, queue)],
        _ if patterns > 0 => vec![dispatcher.subscribe(Pattern::new("*", "*"), Policy::DropOldest, queue)],
        _ => (0..senders)
            .map(|n| dispatcher.subscribe(Pattern::new(format!("device{n}"), "*"), Policy::DropOldest, queue))
            .collect(),
    };
    let _subscriptions: Vec<Vec<Subscription>> = queues.iter().map(subscribe).collect();
    let channels: Vec<_> = (0..receivers).map(|_| mpsc::channel::<Arc<Bare>>(2 * BATCH)).collect();
    let (ends, mut receiving): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
    let t = Clock::real().now();
    let deliveries = (BATCH * receivers) as u32;
    report.rate(
        what,
        "≥ 1",
        &mut || {
            per_delivery(deliveries, || {
                for n in 0..BATCH {
                    topics[n % senders].post(|| (Payload::Value(Value::Float(n as f64)), t));
                }
                for queue in &queues {
                    assert_eq!(queue.take_all().map(black_box).count(), BATCH);
                }
            })
        },
        &mut || {
            per_delivery(deliveries, || {
                for n in 0..BATCH {
                    let (value, n) = (Value::Float(n as f64), n as u64);
                    let shared = Arc::new(Bare { value, t, n });
                    for end in &ends {
                        end.try_send(Arc::clone(&shared)).expect("there is room");
                    }
                }
                for receiver in &mut receiving {
                    for _ in 0..BATCH {
                        let bare = receiver.try_recv().expect("it was sent");
                        black_box((&bare.value, bare.t, bare.n));
                    }
                }
            })
        },
    );
}

fn per_delivery(deliveries: u32, mut block: impl FnMut()) -> Duration {
    let rounds = (400_000 / deliveries).max(1);
    each(rounds, &mut block) / deliveries
}

/// To a handler on its thread, beside a thread that blocks on a channel: until the last one has been handled.
fn handled(report: &mut Report) {
    let what = "messages to a handler, over a thread at a channel";
    if !report.wants(what) {
        return;
    }
    let dispatcher = Dispatcher::new(Execution::Threaded);
    let topic = dispatcher.topic(&"stage".into(), "tick", false);
    let bounds = Bounds {
        entries: 1 << 20,
        bytes: 1 << 30,
    };
    let _handler = dispatcher.handle(Pattern::new("stage", "*"), (Policy::Lossless, bounds), |message| {
        black_box(message);
    });
    let t = Clock::real().now();
    let (end, receiving) = std::sync::mpsc::channel::<Option<Arc<Bare>>>();
    let (ended, over) = std::sync::mpsc::channel();
    let floor = std::thread::spawn(move || {
        for bare in receiving {
            if black_box(bare).is_none() && ended.send(()).is_err() {
                return;
            }
        }
    });
    const MANY: u32 = 100_000;
    report.rate(
        what,
        "",
        &mut || {
            let block = || {
                for n in 0..MANY {
                    topic.post(|| (Payload::Value(Value::Float(f64::from(n))), t));
                }
                assert!(dispatcher.flush(WATCHDOG));
            };
            each(1, block) / MANY
        },
        &mut || {
            let block = || {
                for n in 0..MANY {
                    let (value, n) = (Value::Float(f64::from(n)), u64::from(n));
                    end.send(Some(Arc::new(Bare { value, t, n }))).expect("it listens");
                }
                end.send(None).expect("it listens");
                over.recv().expect("it has come to the end");
            };
            each(1, block) / MANY
        },
    );
    drop(end);
    floor.join().expect("it ends");
}

/// What a driver sends and publishes, at the place where it does so.
fn from_a_driver(report: &mut Report) {
    for (what, hears) in [
        ("messages and readings of a driver, unheard", false),
        ("messages and readings of a driver, heard", true),
    ] {
        if !report.wants(what) {
            continue;
        }
        let lab = baton_tests::lab::lab_in(
            Execution::Threaded,
            "[devices.hand]\ndriver = \"puppet\"\ntype = \"hand\"\nparameters.counted.history = 0\n",
        );
        let me = lab.owner("benchmark");
        let queue = Arc::new(Queue::<()>::new(Bounds::default()));
        let device = lab.device("hand").expect("the lab has it");
        let _subscription = hears.then(|| device.subscribe(Policy::DropOldest, &queue));
        report.alone(what, "", &mut || {
            // No more than the driver may send in a second.
            const MANY: u32 = 5000;
            let taken = each(1, || {
                done(me.call("hand.count", i64::from(MANY)));
            });
            taken / MANY
        });
        lab.close();
    }
}
