use baton_plugin_api::Value;

use super::*;

fn call() -> Call {
    let label = Label {
        device: "stage".into(),
        member: "position".into(),
        verb: "write",
    };
    Call::new(label, OwnerId::new("test"), Time::from_nanoseconds(0), None)
}

fn reading(n: i64) -> Result<Reading, Failure> {
    Ok(Reading::good(Value::Int(n), Time::from_nanoseconds(0)))
}

#[test]
fn c4_wait_gives_the_call_back_when_its_time_is_over() {
    let call = call();
    let Err(WaitError::StillRunning(call)) = call.wait(Duration::from_millis(1)) else {
        panic!("it still runs")
    };
    call.core().resolve(reading(1), Time::from_nanoseconds(1));
    assert_eq!(call.wait(Duration::ZERO).unwrap().value, Value::Int(1));
}

#[test]
fn c1_what_is_resolved_was_taken_and_stays_as_it_is() {
    let call = call();
    assert!(!call.is_taken());
    call.core().take();
    assert!(call.is_taken() && !call.is_resolved());
    let missed = Err(Failure::Cancelled { path: "stage".into() });
    assert!(call.core().resolve(missed, Time::from_nanoseconds(1)));
    assert!(!call.core().resolve(reading(2), Time::from_nanoseconds(2)));
    assert!(matches!(call.outcome(), Some(Err(Failure::Cancelled { .. }))));
    assert_eq!(call.elapsed(), Some(Duration::from_nanos(1)));
}

#[test]
fn c4_a_value_that_comes_after_a_cancel_is_none() {
    let call = call();
    call.cancel();
    assert!(call.core().resolve(reading(1), Time::from_nanoseconds(1)));
    assert!(matches!(call.outcome(), Some(Err(Failure::Cancelled { .. }))));
}

#[test]
fn a_thread_that_waits_is_woken() {
    let call = call();
    let other = call.clone();
    let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(60)).unwrap().value);
    call.core().resolve(reading(7), Time::from_nanoseconds(0));
    assert_eq!(waiter.join().unwrap(), Value::Int(7));
}
