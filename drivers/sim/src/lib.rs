//! Simulated instruments.
#![forbid(unsafe_code)]

use baton_plugin_api::{
    Context, Device, Host, Result, Table, export_driver,
    schemars::{self, JsonSchema},
};

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {}

struct Supply {
    volts: f64,
}

impl Device for Supply {
    type Options = Options;
    const TYPE: &'static str = "supply";

    fn open(_: Options, _: Host) -> Result<Self> {
        Ok(Supply { volts: 0.0 })
    }

    fn table(t: &mut Table<Self>) {
        t.parameter("voltage")
            .unit("V")
            .limits(0.0..=30.0)
            .doc("Output voltage")
            .read(Self::voltage)
            .write(Self::set);
        t.parameter("model").read(|_, _| Ok("sim"));
        t.command("zero").run(Self::zero);
    }
}

impl Supply {
    fn voltage(&mut self, _: &Context) -> Result<f64> {
        Ok(self.volts)
    }
    fn set(&mut self, volts: f64, _: &Context) -> Result<()> {
        self.volts = volts;
        Ok(())
    }
    fn zero(&mut self, _: &Context) -> Result<()> {
        self.volts = 0.0;
        Ok(())
    }
}

export_driver!(Supply);
