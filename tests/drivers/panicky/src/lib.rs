//! A driver that panics where it is told to.
//!
//! `bomb` stands alone and panics in the entry that its option `panic_in` names; without the option it behaves. `crate` is
//! a controller whose parts are bombs as well. `supply` has the name of a type of the simulated instruments, so that two
//! libraries can be seen side by side.
#![forbid(unsafe_code)]

use std::time::Duration;

use baton_plugin_api::{
    Context, Controller, Device, Devices, Host, Part, Result, Status, Stopper, Table, export_driver,
    schemars::{self, JsonSchema},
};

/// An entry of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Entry {
    Open,
    Read,
    Write,
    Command,
    Status,
    Stop,
    Stopper,
    Listen,
    Estimate,
    Drop,
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BombOptions {
    /// Where to panic; nowhere if left out.
    #[serde(default)]
    panic_in: Option<Entry>,
}

/// Holds a level, and panics in one entry.
struct Bomb {
    level: f64,
    panic_in: Option<Entry>,
}

impl Bomb {
    fn new(options: &BombOptions) -> Self {
        let bomb = Bomb {
            level: 0.0,
            panic_in: options.panic_in,
        };
        bomb.enter(Entry::Open);
        bomb
    }

    /// Panics if this is the entry.
    fn enter(&self, entry: Entry) {
        assert!(self.panic_in != Some(entry), "the bomb went off in {entry:?}");
    }

    fn read(&mut self, _: &Context) -> Result<f64> {
        self.enter(Entry::Read);
        Ok(self.level)
    }

    fn write(&mut self, level: f64, _: &Context) -> Result<()> {
        self.enter(Entry::Write);
        self.level = level;
        Ok(())
    }

    fn poke(&mut self, _: &Context) -> Result<String> {
        self.enter(Entry::Command);
        Ok("ouch".to_owned())
    }

    fn status(&mut self, _: &Context) -> Result<Status> {
        self.enter(Entry::Status);
        Ok(Status::idle())
    }

    fn stop(&mut self, _: &Context) -> Result<()> {
        self.enter(Entry::Stop);
        Ok(())
    }

    fn listen(&mut self, _: &Context) -> Result<()> {
        self.enter(Entry::Listen);
        Ok(())
    }

    fn estimate(&mut self, _: f64) -> Duration {
        self.enter(Entry::Estimate);
        Duration::from_millis(10)
    }

    fn stopper(&self) -> Option<Stopper> {
        let panics = self.panic_in == Some(Entry::Stopper);
        panics.then(|| -> Stopper { Box::new(|| panic!("the bomb went off in Stopper")) })
    }

    fn table<D: 'static>(t: &mut Table<D>, bomb: fn(&mut D) -> &mut Bomb) {
        t.doc("Panics where it is told to");
        t.parameter("level")
            .unit("V")
            .read(move |d, cx| bomb(d).read(cx))
            .write(move |d, level, cx| bomb(d).write(level, cx))
            .estimate(move |d, level| bomb(d).estimate(level));
        t.listen(Duration::from_millis(20), move |d, cx| bomb(d).listen(cx));
        t.command("poke")
            .run(move |d: &mut D, cx: &Context<'_>| bomb(d).poke(cx));
        t.status(move |d, cx| bomb(d).status(cx));
        t.stop(move |d, cx| bomb(d).stop(cx));
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        // One panic at a time: a second one while the first unwinds would end the process.
        if !std::thread::panicking() {
            self.enter(Entry::Drop);
        }
    }
}

impl Device for Bomb {
    type Options = BombOptions;
    const TYPE: &'static str = "bomb";

    fn open(options: BombOptions, _: Host) -> Result<Self> {
        Ok(Bomb::new(&options))
    }

    fn table(t: &mut Table<Self>) {
        Bomb::table(t, |bomb| bomb);
    }

    fn stopper(&self) -> Option<Stopper> {
        Bomb::stopper(self)
    }
}

/// A bomb in a crate.
struct Shell(Bomb);

impl Part for Shell {
    fn table(t: &mut Table<Self>) {
        Bomb::table(t, |shell| &mut shell.0);
    }

    fn stopper(&self) -> Option<Stopper> {
        self.0.stopper()
    }
}

/// A controller whose devices panic, or which does so itself when it is opened or dropped.
struct Crate(Bomb);

impl Controller for Crate {
    type Options = BombOptions;
    const TYPE: &'static str = "crate";

    fn open(options: BombOptions, _: Host) -> Result<Self> {
        Ok(Crate(Bomb::new(&options)))
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device("shell", |holder: &mut Crate, options: BombOptions, _| {
            holder.0.enter(Entry::Command);
            Ok(Shell(Bomb::new(&options)))
        });
    }
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// Nothing in common with the simulated supply but its name.
struct Supply;

impl Supply {
    /// No simulated supply ever shows this.
    const VOLTAGE: f64 = -4321.0;
}

impl Device for Supply {
    type Options = NoOptions;
    const TYPE: &'static str = "supply";

    fn open(_: NoOptions, _: Host) -> Result<Self> {
        Ok(Supply)
    }

    fn table(t: &mut Table<Self>) {
        t.parameter("voltage").unit("V").read(|_, _| Ok(Supply::VOLTAGE));
    }
}

export_driver!(Bomb, Supply; controllers: Crate);
