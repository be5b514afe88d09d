//! In which order messages come, and who begins where (M2, M5).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use baton_host::{
    dispatcher::{Bounds, Message, Payload, Terms},
    lab::{Lab, Messages},
};
use baton_tests::lab::{WATCHDOG, done, is_inline, lab};
use serde_json::Value as Json;

use super::{LAB, int};

const ROOM: Bounds = Bounds {
    entries: 1 << 20,
    bytes: 1 << 30,
};

fn roomy(lab: &Lab, sender: &str, message: &str) -> Messages {
    lab.messages_with(sender, message, &Terms::default().bounded(ROOM))
        .unwrap()
}

fn rest(messages: &mut Messages) -> Vec<Message> {
    std::iter::from_fn(|| messages.try_next()).collect()
}

#[test]
fn m2_what_eight_threads_of_a_driver_send_comes_in_one_order_to_everybody() {
    let lab = lab(LAB);
    let mut followers: Vec<_> = (0..3).map(|_| roomy(&lab, "hand", "said")).collect();
    done(lab.owner("test").call("hand.crowd", 1000));
    let all: Vec<Vec<_>> = followers.iter_mut().map(rest).collect();
    for heard in &all {
        let numbers: Vec<_> = heard.iter().map(Message::n).collect();
        assert_eq!(numbers, (1..=8000).collect::<Vec<_>>());
        let said: Vec<_> = heard.iter().map(int).collect();
        assert_eq!(said, all[0].iter().map(int).collect::<Vec<_>>());
        for thread in 0..8 {
            let own: Vec<_> = said
                .iter()
                .filter(|n| *n / 1_000_000 == thread)
                .map(|n| n % 1_000_000)
                .collect();
            assert_eq!(own, (0..1000).collect::<Vec<_>>());
        }
    }
}

/// Between two idle statuses there is a busy one, and the last reading before idle is the target of the motion.
#[test]
fn m2_status_and_value_are_never_swapped() {
    let lab = lab(LAB);
    let mut news = roomy(&lab, "stage", "*");
    thread::scope(|scope| {
        for thread in 0..8 {
            let me = lab.owner(format!("thread{thread}"));
            scope.spawn(move || {
                for n in 0..5 {
                    // Seven of eight find it busy.
                    if let Ok(call) = me.set("stage", f64::from(thread * 5 + n) / 10.0) {
                        let _ = call.wait(WATCHDOG);
                    }
                }
            });
        }
    });
    let (mut target, mut position, mut was_busy, mut moves) = (f64::NAN, f64::NAN, false, 0);
    let mut last = std::collections::HashMap::new();
    for message in rest(&mut news) {
        let before = last.insert((message.sender().clone(), message.message().clone()), message.n());
        assert!(before.is_none_or(|before| message.n() == before + 1), "{message:?}");
        let payload = message.payload().to_json();
        match (&**message.sender(), &**message.message()) {
            ("stage.position", "target") => target = payload["value"].as_f64().unwrap_or(f64::NAN),
            ("stage.position", "changed") => position = payload["value"].as_f64().unwrap_or(f64::NAN),
            ("stage", "status") if payload["state"] == "busy" => was_busy = true,
            ("stage", "status") if payload["state"] == "idle" && was_busy => {
                assert!(
                    (position - target).abs() < 0.01,
                    "idle at {position}, asked for {target}"
                );
                (was_busy, moves) = (false, moves + 1);
            }
            _ => {}
        }
    }
    assert!(moves > 0);
}

/// Somebody who has joined, and the last value that came.
struct Follower {
    messages: Messages,
    last: Json,
}

impl Follower {
    fn join(lab: &Lab) -> Self {
        let mut messages = lab.messages_with("pump.flow", "changed", &Terms::latest()).unwrap();
        let first = messages.try_next().expect("what is so comes at once");
        let last = first.payload().to_json();
        Follower { messages, last }
    }

    /// Takes what has come, until the last of it is what the device itself has last.
    fn ends_with_what_is_so(&mut self, lab: &Lab) {
        let device = lab.device("pump").unwrap();
        let flow = device.parameter("flow").unwrap().index();
        let deadline = Instant::now() + WATCHDOG;
        loop {
            let known = Payload::Reading(device.last(flow).expect("it was read")).to_json();
            if let Some(message) = rest(&mut self.messages).last() {
                self.last = message.payload().to_json();
            }
            // A reading that is no news has a time of its own, and goes to nobody.
            if self.last["value"] == known["value"] && self.last["error"] == known["error"] {
                return;
            }
            assert!(Instant::now() < deadline, "{} came last, but it is {known}", self.last);
            thread::yield_now();
        }
    }
}

#[test]
fn m5_who_joins_during_1000_random_writes_and_reopens_ends_with_the_current_value() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let act = move |dice: &mut u64| {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        match *dice % 20 {
            0 => drop(done(me.reopen("pump"))),
            n => drop(me.set("pump", n as f64).map(|call| call.wait(WATCHDOG))),
        }
    };
    let mut followers = Vec::new();
    let mut join = || {
        // Those that never took anything but the first, too.
        if followers.len() < 500 {
            followers.push(Follower::join(&lab));
        }
    };
    let mut dice = 0x5DEE_CE66;
    if is_inline() {
        for _ in 0..1000 {
            act(&mut dice);
            join();
        }
    } else {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let writer = thread::spawn(move || {
            (0..1000).for_each(|_| act(&mut dice));
            ends.store(true, Ordering::Release);
        });
        while !over.load(Ordering::Acquire) {
            join();
            thread::sleep(Duration::from_millis(1));
        }
        writer.join().unwrap();
    }
    join();
    assert!(followers.len() > 1);
    for follower in &mut followers {
        follower.ends_with_what_is_so(&lab);
    }
}
