//! Messages: who is told what, in which order, and what happens to those who do not listen (RULES.md M, I3).

#[path = "messages/drivers.rs"]
mod drivers;
#[path = "messages/handlers.rs"]
mod handlers;
#[path = "messages/names.rs"]
mod names;
#[path = "messages/order.rs"]
mod order;
#[path = "messages/queues.rs"]
mod queues;
#[path = "messages/reentrant.rs"]
mod reentrant;
#[path = "messages/repeated.rs"]
mod repeated;

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
};

use baton_host::{
    dispatcher::{Message, Payload},
    lab::{Lab, Messages},
};
use baton_plugin_api::Value;
use baton_tests::lab::WATCHDOG;

const LAB: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    [devices.pump]
    driver = "sim"
    type = "pump"
    [devices.hand]
    driver = "puppet"
    type = "hand"
"#;

/// What a handler has been given, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Message>>>);

impl Heard {
    fn handler(&self) -> impl FnMut(Message) + Send + 'static {
        let heard = self.clone();
        move |message| heard.0.lock().unwrap().push(message)
    }

    fn all(&self) -> Vec<Message> {
        self.0.lock().unwrap().clone()
    }

    fn numbers(&self) -> Vec<u64> {
        self.all().iter().map(Message::n).collect()
    }

    /// What has been heard when all that was sent has been handled.
    fn flushed(&self, lab: &Lab) -> Vec<Message> {
        assert!(lab.flush(WATCHDOG), "the handlers have had everything");
        self.all()
    }
}

/// The next message, which comes at once.
fn next(messages: &mut Messages) -> Message {
    messages.wait_next(WATCHDOG).expect("a message comes")
}

/// Takes messages until one is of that name.
fn until(messages: &mut Messages, sender: &str, name: &str) -> Message {
    loop {
        let message = next(messages);
        if **message.sender() == *sender && **message.message() == *name {
            return message;
        }
    }
}

/// Runs a scene that may hang, under a watchdog.
fn watched(scene: impl FnOnce() + Send + 'static) {
    let (over, ends) = mpsc::channel();
    let running = thread::spawn(move || {
        scene();
        // Nobody listens any more if it took too long.
        let _ = over.send(());
    });
    match ends.recv_timeout(4 * WATCHDOG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(panic) = running.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn int(message: &Message) -> i64 {
    match message.payload() {
        Payload::Value(Value::Int(n)) => *n,
        other => panic!("no integer: {other:?}"),
    }
}
