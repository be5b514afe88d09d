use baton_plugin_api::{Time, Value};
use expect_test::{Expect, expect};

use super::*;
use crate::device::Reading;

const BOUNDS: Bounds = Bounds {
    entries: 4,
    bytes: 1 << 20,
};

/// `p3` delivers the reading 3 of parameter p, `m3` the message m with payload 3, `r3` is the reply 3, `-` takes all.
fn check(policy: Policy, steps: &str, expected: Expect) {
    let queue = Queue::new(policy, BOUNDS);
    let mut out = Vec::new();
    for step in steps.split(' ') {
        let number = || step[1..].parse::<i64>().unwrap();
        let name: Arc<str> = step[..1].into();
        match &*name {
            "-" => out.push(queue.take_all().iter().map(show).collect::<Vec<_>>().join(" ")),
            "r" => queue.reply(number(), 10),
            "m" => queue.deliver(
                &message(Topic::Message(name.clone()), Payload::Value(Value::Int(number()))),
                &mut Vec::new(),
            ),
            _ => {
                let reading = Reading::good(Value::Int(number()), Time::from_nanoseconds(0));
                queue.deliver(
                    &message(Topic::Parameter(name.clone()), Payload::Reading(Ok(reading))),
                    &mut Vec::new(),
                );
            }
        }
    }
    out.push(format!("overflown: {}", queue.is_overflown()));
    expected.assert_eq(&out.join("; "));
}

fn message(topic: Topic, payload: Payload) -> Arc<Message> {
    Arc::new(Message {
        sender: "stage".into(),
        topic,
        payload,
        time: Time::from_nanoseconds(0),
        n: 0,
    })
}

fn show(taken: &Taken<i64>) -> String {
    match taken {
        Taken::Reply(n) => format!("r{n}"),
        Taken::Message(Delivered { message, lost }) => {
            let lost = if *lost > 0 {
                format!("(lost {lost})")
            } else {
                String::new()
            };
            match (&message.topic, &message.payload) {
                (Topic::Parameter(name), Payload::Reading(Ok(reading))) => {
                    format!("{name}{}{lost}", reading.value.to_json())
                }
                (Topic::Message(name), Payload::Value(value)) => format!("{name}{}{lost}", value.to_json()),
                other => format!("{other:?}"),
            }
        }
    }
}

#[test]
fn m4_latest_keeps_one_reading_of_a_parameter_and_every_message() {
    check(
        Policy::Latest,
        "p1 q1 p2 m1 m2 p3 -",
        expect!["q1 m1 m2 p3; overflown: false"],
    );
}

#[test]
fn m2_coalescing_never_crosses_a_reply() {
    check(
        Policy::Latest,
        "p1 r1 p2 p3 r2 p4 -",
        expect!["p1 r1 p3 r2 p4; overflown: false"],
    );
}

#[test]
fn m4_the_oldest_goes_and_is_counted() {
    check(
        Policy::DropOldest,
        "p1 p2 p3 p4 p5 p6 - p7 -",
        expect!["p3(lost 2) p4 p5 p6; p7; overflown: false"],
    );
}

#[test]
fn w2_replies_are_kept_and_too_many_of_them_are_an_overflow() {
    check(
        Policy::Latest,
        "r1 m1 m2 m3 m4 m5 r2 r3 r4 -",
        expect!["r1 m2(lost 1) m3 m4 m5 r2 r3 r4; overflown: false"],
    );
    check(
        Policy::Latest,
        "r1 r2 r3 r4 r5 -",
        expect!["r1 r2 r3 r4 r5; overflown: true"],
    );
}

#[test]
fn ten_thousand_readings_between_two_replies_leave_no_trace() {
    let queue = Queue::new(Policy::Latest, BOUNDS);
    queue.reply(1, 10);
    for n in 0..10_000 {
        let topic = Topic::Parameter(if n % 2 == 0 { "p".into() } else { "q".into() });
        let reading = Reading::good(Value::Int(n), Time::from_nanoseconds(0));
        queue.deliver(&message(topic, Payload::Reading(Ok(reading))), &mut Vec::new());
    }
    assert!(queue.lock().entries.len() <= 70);
    let taken: Vec<_> = queue.take_all().iter().map(show).collect();
    assert_eq!(taken, ["r1", "p9998", "q9999"]);
}
