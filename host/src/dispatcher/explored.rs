//! The shell under a scheduler that tries orders in which threads can run: the same code, with other mutexes.

mod sync {
    pub(super) use shuttle::{
        sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard},
        thread_local,
    };

    pub(super) fn spawn(_: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        shuttle::thread::spawn(run);
        Ok(())
    }
}

#[path = "shell.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "what is tested here is used elsewhere"
)]
mod shell;

use std::{sync::Arc, time::Duration};

use baton_plugin_api::Value;
use shuttle::{
    check_pct, check_random,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{Bounds, Ended, Message, Pattern, Payload, Policy, Taken, message, sink, store, subscription};
use crate::{clock::Time, config::Execution};
use shell::{Dispatcher, Known, Queue};
use sink::Displaced;

/// How many orders are tried of each scene.
const ORDERS: usize = 300;
/// No scene takes that long.
const LONG: Duration = Duration::from_secs(3600);

/// Tries a scene in many orders.
fn explore(scene: impl Fn(&Arc<Dispatcher>) + Send + Sync + 'static) {
    let scene = Arc::new(move || {
        let dispatcher = Dispatcher::new(Execution::Threaded);
        scene(&dispatcher);
        assert!(dispatcher.close(LONG));
    });
    let again = Arc::clone(&scene);
    check_random(move || scene(), ORDERS);
    check_pct(move || again(), ORDERS, 3);
}

fn send(dispatcher: &Dispatcher, n: i64) -> u64 {
    let payload = || (Payload::Value(Value::Int(n)), Time::from_nanoseconds(0));
    dispatcher.send("client:ana", "tick", payload)
}

fn sender(dispatcher: &Arc<Dispatcher>, numbers: std::ops::Range<i64>) -> thread::JoinHandle<()> {
    let dispatcher = Arc::clone(dispatcher);
    thread::spawn(move || {
        for n in numbers {
            send(&dispatcher, n);
        }
    })
}

fn all() -> Pattern {
    Pattern::new("*", "*")
}

/// The messages in a queue, which come in the order of their numbers with nothing missing but what they say.
fn numbers(taken: impl Iterator<Item = Taken<()>>) -> Vec<u64> {
    let mut numbers: Vec<u64> = Vec::new();
    for taken in taken {
        let Taken::Message(message) = taken else { continue };
        if let Some(last) = numbers.last() {
            assert_eq!(message.n(), last + 1 + message.lost());
        }
        numbers.push(message.n());
    }
    numbers
}

#[test]
fn m2_every_subscriber_sees_the_same_order_and_nothing_is_missing() {
    explore(|dispatcher| {
        let queues = [0, 1].map(|_| Arc::new(Queue::<()>::new(Bounds::default())));
        let subscriptions = [0, 1].map(|at| dispatcher.subscribe(all(), Policy::DropOldest, &queues[at]));
        let senders = [sender(dispatcher, 0..2), sender(dispatcher, 2..4)];
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        for queue in queues {
            assert_eq!(numbers(queue.take_all()), [1, 2, 3, 4]);
        }
        drop(subscriptions);
    });
}

#[test]
fn m5_who_joins_begins_with_what_is_so_and_misses_nothing() {
    explore(|dispatcher| {
        // As a device: a value and what is sent of it change under one mutex.
        let (device, queue) = (Arc::new(Mutex::new(0)), Arc::new(Queue::<()>::new(Bounds::default())));
        let topic = dispatcher.topic(&"stage.position".into(), "changed", true);
        let (writing, its) = (Arc::clone(&device), Arc::clone(&topic));
        let writer = thread::spawn(move || {
            for _ in 0..3 {
                let mut displaced = Displaced::default();
                let mut value = writing.lock().unwrap();
                *value += 1;
                its.publish(
                    Payload::Value(Value::Int(*value)),
                    Time::from_nanoseconds(0),
                    &mut displaced,
                );
                drop(value);
            }
        });
        let joining = dispatcher.begin(all(), Policy::DropOldest, Arc::clone(&queue) as _);
        let mut displaced = Displaced::default();
        let value = device.lock().unwrap();
        let known = Known::Now(Payload::Value(Value::Int(*value)), Time::from_nanoseconds(0));
        joining.attach(&topic, [known], &mut displaced);
        drop(value);
        dispatcher.join_all(&joining);
        let subscription = joining.done();
        writer.join().unwrap();
        let values: Vec<i64> = queue
            .take_all()
            .map(|taken| match taken {
                Taken::Message(message) => match message.payload() {
                    Payload::Value(Value::Int(n)) => *n,
                    _ => unreachable!("only integers are sent"),
                },
                Taken::Reply(()) => unreachable!("nothing was asked"),
            })
            .collect();
        assert_eq!(values, (values[0]..=3).collect::<Vec<_>>());
        drop((subscription, displaced));
    });
}

#[test]
fn a_sender_that_nobody_knew_is_heard_by_who_subscribes_meanwhile() {
    explore(|dispatcher| {
        let queue = Arc::new(Queue::<()>::new(Bounds::default()));
        let sending = sender(dispatcher, 0..3);
        let subscription = dispatcher.subscribe(all(), Policy::DropOldest, &queue);
        sending.join().unwrap();
        send(dispatcher, 3);
        let numbers = numbers(queue.take_all());
        assert_eq!(numbers.last(), Some(&4));
        drop(subscription);
    });
}

#[test]
fn m3_handlers_get_everything_once_and_a_flush_waits_for_it() {
    explore(|dispatcher| {
        let heard = [0, 1].map(|_| Arc::new(AtomicUsize::new(0)));
        let subscriptions = [0, 1].map(|at| {
            let heard = Arc::clone(&heard[at]);
            let terms = (Policy::Lossless, Bounds::default());
            dispatcher.handle(all(), terms, move |_| {
                heard.fetch_add(1, Ordering::SeqCst);
                thread::yield_now();
            })
        });
        let senders = [sender(dispatcher, 0..2), sender(dispatcher, 2..4)];
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert!(dispatcher.flush(LONG));
        for heard in heard {
            assert_eq!(heard.load(Ordering::SeqCst), 4);
        }
        drop(subscriptions);
    });
}

#[test]
fn m3_a_handler_may_unsubscribe_itself_while_others_do_and_all_go_on_sending() {
    explore(|dispatcher| {
        let weak = Arc::downgrade(dispatcher);
        let terms = (Policy::DropOldest, Bounds::default());
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        let subscription = dispatcher.handle(all(), terms, move |message: Message| {
            count.fetch_add(1, Ordering::SeqCst);
            let dispatcher = weak.upgrade().unwrap();
            dispatcher.unsubscribe(message.subscription());
            send(&dispatcher, 9);
        });
        let id = subscription.id();
        let senders = [sender(dispatcher, 0..2), sender(dispatcher, 2..3)];
        let other = Arc::clone(dispatcher);
        let unsubscribing = thread::spawn(move || other.unsubscribe(id));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        unsubscribing.join().unwrap();
        assert!(dispatcher.flush(LONG));
        assert!(heard.load(Ordering::SeqCst) <= 1);
        assert_eq!(subscription.ended(), Some(Ended::Unsubscribed));
    });
}

#[test]
fn who_blocks_for_messages_gets_all_of_them_and_then_the_end() {
    explore(|dispatcher| {
        let queue = Arc::new(Queue::<()>::new(Bounds::default()));
        let subscription = dispatcher.subscribe(all(), Policy::DropOldest, &queue);
        let taking = Arc::clone(&queue);
        let receiver = thread::spawn(move || numbers(std::iter::from_fn(|| taking.wait_one(LONG))));
        sender(dispatcher, 0..3).join().unwrap();
        queue.close();
        assert_eq!(receiver.join().unwrap(), [1, 2, 3]);
        drop(subscription);
    });
}

#[test]
fn m4_who_is_cut_off_has_all_that_came_before() {
    explore(|dispatcher| {
        let queue = Arc::new(Queue::<()>::new(Bounds {
            entries: 2,
            bytes: 1 << 20,
        }));
        let subscription = dispatcher.subscribe(all(), Policy::Lossless, &queue);
        let taking = Arc::clone(&queue);
        let receiver = thread::spawn(move || {
            let mut taken = Vec::new();
            while let Some(Taken::Message(message)) = taking.wait_one(LONG) {
                taken.push(message.n());
                if message.n() == 4 {
                    break;
                }
            }
            taken
        });
        let senders = [sender(dispatcher, 0..2), sender(dispatcher, 2..4)];
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let taken = receiver.join().unwrap();
        assert_eq!(taken, (1..=taken.len() as u64).collect::<Vec<_>>());
        match subscription.ended() {
            Some(Ended::Full { messages, .. }) => assert_eq!(messages, 2),
            other => assert_eq!((other, taken.len()), (None, 4)),
        }
    });
}

#[test]
fn a_dispatcher_that_is_closed_at_any_time_leaves_nobody_waiting() {
    explore(|dispatcher| {
        let queue = Arc::new(Queue::<()>::new(Bounds::default()));
        let terms = (Policy::DropOldest, Bounds::default());
        let handler = dispatcher.handle(all(), terms, |_| thread::yield_now());
        let stream = dispatcher.subscribe(all(), Policy::Latest, &queue);
        let sending = sender(dispatcher, 0..2);
        let taking = Arc::clone(&queue);
        let receiver = thread::spawn(move || numbers(std::iter::from_fn(|| taking.wait_one(LONG))));
        assert!(dispatcher.close(LONG));
        sending.join().unwrap();
        receiver.join().unwrap();
        assert_eq!(
            (handler.ended(), stream.ended()),
            (Some(Ended::Closed), Some(Ended::Closed))
        );
    });
}
