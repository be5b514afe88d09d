//! One call at a time.

use std::hint::black_box;

use abi_stable::{
    sabi_trait::TD_Opaque,
    sabi_types::RRef,
    std_types::{RErr, RNone, ROk, ROption, RStr},
};
use baton_host::{config::Execution, lab::Lab};
use baton_plugin_api::{
    Error, Value,
    abi::{
        BoxDevice, BoxHost, BoxStopper, RawContext, RawContext_TO, RawDevice, RawDevice_TO, RawHost, RawHost_TO,
        RawResult, RawValue, RefContext,
    },
};
use baton_tests::lab::{WATCHDOG, drivers, lab_in};
use tokio::sync::{mpsc, oneshot};

use crate::measure::{Report, each, on_one_processor};

const ONE: &str = "[devices.register]\ndriver = \"bench\"\ntype = \"register\"\n";

/// A lab with one register.
pub(crate) fn lab(execution: Execution) -> Lab {
    lab_in(execution, ONE)
}

/// A context that answers nothing, for calls without a host.
pub(crate) struct NoContext;

impl RawContext for NoContext {
    fn cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _: f64) {}
    fn now(&self) -> u64 {
        0
    }
    fn sleep(&self, _: u64) -> bool {
        true
    }
    fn remaining(&self) -> u64 {
        u64::MAX
    }
    fn get(&self, _: RStr<'_>) -> RawResult {
        RErr(Error::impossible("no host").into())
    }
    fn set(&self, _: RStr<'_>, _: RawValue) -> RawResult {
        RErr(Error::impossible("no host").into())
    }
    fn call(&self, _: RStr<'_>, _: RawValue) -> RawResult {
        RErr(Error::impossible("no host").into())
    }
    fn publish(&self, _: RStr<'_>, _: RawValue, _: u64) {}
}

#[derive(Clone)]
struct NoHost;

impl RawHost for NoHost {
    fn name(&self) -> abi_stable::std_types::RString {
        "register".into()
    }
    fn send(&self, _: RStr<'_>, _: RawValue) {}
    fn publish(&self, _: RStr<'_>, _: RawValue, _: u64) {}
    fn log(&self, _: u32, _: RStr<'_>) {}
    fn now(&self) -> u64 {
        0
    }
}

/// A device on the other side of the ABI that has neither table nor guard.
struct Bare;

impl RawDevice for Bare {
    fn read(&mut self, _: u32, _: RefContext<'_>) -> RawResult {
        ROk(Value::Float(1.0).into())
    }
    fn write(&mut self, _: u32, _: RawValue, _: RefContext<'_>) -> RawResult<()> {
        ROk(())
    }
    fn run(&mut self, _: u32, _: RawValue, _: RefContext<'_>) -> RawResult {
        ROk(RawValue::UNIT)
    }
    fn status(&mut self, _: RefContext<'_>) -> RawResult {
        ROk(RawValue::UNIT)
    }
    fn stop(&mut self, _: RefContext<'_>) -> RawResult<()> {
        ROk(())
    }
    fn estimate(&mut self, _: u32, _: RawValue, _: RefContext<'_>) -> RawResult<u64> {
        ROk(0)
    }
    fn stopper(&self) -> ROption<BoxStopper> {
        RNone
    }
    fn close(&mut self) -> RawResult<()> {
        ROk(())
    }
}

/// A register of the loaded library, without a lab around it.
pub(crate) fn loaded_register() -> BoxDevice {
    let drivers = drivers();
    let library = drivers.library("bench").expect("the benchmark's driver is loaded");
    let host: BoxHost = RawHost_TO::from_value(NoHost, TD_Opaque);
    library.open_device("register", "{}", host).expect("a register opens")
}

/// One reading of a device, as the ABI has it.
pub(crate) fn read(device: &mut BoxDevice) -> Value {
    let cx = RawContext_TO::from_ptr(RRef::new(&NoContext), TD_Opaque);
    let raw = device.read(0, cx).into_result().expect("a register can be read");
    raw.try_into().expect("a register holds a number")
}

/// Measures single calls.
pub(crate) fn measure(report: &mut Report) {
    let mut bare: BoxDevice = RawDevice_TO::from_value(Bare, TD_Opaque);
    let mut loaded = loaded_register();
    report.ratio(
        "table and guard, over a bare ABI call",
        "",
        &mut || each(100_000, || drop(black_box(read(&mut loaded)))),
        &mut || each(100_000, || drop(black_box(read(&mut bare)))),
    );
    inline(report);
    threaded(report);
    check(report);
}

fn inline(report: &mut Report) {
    let lab = lab(Execution::Inline);
    let me = lab.owner("benchmark");
    let mut loaded = loaded_register();
    report.difference(
        "inline call, value back, over table and guard",
        "≤ 200 ns",
        &mut || {
            each(20_000, || {
                let call = me.get("register").expect("a register can be read");
                drop(black_box(call.wait(WATCHDOG)));
            })
        },
        &mut || each(20_000, || drop(black_box(read(&mut loaded)))),
    );
    lab.close();
}

fn threaded(report: &mut Report) {
    // Two threads that wake each other do so on one processor or on two, as the kernel likes; waking an idle processor
    // takes longer than all that is measured here. So both pairs are kept on one.
    on_one_processor(|| {
        let lab = lab(Execution::Threaded);
        let me = lab.owner("benchmark");
        let floor = Hop::start();
        report.difference(
            "threaded call, hot, over mpsc and oneshot",
            "≤ 1 µs",
            &mut || {
                each(5_000, || {
                    let call = me.get("register").expect("a register can be read");
                    drop(black_box(call.wait(WATCHDOG)));
                })
            },
            &mut || each(5_000, || drop(black_box(floor.call().blocking_recv()))),
        );
        lab.close();
    });
}

/// A bare thread that reads a register for whoever asks through tokio's channels.
pub(crate) struct Hop {
    requests: mpsc::Sender<oneshot::Sender<Value>>,
}

impl Hop {
    /// Starts the thread, which ends with the last sender.
    pub(crate) fn start() -> Self {
        let (requests, mut inbox) = mpsc::channel::<oneshot::Sender<Value>>(20_000);
        let mut device = loaded_register();
        std::thread::spawn(move || {
            while let Some(reply) = inbox.blocking_recv() {
                let _ = reply.send(read(&mut device));
            }
        });
        Hop { requests }
    }

    /// Asks, without waiting.
    pub(crate) fn call(&self) -> oneshot::Receiver<Value> {
        let (reply, answer) = oneshot::channel();
        self.requests.blocking_send(reply).expect("the thread runs");
        answer
    }
}

fn check(report: &mut Report) {
    let lab = lab(Execution::Inline);
    let device = lab.device("register").expect("the lab has one").clone();
    let parameter = device.parameter("content").expect("a register has one");
    report.alone(
        "check of a write (access, type, unit, limits)",
        "≤ 200 ns",
        &mut || {
            each(100_000, || {
                drop(black_box(parameter.check(Value::Float(black_box(12.5)))))
            })
        },
    );
    report.alone("the same with a unit in the text, \"12500 um\"", "", &mut || {
        each(20_000, || {
            drop(black_box(parameter.check(Value::Text("12500 um".to_owned()))))
        })
    });
    lab.close();
}
