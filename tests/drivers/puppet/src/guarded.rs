//! A device whose commands are allowed in some of its states only.

use baton_plugin_api::{
    Context, Device, Host, Result, Status, StatusCode, Table,
    schemars::{self, JsonSchema},
};

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardedOptions {}

pub(crate) struct Guarded {
    status: Status,
    starts: i64,
    level: f64,
}

impl Guarded {
    /// Starts something and returns: it is busy until `finish`.
    fn start(&mut self, _: &Context) -> Result<()> {
        self.starts += 1;
        self.status = Status::busy("at it");
        Ok(())
    }

    fn become_idle(&mut self, _: &Context) -> Result<()> {
        self.status = Status::idle();
        Ok(())
    }

    /// As if somebody had turned it off, or broken it, by hand.
    fn turn(&mut self, code: i64, _: &Context) -> Result<()> {
        let code = StatusCode::from_number(code.try_into().unwrap_or(400));
        self.status = Status::new(code, "by hand");
        Ok(())
    }
}

impl Device for Guarded {
    type Options = GuardedOptions;
    const TYPE: &'static str = "guarded";

    fn open(_: GuardedOptions, _: Host) -> Result<Self> {
        Ok(Guarded {
            status: Status::idle(),
            starts: 0,
            level: 0.0,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.simulated();
        t.no_main_parameter();
        t.parameter("starts").no_poll().read(|device, _| Ok(device.starts));
        t.parameter("level")
            .allowed_in([StatusCode::Idle, StatusCode::Warn])
            .no_poll()
            .read(|device, _| Ok(device.level))
            .write(|device, level: f64, _| {
                device.level = level;
                Ok(())
            });
        t.command("start")
            .allowed_in([StatusCode::Idle])
            .leads_to(StatusCode::Busy)
            .run(Self::start);
        t.command("finish").run(Self::become_idle);
        t.command("clear_errors").run(Self::become_idle);
        t.command("turn").run(Self::turn);
        t.status(|device, _| Ok(device.status.clone()));
    }
}
