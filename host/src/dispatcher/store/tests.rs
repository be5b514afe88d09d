use std::sync::Arc;

use baton_plugin_api::Value;
use expect_test::{Expect, expect};

use super::*;
use crate::{
    clock::Time,
    dispatcher::{Payload, message::Name},
};

const BOUNDS: Bounds = Bounds {
    entries: 4,
    bytes: 1 << 20,
};

/// A queue with a place for each letter but `r`, which is a reply.
struct Scene {
    store: Store<i64>,
    policy: Policy,
    places: Vec<(char, u32, u64)>,
    displaced: Displaced,
}

impl Scene {
    fn new(policy: Policy, bounds: Bounds) -> Self {
        Scene {
            store: Store::new(bounds),
            policy,
            places: Vec::new(),
            displaced: Displaced::default(),
        }
    }

    /// Delivers the next message of a name; `false` if there was no room.
    fn deliver(&mut self, name: char, skipped: u64, text: &str) -> bool {
        let at = match self.places.iter().position(|(known, ..)| *known == name) {
            Some(at) => at,
            None => {
                let place = self.store.open(1, self.policy);
                self.places.push((name, place, 0));
                self.places.len() - 1
            }
        };
        let (_, place, n) = &mut self.places[at];
        *n += 1 + skipped;
        let payload = Payload::Value(Value::Text(text.to_owned()));
        let sent = Arc::new(Sent {
            name: Arc::new(Name {
                sender: name.to_string().into(),
                message: "m".into(),
                is_state: false,
            }),
            bytes: payload.bytes(),
            payload,
            t: Time::from_nanoseconds(0),
            n: *n,
            skipped,
        });
        self.store.deliver(*place, &sent, &mut self.displaced)
    }
}

fn show(taken: Taken<i64>) -> String {
    match taken {
        Taken::Reply(n) => format!("r{n}"),
        Taken::Message(message) => match message.lost() {
            0 => format!("{}{}", message.sender(), message.n()),
            lost => format!("{}{}(lost {lost})", message.sender(), message.n()),
        },
    }
}

/// `p` delivers the next message of p, `r` a reply, `-` takes all, `.` takes one.
fn check(policy: Policy, steps: &str, expected: Expect) {
    let mut scene = Scene::new(policy, BOUNDS);
    let (mut out, mut replies) = (Vec::new(), 0);
    for step in steps.chars() {
        match step {
            ' ' => {}
            '-' => out.push(scene.store.take_all().map(show).collect::<Vec<_>>().join(" ")),
            '.' => out.push(scene.store.take_one().map(show).unwrap_or_default()),
            'r' => {
                replies += 1;
                scene.store.reply(replies, 10);
            }
            name if scene.deliver(name, 0, "") => {}
            name => out.push(format!("no room for {name}")),
        }
    }
    expected.assert_eq(&out.join("; "));
}

#[test]
fn m4_latest_keeps_one_of_each_name_and_says_what_it_replaced() {
    check(Policy::Latest, "pqpmmp -p-", expect!["q1 m2(lost 1) p3(lost 2); p4"]);
}

#[test]
fn m2_coalescing_never_crosses_a_reply() {
    check(Policy::Latest, "prpprp-", expect!["p1 r1 p3(lost 1) r2 p4"]);
    check(Policy::Latest, "prpp...", expect!["p1; r1; p3(lost 1)"]);
}

#[test]
fn m4_the_oldest_goes_and_the_next_says_so() {
    check(Policy::DropOldest, "pppppp - p -", expect!["p3(lost 2) p4 p5 p6; p7"]);
    check(
        Policy::DropOldest,
        "pppppp..pp-",
        expect!["p3(lost 2); p4; p5 p6 p7 p8"],
    );
}

#[test]
fn m4_who_floods_loses_its_own() {
    check(Policy::DropOldest, "q pppppp s pppp -", expect!["q1 s1 p9(lost 8) p10"]);
    // Those that have the same share take turns.
    check(
        Policy::DropOldest,
        "pqsmpqsm-",
        expect!["p2(lost 1) q2(lost 1) s2(lost 1) m2(lost 1)"],
    );
}

#[test]
fn m4_lossless_refuses_what_it_has_no_room_for() {
    check(
        Policy::Lossless,
        "pppp p - p -",
        expect!["no room for p; p1 p2 p3 p4; p6"],
    );
}

#[test]
fn w2_replies_are_kept_and_too_many_of_them_are_too_much() {
    check(
        Policy::DropOldest,
        "r mmmmm rrr -",
        expect!["r1 m2(lost 1) m3 m4 m5 r2 r3 r4"],
    );
    let mut scene = Scene::new(Policy::Latest, BOUNDS);
    (0..4).for_each(|n| scene.store.reply(n, 10));
    assert!(scene.store.is_over());
}

#[test]
fn m4_what_a_sender_gives_up_itself_is_lost_as_well() {
    let mut scene = Scene::new(Policy::DropOldest, BOUNDS);
    for skipped in [0, 3, 0, 0, 0, 2] {
        scene.deliver('p', skipped, "");
    }
    let taken: Vec<_> = scene.store.take_all().map(show).collect();
    assert_eq!(taken, ["p6(lost 5)", "p7", "p8", "p11(lost 2)"]);
}

#[test]
fn m4_bytes_are_bounded_and_the_largest_loses() {
    let bounds = Bounds {
        entries: 1000,
        bytes: 10_000,
    };
    let mut scene = Scene::new(Policy::DropOldest, bounds);
    let large = "x".repeat(2000);
    for _ in 0..50 {
        scene.deliver('s', 0, "small");
        scene.deliver('l', 0, &large);
        assert!(scene.store.load().1 <= bounds.bytes);
    }
    let taken: Vec<_> = scene.store.take_all().map(show).collect();
    let small = taken.iter().filter(|line| line.starts_with('s')).count();
    assert_eq!((small, taken.last().unwrap().as_str()), (50, "l50"));
    // One that is larger than all of it finds room, when nothing else is there.
    assert!(scene.deliver('l', 0, &"x".repeat(20_000)));
    assert_eq!(scene.store.load().0, 1);
}

#[test]
fn ten_thousand_readings_between_two_replies_leave_no_trace() {
    let mut scene = Scene::new(Policy::Latest, BOUNDS);
    scene.store.reply(1, 10);
    for n in 0..10_000 {
        scene.deliver(if n % 2 == 0 { 'p' } else { 'q' }, 0, "");
    }
    assert!(scene.store.entries.len() <= 70);
    let taken: Vec<_> = scene.store.take_all().map(show).collect();
    assert_eq!(taken, ["r1", "p5000(lost 4999)", "q5000(lost 4999)"]);
}

mod any_history {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Whatever comes and is taken: all of a name comes in order, `lost` is the gap in its numbers, bounds are kept.
        #[test]
        fn m4_lost_is_the_gap(policy in 0usize..2, steps in prop::collection::vec(0u8..24, 0..400)) {
            let policy = [Policy::Latest, Policy::DropOldest][policy];
            let mut scene = Scene::new(policy, Bounds { entries: 7, bytes: 1 << 20 });
            let mut last = std::collections::HashMap::new();
            let mut see = |taken: Taken<i64>| {
                if let Taken::Message(message) = taken {
                    let before = last.insert(message.sender().to_string(), message.n()).unwrap_or(0);
                    assert_eq!(message.n(), before + 1 + message.lost());
                }
            };
            for step in steps {
                match step {
                    0..=2 => scene.store.take_one().into_iter().for_each(&mut see),
                    3 => scene.store.take_all().for_each(&mut see),
                    4 => scene.store.reply(0, 10),
                    5..=8 => { scene.deliver('s', u64::from(step - 5), ""); }
                    9..=14 => { scene.deliver('a', 0, ""); }
                    other => { scene.deliver(char::from(b'b' + other % 4), 0, ""); }
                }
                assert!(scene.store.load().0 <= 7);
            }
            scene.store.take_all().for_each(&mut see);
            prop_assert!(scene.store.is_empty());
        }
    }
}

/// Known once: a client that activated again and again and read nothing made each message to it look at all places, under
/// the locks of whoever sent.
#[test]
fn m4_a_full_queue_of_many_names_takes_a_message_without_a_look_at_all_of_them() {
    const NAMES: u32 = 2000;
    let bounds = Bounds {
        entries: 1 << 20,
        bytes: 200 << 10,
    };
    let mut scene = Scene::new(Policy::Latest, bounds);
    for _ in 0..4 {
        for name in 0..NAMES {
            let name = char::from_u32(0x4e00 + name).expect("these are characters");
            assert!(scene.deliver(name, 0, "some text that takes room"));
        }
        // So that nothing is replaced, and the messages are not all that takes room.
        scene.store.reply(0, 40 << 10);
    }
    let (messages, _) = scene.store.load();
    assert!(messages < NAMES as usize, "it is full");
    let looked = scene.store.looked.get();
    assert!(looked < 8 * 4 * NAMES as usize, "{looked} places were looked at");
}
