use super::*;
use crate::{Device, Host, schemars};

#[derive(serde::Deserialize, JsonSchema)]
struct Options {}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("its author's mistake");
    }
}

/// Keeps a bomb in each place that is dropped on its own.
struct Bombs {
    _own: Bomb,
}

impl Device for Bombs {
    type Options = Options;
    const TYPE: &'static str = "bombs";

    fn open(_: Options, _: Host) -> Result<Self> {
        Ok(Bombs { _own: Bomb })
    }

    fn table(t: &mut Table<Self>) {
        let captured = Bomb;
        t.parameter("value").read(move |_, _| {
            let _ = &captured;
            Ok(1.0)
        });
    }

    fn stopper(&self) -> Option<Stopper> {
        let captured = Bomb;
        Some(Box::new(move || {
            let _ = &captured;
            Ok(())
        }))
    }
}

impl Controller for Bombs {
    type Options = Options;
    const TYPE: &'static str = "rack of bombs";

    fn open(_: Options, _: Host) -> Result<Self> {
        Ok(Bombs { _own: Bomb })
    }

    fn devices(devices: &mut Devices<Self>) {
        let captured = Bomb;
        devices.device("bombs", move |_: &mut Bombs, _: Options, _| {
            let _ = &captured;
            Ok(Bombs { _own: Bomb })
        });
    }
}

fn device() -> BoxDevice {
    let mut table = Table::new();
    <Bombs as Device>::table(&mut table);
    boxed(Bombs { _own: Bomb }, table)
}

// A panic that got out of one of these would end the test process.

#[test]
fn a_device_whose_drop_panics_is_dropped() {
    drop(device());
}

#[test]
fn a_device_whose_drop_panics_says_so_when_it_is_closed() {
    let error = device().close().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Panic.number());
    assert_eq!(error.message, "drop panicked: its author's mistake");
}

#[test]
fn a_stopper_whose_drop_panics_is_dropped() {
    let device = device();
    let stopper = device.stopper().unwrap();
    drop(device);
    stopper.stop().unwrap();
    drop(stopper);
}

#[test]
fn a_controller_whose_drop_panics_is_dropped() {
    drop(boxed_controller(Bombs { _own: Bomb }));
}
