//! Locks, beside bare mutexes taken in order.

use std::{
    collections::VecDeque,
    future::{Future, IntoFuture},
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use baton_host::{
    arbiter::{Arbiter, Asking, DeviceTargets, Doing, Held, Target, TargetSet, Terms},
    clock::{Clock, Time},
    config::Execution,
    owner::OwnerId,
};
use tokio::sync::Mutex;

use crate::{
    calls::lab,
    measure::{Report, each},
};

/// Measures locks.
pub(crate) fn measure(report: &mut Report) {
    for count in [1, 4] {
        uncontended(report, count);
    }
    permit(report);
    waiters(report);
    random(report);
}

/// What a future that is ready at once is ready with.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nobody else has it"),
    }
}

fn arbiter(devices: usize) -> Arc<Arbiter> {
    let device = |index: usize| DeviceTargets {
        name: format!("device{index}"),
        parameters: vec!["value".to_owned(), "rate".to_owned()],
        ..DeviceTargets::default()
    };
    Arbiter::new((0..devices).map(device).collect(), Clock::real())
}

fn uncontended(report: &mut Report, count: usize) {
    let registers: String = (0..count)
        .map(|index| format!("[devices.r{index}]\ndriver = \"bench\"\ntype = \"register\"\n"))
        .collect();
    let lab = baton_tests::lab::lab_in(Execution::Threaded, &registers);
    let me = lab.owner("benchmark");
    let names: Vec<_> = (0..count).map(|index| format!("r{index}")).collect();
    let set = lab.targets(names).expect("the lab has them");
    let mutexes: Vec<_> = (0..count).map(|_| Arc::new(Mutex::new(()))).collect();
    report.ratio(
        &format!("lock and unlock of {count}, over tokio's mutexes"),
        "≤ 1.3",
        &mut || {
            each(50_000, || {
                drop(black_box(now(me.lock(&set).into_future())));
            })
        },
        &mut || {
            each(50_000, || match mutexes.as_slice() {
                [one] => drop(black_box(now(Arc::clone(one).lock_owned()))),
                several => {
                    let held = [0, 1, 2, 3].map(|index| now(Arc::clone(&several[index]).lock_owned()));
                    drop(black_box(held));
                }
            })
        },
    );
    lab.close();
}

fn permit(report: &mut Report) {
    let lab = lab(Execution::Inline);
    let (arbiter, me) = (Arc::clone(lab.arbiter()), lab.owner("benchmark"));
    let what = Doing {
        verb: "write",
        device: "register".into(),
        member: "content".into(),
    };
    report.alone("permit of a write, given and ended", "", &mut || {
        each(100_000, || {
            let permit = arbiter.permit_call(
                me.id(),
                arbiter.write_set(0, 0),
                what.clone(),
                Time::from_nanoseconds(0),
            );
            drop(black_box(permit));
        })
    });
}

/// One device, and a number of owners who take turns: whoever gives it back queues again.
struct Turns {
    arbiter: Arc<Arbiter>,
    set: TargetSet,
    held: Option<(OwnerId, Held)>,
    waiting: VecDeque<(OwnerId, Asking)>,
}

impl Turns {
    fn new(waiters: usize) -> Turns {
        let arbiter = arbiter(1);
        let set = arbiter.set([Target::device(0)]);
        let first = OwnerId::new("first");
        let held = arbiter.try_lock(&first, &set, None).expect("it is free");
        let mut turns = Turns {
            arbiter,
            set,
            held: Some((first, held)),
            waiting: VecDeque::new(),
        };
        (0..waiters).for_each(|index| turns.queue(OwnerId::new(format!("owner {index}"))));
        turns
    }

    fn queue(&mut self, owner: OwnerId) {
        let terms = Terms {
            wait: Duration::MAX,
            ..Terms::default()
        };
        let mut asking = self.arbiter.ask(&owner, self.set.clone(), terms);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(&mut asking).poll(&mut cx).is_pending());
        self.waiting.push_back((owner, asking));
    }

    fn next(&mut self) {
        let (owner, held) = self.held.take().expect("somebody has it");
        drop(held);
        let (next, asking) = self.waiting.pop_front().expect("somebody waits");
        self.held = Some((next, now(asking).expect("it is granted")));
        self.queue(owner);
    }
}

fn waiters(report: &mut Report) {
    let (mut thousand, mut one) = (Turns::new(1000), Turns::new(1));
    report.ratio(
        "unlock, grant and queue, 1000 waiters over 1",
        "≤ 1.3",
        &mut || each(10_000, || thousand.next()),
        &mut || each(10_000, || one.next()),
    );
}

/// A small generator of numbers that are random enough.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// An owner among a hundred: has something, waits for something, or neither.
#[derive(Default)]
struct Busy {
    held: Vec<Held>,
    asking: Option<Asking>,
}

impl Busy {
    /// Gives back, gives up, or asks for one to four devices.
    fn act(&mut self, arbiter: &Arc<Arbiter>, owner: &OwnerId, dice: &mut Dice) {
        let mut cx = Context::from_waker(Waker::noop());
        if let Some(mut asking) = self.asking.take() {
            match pin!(&mut asking).poll(&mut cx) {
                Poll::Ready(outcome) => self.held.extend(outcome),
                Poll::Pending if dice.below(8) > 0 => self.asking = Some(asking),
                Poll::Pending => {}
            }
            return;
        }
        if !self.held.is_empty() && dice.below(3) > 0 {
            self.held.clear();
        }
        let devices = (0..=dice.below(4)).map(|_| Target::device(dice.below(1000)));
        let terms = Terms {
            wait: Duration::MAX,
            ..Terms::default()
        };
        let mut asking = arbiter.ask(owner, arbiter.set(devices.collect::<Vec<_>>()), terms);
        match pin!(&mut asking).poll(&mut cx) {
            Poll::Ready(outcome) => self.held.extend(outcome),
            Poll::Pending => self.asking = Some(asking),
        }
    }
}

fn random(report: &mut Report) {
    let arbiter = arbiter(1000);
    let mut dice = Dice(0x5DEE_CE66_D152_4E2B);
    let mut owners: Vec<_> = (0..100)
        .map(|index| (OwnerId::new(format!("owner {index}")), Busy::default()))
        .collect();
    // With the one to warm up, sixteen blocks: a million requests.
    report.alone("random requests, 100 owners on 1000 devices", "", &mut || {
        each(62_500, || {
            let (owner, busy) = &mut owners[dice.below(100)];
            busy.act(&arbiter, owner, &mut dice);
        })
    });
}
