//! Waiting for values, beside a bare notification.

use std::{
    cell::Cell,
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use baton_host::{
    condition::Condition,
    config::Execution,
    executor::Call,
    lab::{Lab, Owner},
};
use baton_tests::lab::{WATCHDOG, done};

use crate::measure::{Report, each};

/// So many wait for one parameter.
const MANY: u32 = 1000;
/// Wakes of a block.
const TIMES: u32 = 200;
const REGISTER: &str = "[devices.r]\ndriver = \"bench\"\ntype = \"register\"\n";

/// Measures waits.
pub(crate) fn measure(report: &mut Report) {
    wake(report);
    many(report);
}

fn register() -> (Lab, Owner) {
    let lab = baton_tests::lab::lab_in(Execution::Threaded, REGISTER);
    let me = lab.owner("benchmark");
    (lab, me)
}

fn is(me: &Owner, value: f64) -> Call {
    me.wait_for("r.content", Condition::near(value, 0.1))
        .expect("it can be waited for")
}

/// From a write until a thread that waits for the value runs.
fn wake(report: &mut Report) {
    let what = "a write wakes who waits, over write and condvar";
    if !report.wants(what) {
        return;
    }
    let (lab, me) = register();
    let (ours, floor) = (Waiter::of_values(&me), Waiter::of_notifications());
    let n = Cell::new(0.0);
    let block = |waiter: &Waiter| {
        let wake = |_| {
            n.set((n.get() + 1.0) % 900.0);
            waiter.wake(&me, n.get())
        };
        (0..TIMES).map(wake).sum::<Duration>() / TIMES
    };
    report.ratio(what, "", &mut || block(&ours), &mut || block(&floor));
    drop((ours, floor));
    lab.close();
}

/// A thread that waits for one thing after the other.
struct Waiter {
    /// What to wait for next.
    wishes: mpsc::Sender<f64>,
    /// It waits.
    ready: mpsc::Receiver<()>,
    /// It has been woken.
    woken: mpsc::Receiver<Instant>,
    notification: Option<Arc<(Mutex<f64>, Condvar)>>,
}

impl Waiter {
    fn start(
        notification: Option<Arc<(Mutex<f64>, Condvar)>>,
        wait: impl Fn(f64, &dyn Fn()) + Send + 'static,
    ) -> Waiter {
        let (wishes, wished) = mpsc::channel();
        let (set_ready, ready) = mpsc::channel();
        let (wake, woken) = mpsc::channel();
        std::thread::spawn(move || {
            for wish in wished {
                wait(wish, &|| {
                    let _ = set_ready.send(());
                });
                let _ = wake.send(Instant::now());
            }
        });
        Waiter {
            wishes,
            ready,
            woken,
            notification,
        }
    }

    fn of_values(me: &Owner) -> Waiter {
        let me = me.clone();
        Waiter::start(None, move |value, ready| {
            let call = is(&me, value);
            ready();
            call.wait(WATCHDOG).expect("it comes");
        })
    }

    fn of_notifications() -> Waiter {
        let shared = Arc::new((Mutex::new(0.0), Condvar::new()));
        let theirs = Arc::clone(&shared);
        Waiter::start(Some(shared), move |value, ready| {
            let (mutex, condvar) = &*theirs;
            let mut now = mutex.lock().unwrap_or_else(PoisonError::into_inner);
            ready();
            while *now != value {
                now = condvar.wait(now).unwrap_or_else(PoisonError::into_inner);
            }
        })
    }

    /// Writes a value that is waited for; from the write to the waking.
    fn wake(&self, me: &Owner, value: f64) -> Duration {
        self.wishes.send(value).expect("it lives");
        self.ready.recv().expect("it lives");
        let started = Instant::now();
        done(me.set("r.content", value));
        if let Some(notification) = &self.notification {
            *notification.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
            notification.1.notify_one();
        }
        self.woken.recv().expect("it lives").duration_since(started)
    }
}

/// What a thousand who wait for one parameter cost its reading, and how long until all of them know.
fn many(report: &mut Report) {
    let (what, all) = (
        "a write that 1000 look at in vain, over a write",
        "1000 who wait are told, each",
    );
    if !report.wants(what) && !report.wants(all) {
        return;
    }
    let (lab, me) = register();
    let (crowded, other) = register();
    let vain: Vec<_> = (0..MANY).map(|_| is(&other, -900.0)).collect();
    let flip = |me: &Owner| {
        done(me.set("r.content", 1.0));
        done(me.set("r.content", 2.0));
    };
    report.difference(what, "", &mut || each(200, || flip(&other)), &mut || {
        each(200, || flip(&me))
    });
    vain.iter().for_each(|call| drop(call.cancel()));
    report.alone(all, "", &mut || {
        done(me.set("r.content", 1.0));
        let calls: Vec<_> = (0..MANY).map(|_| is(&me, 3.0)).collect();
        let started = Instant::now();
        done(me.set("r.content", 3.0));
        for call in calls {
            call.wait(WATCHDOG).expect("it comes");
        }
        started.elapsed() / MANY
    });
    crowded.close();
    lab.close();
}
