use serde_json::json;

use super::*;
use crate::{Array, Context, Datatype, Devices, Host, ParameterRef, Shared, Table, schemars};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What is followed.
    leader: ParameterRef,
}

/// Shows what another device has, and takes its time for everything else.
struct Follower {
    leader: ParameterRef,
    host: Host,
}

impl Device for Follower {
    type Options = Options;
    const TYPE: &'static str = "follower";

    fn open(options: Options, host: Host) -> Result<Self> {
        host.log(Level::Info, "open");
        Ok(Follower {
            leader: options.leader,
            host,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.parameter("position")
            .limits(0.0..=10.0)
            .read(|follower, cx| cx.get::<f64>(&follower.leader))
            .write(|follower, target: f64, cx| cx.set(&follower.leader, target).map(drop));
        t.parameter::<Array>("trace").read(|_, _| Ok(Array::new(vec![1u8])));
        t.parameter::<bool>("lie")
            .datatype(Datatype::Float)
            .read(|_, _| Ok(true));
        t.command("count").run(Self::count);
        t.command("panic")
            .run(|_: &mut Self, _: &Context| -> Result<()> { panic!("out of paper") });
    }

    fn stopper(&self) -> Option<Stopper> {
        let host = self.host.clone();
        Some(Box::new(move || {
            host.send("stopped", 1);
            Ok(())
        }))
    }
}

impl Follower {
    fn count(&mut self, cx: &Context) -> Result<i64> {
        for n in 1..=10 {
            cx.sleep(Duration::from_secs(1))?;
            cx.progress(f64::from(n) / 10.0);
            cx.publish("position", f64::from(n));
        }
        Ok(10)
    }
}

fn follower() -> Bench {
    Bench::open_as::<Follower>("second", json!({ "leader": "first" })).unwrap()
}

#[test]
fn members_answer_through_the_context() {
    let mut bench = follower();
    assert_eq!(bench.read("position").unwrap_err().kind(), ErrorKind::NoSuchParameter);
    let mut position = Value::Float(2.0);
    bench.member("first", move |request| {
        if let Request::Set(target) = request {
            position = target;
        }
        Ok(position.clone())
    });
    assert_eq!(bench.read("position").unwrap(), Value::Float(2.0));
    bench.write("position", 3).unwrap();
    assert_eq!(bench.read("position").unwrap(), Value::Float(3.0));
}

#[test]
fn what_a_host_would_refuse_never_reaches_the_driver() {
    let mut bench = follower();
    bench.member("first", |_| panic!("the driver was called"));
    let mut refusal = |parameter, value: Value| bench.write(parameter, value).unwrap_err().kind();
    assert_eq!(refusal("position", Value::Float(10.1)), ErrorKind::RangeError);
    assert_eq!(refusal("position", Value::Float(f64::NAN)), ErrorKind::RangeError);
    assert_eq!(refusal("position", "far".into()), ErrorKind::WrongType);
    assert_eq!(refusal("trace", "x".into()), ErrorKind::ReadOnly);
    assert_eq!(refusal("colour", "x".into()), ErrorKind::NoSuchParameter);
}

#[test]
fn a_value_that_is_not_what_the_table_says_is_a_mistake_of_the_driver() {
    let error = follower().read("lie").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalError);
    assert!(
        error.message().starts_with("lie returned another kind of value"),
        "{error}"
    );
}

#[test]
fn a_call_takes_lab_time_and_can_be_cancelled_in_it() {
    let mut bench = follower();
    let start = bench.now();
    assert_eq!(bench.run("count", ()).unwrap(), Value::Int(10));
    assert_eq!(bench.now().since(start), Duration::from_secs(10));

    bench.published();
    bench.cancel_next_after(Duration::from_millis(2500));
    assert_eq!(bench.run("count", ()).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(bench.now().since(start), Duration::from_millis(12_500));
    assert_eq!(bench.published().len(), 2);
    assert_eq!(bench.progress(), Some(0.2));
    assert!(bench.run("count", ()).is_ok(), "only one call is cancelled");
}

#[test]
fn a_panic_is_an_error_and_the_device_can_be_opened_again() {
    let mut bench = follower();
    let error = bench.run("panic", ()).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Panic, "command panicked: out of paper")
    );
    bench.close().unwrap();
    assert_eq!(bench.read("trace").unwrap_err().kind(), ErrorKind::Disabled);
    bench.reopen().unwrap();
    assert_eq!(bench.logged().len(), 2);
}

#[test]
fn the_stopper_works_from_another_thread() {
    let bench = follower();
    let stopper = bench.stopper().unwrap();
    std::thread::spawn(stopper).join().unwrap().unwrap();
    assert_eq!(bench.sent(), [("stopped".to_owned(), Value::Int(1))]);
}

#[test]
fn options_that_do_not_fit_are_an_error() {
    let error = Bench::open::<Follower>(json!({ "leeder": "first" })).err().unwrap();
    assert!(error.message().contains("unknown field `leeder`"), "{error}");
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

struct Rack {
    line: Shared<u32>,
}

impl Controller for Rack {
    type Options = Nothing;
    const TYPE: &'static str = "rack";

    fn open(_: Nothing, _: Host) -> Result<Self> {
        Ok(Rack { line: Shared::new(0) })
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device("slot", |rack: &mut Rack, _: Nothing, _| {
            Ok(Slot {
                line: rack.line.clone(),
            })
        });
        devices.device_from_options("card", Rack::card, Rack::channels);
    }
}

/// How a card of the rack is fitted.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Fitted {
    channels: usize,
}

impl Rack {
    fn card(&mut self, _: Fitted, _: Host) -> Result<Slot> {
        let line = self.line.clone();
        Ok(Slot { line })
    }

    fn channels(fitted: &Fitted, t: &mut Table<Slot>) -> Result<()> {
        if fitted.channels > 2 {
            return Err(Error::range("a card has two channels at most"));
        }
        for channel in 0..fitted.channels {
            t.parameter(format!("channel_{channel}"))
                .read(move |_, _| Ok(channel as i64));
        }
        Ok(())
    }
}

struct Slot {
    line: Shared<u32>,
}

impl crate::Part for Slot {
    fn table(t: &mut Table<Self>) {
        t.parameter("uses").read(|slot, _| {
            *slot.line.lock() += 1;
            Ok(*slot.line.lock())
        });
    }
}

#[test]
fn devices_of_a_controller_share_its_line_and_its_clock() {
    let rack = Bench::open_controller::<Rack>(json!({})).unwrap();
    let mut first = rack.device("slot", json!({})).unwrap();
    let mut second = rack.device("slot", json!({})).unwrap();
    assert_eq!(first.read("uses").unwrap(), Value::Int(1));
    assert_eq!(second.read("uses").unwrap(), Value::Int(2));
    first.advance(Duration::from_secs(1));
    assert_eq!(first.now(), second.now());
    assert!(rack.device("drawer", json!({})).is_err());
}

#[test]
fn the_table_of_a_device_on_a_controller_may_follow_from_its_options() {
    let rack = Bench::open_controller::<Rack>(json!({})).unwrap();
    let mut card = rack.device("card", json!({ "channels": 2 })).unwrap();
    assert_eq!(card.table().parameters.len(), 2);
    assert_eq!(card.read("channel_1").unwrap(), Value::Int(1));
    let error = rack.device("card", json!({ "channels": 3 })).err().unwrap();
    assert_eq!(error.message(), "a card has two channels at most");
}
