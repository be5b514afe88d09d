//! Crosses the ABI by hand, without a lab: just enough of a host for a device to be opened and read.

use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{RResult, RStr, RString};
use baton_host::plugin::Library;
use baton_plugin_api::abi::{
    BoxDevice, RawContext, RawContext_TO, RawError, RawHost, RawHost_TO, RawResult, RawValue, RefContext,
};
use baton_plugin_api::{Error, Value};

/// An open device and the place of its main parameter.
pub(crate) struct Open {
    device: BoxDevice,
    main: u32,
}

/// Opens a device that stands alone.
pub(crate) fn open(library: &Library, kind: &str, options: &str) -> Result<Open, String> {
    let text = |error: Error| error.to_string();
    let table = library.describe_device(None, kind, options).map_err(text)?;
    let main = table
        .parameters
        .iter()
        .position(|parameter| Some(&parameter.name) == table.main.as_ref());
    let host = RawHost_TO::from_value(NoHost, TD_Opaque);
    Ok(Open {
        device: library.open_device(kind, options, host).map_err(text)?,
        main: main.expect("it has a main parameter").try_into().unwrap(),
    })
}

impl Open {
    /// Reads the main parameter, a number.
    pub(crate) fn read_main(&mut self) -> Result<f64, String> {
        match self.read(self.main as usize)? {
            Value::Float(number) => Ok(number),
            other => Err(format!("{other:?}")),
        }
    }

    /// Reads the parameter at that place of the table.
    pub(crate) fn read(&mut self, parameter: usize) -> Result<Value, String> {
        let parameter = parameter.try_into().unwrap();
        let value = self.device.read(parameter, context(&NoContext));
        result(value)?.try_into().map_err(|error: Error| error.to_string())
    }

    /// Goes through the entry of that name once.
    pub(crate) fn enter(&mut self, entry: &str) -> Result<(), String> {
        let (device, cx) = (&mut self.device, context(&NoContext));
        match entry {
            "read" => result(device.read(self.main, cx)).map(drop),
            "write" => result(device.write(self.main, Value::Float(1.0).into(), cx)),
            "command" => result(device.run(0, Value::Unit.into(), cx)).map(drop),
            "status" => result(device.status(cx)).map(drop),
            "stop" => result(device.stop(cx)),
            "stopper" => device
                .stopper()
                .into_option()
                .map_or(Ok(()), |stopper| result(stopper.stop())),
            "drop" => result(device.close()),
            other => panic!("there is no entry {other}"),
        }
    }
}

fn context(cx: &NoContext) -> RefContext<'_> {
    RawContext_TO::from_ptr(RRef::new(cx), TD_Opaque)
}

fn result<T>(raw: RawResult<T>) -> Result<T, String> {
    raw.into_result().map_err(|error| Error::from(error).to_string())
}

#[derive(Clone)]
struct NoHost;

impl RawHost for NoHost {
    fn name(&self) -> RString {
        "device".into()
    }

    fn send(&self, _: RStr<'_>, _: RawValue) {}

    fn publish(&self, _: RStr<'_>, _: RawValue, _: u64) {}

    fn log(&self, _: u32, _: RStr<'_>) {}

    fn now(&self) -> u64 {
        0
    }
}

struct NoContext;

impl RawContext for NoContext {
    fn cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _: f64) {}

    fn now(&self) -> u64 {
        0
    }

    fn sleep(&self, nanoseconds: u64) -> bool {
        std::thread::sleep(Duration::from_nanos(nanoseconds));
        true
    }

    fn remaining(&self) -> u64 {
        u64::MAX
    }

    fn get(&self, _: RStr<'_>) -> RawResult {
        alone()
    }

    fn set(&self, _: RStr<'_>, _: RawValue) -> RawResult {
        alone()
    }

    fn call(&self, _: RStr<'_>, _: RawValue) -> RawResult {
        alone()
    }

    fn publish(&self, _: RStr<'_>, _: RawValue, _: u64) {}
}

fn alone() -> RawResult {
    RResult::RErr(RawError::from(Error::impossible("there are no other devices")))
}
