//! The parameters by which faults are armed.

use std::time::Duration;

use super::{Context, Entry, Faults, Inner, On, Result, Table, Then, Value};

/// A device that can be made to misbehave.
pub(crate) trait Simulated: Sized + 'static {
    fn faults(&self) -> &Faults;
}

/// What the faults do not touch: their own parameters, by which they can be taken back.
const OWN: [&str; 6] = ["fault", "fault_on", "fault_delay", "fault_times", "calls", "release"];

/// Adds the parameters of faults, and lets every call of the device meet them. Comes last in the table, as the first
/// parameter of a table is the main one.
pub(crate) fn add<D: Simulated>(t: &mut Table<D>) {
    t.around(|device, entry, cx, body| {
        let (name, on) = match entry {
            Entry::Read(name) => (name, On::Read),
            Entry::Write(name) => (name, On::Write),
            Entry::Command(name) => (name, On::Command),
            Entry::Status => ("", On::Status),
            Entry::Stop => ("", On::Stop),
        };
        if OWN.contains(&name) {
            return body(device);
        }
        let faults = &device.faults().inner;
        if on == On::Write {
            faults.plan.lock().calls += 1;
        }
        match faults.meet(on, |delay| pause(cx, delay))? {
            Then::Work => body(device),
            Then::Nothing => Ok(Value::Unit),
        }
    });
    t.parameter("fault")
        .doc("What goes wrong, from the moment it is written; see `fault_on` and `fault_times`")
        .no_poll()
        .read(|device: &mut D, _| Ok(inner(device).plan.lock().fault))
        .write(|device, fault, _| with(device, |inner, plan| inner.arm(plan, fault)));
    t.parameter("fault_on")
        .doc("Which call a fault hits: the next of any kind, or of one kind")
        .no_poll()
        .read(|device: &mut D, _| Ok(inner(device).plan.lock().on))
        .write(|device, on: On, _| with(device, |_, plan| plan.on = on));
    t.parameter("fault_delay")
        .doc("By how much a call with the fault `late` is late")
        .unit("s")
        .limits(0.0..=3600.0)
        .no_poll()
        .read(|device: &mut D, _| Ok(inner(device).plan.lock().delay.as_secs_f64()))
        .write(|device, seconds: f64, _| with(device, |_, plan| plan.delay = Duration::from_secs_f64(seconds)));
    t.parameter("fault_times")
        .doc("How many calls a fault hits before it is over; 0 for all until `fault` is set to none")
        .no_poll()
        .read(|device: &mut D, _| Ok(inner(device).plan.lock().times))
        .write(|device, times: u32, _| {
            with(device, |inner, plan| {
                plan.times = times;
                inner.arm(plan, plan.fault);
            })
        });
    t.parameter("calls")
        .doc("How often the host has called a write function of this device since it opened")
        .no_poll()
        .read(|device: &mut D, _| Ok(inner(device).plan.lock().calls));
    t.command("release")
        .doc("Lets every call that hangs, on any device of this library, go on")
        .touches(["fault"])
        .run(|_: &mut D, _: &Context| {
            super::release::release();
            Ok(())
        });
}

fn inner<D: Simulated>(device: &D) -> &Inner {
    &device.faults().inner
}

fn with<D: Simulated>(device: &D, change: impl FnOnce(&Inner, &mut super::Plan)) -> Result<()> {
    let inner = inner(device);
    change(inner, &mut inner.plan.lock());
    Ok(())
}

/// Waits on the lab's clock and does not listen to a cancel, like an instrument that is slow.
fn pause(cx: &Context, delay: Duration) {
    let end = cx.now() + delay;
    if cx.sleep(delay).is_err() {
        // Once a call is cancelled the lab's clock lets it wait no more; the system's does.
        std::thread::sleep(end.since(cx.now()));
    }
}
