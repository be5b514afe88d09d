//! What the tests of locks share.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use baton_host::{
    arbiter::{Held, Locked},
    failure::Refusal,
    lab::{Lab, Locking},
};
use baton_tests::lab::WATCHDOG;

pub(crate) const LAB: &str = r#"
    poll = "0 s"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "5 mm/s", stop_mode = "at_once", hang_for = "60 s" }
    [devices.other]
    driver = "sim"
    type = "motor"
    options = { velocity = "5 mm/s", stop_mode = "at_once" }
    on_disconnect = "stop"
    [devices.pump]
    driver = "sim"
    type = "pump"
    [devices.left]
    driver = "sim"
    type = "motor"
    [devices.right]
    driver = "sim"
    type = "motor"
    options.start = "10 mm"
    [devices.slit]
    driver = "sim"
    type = "slit"
    options = { left = "left", right = "right" }
"#;

/// Longer than any test waits.
pub(crate) const LONG: Duration = Duration::from_secs(1000);

/// Runs async code beside the lab, as a server would: calls are on their way when they are returned, inline as well.
///
/// # Panics
/// If it does not end.
pub(crate) fn beside<T>(lab: &Lab, body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let both = async {
        let (mut pump, mut body) = (pin!(lab.pump()), pin!(body));
        poll_fn(|cx| {
            let _ = pump.as_mut().poll(cx);
            body.as_mut().poll(cx)
        })
        .await
    };
    let ended = runtime.block_on(async { tokio::time::timeout(WATCHDOG, both).await });
    ended.expect("it ends")
}

/// Looks at a lock that is asked for: it is pending.
///
/// # Panics
/// If it was granted or refused.
pub(crate) fn waits(locking: &mut Locking) {
    assert!(look(locking).is_pending(), "it was granted, or refused");
}

/// The lock that was waited for.
///
/// # Panics
/// If it was not granted.
pub(crate) fn granted(locking: &mut Locking) -> Held {
    match look(locking) {
        Poll::Ready(Ok(held)) => held,
        Poll::Ready(Err(refusal)) => panic!("it was refused: {refusal}"),
        Poll::Pending => panic!("it waits"),
    }
}

/// Looks at a lock that is asked for.
pub(crate) fn look(locking: &mut Locking) -> Poll<Result<Held, Refusal>> {
    std::pin::Pin::new(locking).poll(&mut Context::from_waker(Waker::noop()))
}

/// Who was in the way.
///
/// # Panics
/// If it was something else.
pub(crate) fn locked(refusal: Refusal) -> Locked {
    match refusal {
        Refusal::Locked(locked) => *locked,
        other => panic!("it was refused because {other}"),
    }
}

/// What `who` says: `stage, pump.flow: ana; bob waits`.
pub(crate) fn holders(lab: &Lab) -> Vec<String> {
    let rows = lab.who().into_iter().map(|row| {
        let waiting: String = row
            .waiting
            .iter()
            .map(|waiting| format!("; {} waits", waiting.owner))
            .collect();
        let mut targets = row.targets;
        targets.sort();
        format!("{}: {}{waiting}", targets.join(", "), row.owner)
    });
    rows.collect()
}
