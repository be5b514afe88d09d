//! Devices that do next to nothing, for measuring what the host adds.
#![forbid(unsafe_code)]

use std::time::Duration;

use baton_plugin_api::{
    Array, Context, Datatype, Device, Host, Result, Table, export_driver,
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

/// Options of a register: none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterOptions {}

/// A number that can be read and written at once.
pub struct Register {
    content: f64,
}

impl Register {
    fn content(&mut self, _: &Context) -> Result<f64> {
        Ok(self.content)
    }

    fn set_content(&mut self, content: f64, _: &Context) -> Result<()> {
        self.content = content;
        Ok(())
    }
}

impl Device for Register {
    type Options = RegisterOptions;
    const TYPE: &'static str = "register";

    fn open(_: RegisterOptions, _: Host) -> Result<Self> {
        Ok(Register { content: 1.0 })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A number that can be read and written at once");
        t.parameter("content")
            .doc("The number")
            .unit("mm")
            .limits(-1000.0..=1000.0)
            .no_poll()
            .read(Self::content)
            .write(Self::set_content);
        t.parameter("cached")
            .doc("The number, for which an hour-old reading is good enough")
            .unit("mm")
            .no_poll()
            .fresh_for(Duration::from_secs(3600))
            .read(Self::content);
    }
}

/// Options of a sleeper.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SleeperOptions {
    /// How long each reading takes.
    #[schemars(extend("unit" = "s"))]
    delay: f64,
}

/// A device that blocks for a while, as one on a slow line does.
pub struct Sleeper {
    delay: Duration,
}

impl Device for Sleeper {
    type Options = SleeperOptions;
    const TYPE: &'static str = "sleeper";

    fn open(options: SleeperOptions, _: Host) -> Result<Self> {
        Ok(Sleeper {
            delay: Duration::try_from_secs_f64(options.delay)?,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A device that blocks for a while");
        t.parameter("content")
            .doc("Always 1")
            .no_poll()
            .read(|sleeper: &mut Self, _| {
                // On the system's clock, as a real line blocks.
                std::thread::sleep(sleeper.delay);
                Ok(1.0)
            });
    }
}

/// Options of a ticker: none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TickerOptions {}

/// A device that publishes readings by itself.
pub struct Ticker {
    host: Host,
}

impl Ticker {
    /// Publishes so many readings, one each millisecond, on a thread of its own.
    fn tick(&mut self, count: i64, _: &Context) -> Result<()> {
        let host = self.host.clone();
        std::thread::spawn(move || {
            for n in 1..=count {
                std::thread::sleep(Duration::from_millis(1));
                host.publish("ticks", n);
            }
        });
        Ok(())
    }
}

impl Device for Ticker {
    type Options = TickerOptions;
    const TYPE: &'static str = "ticker";

    fn open(_: TickerOptions, host: Host) -> Result<Self> {
        Ok(Ticker { host })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A device that publishes readings by itself");
        t.parameter::<i64>("ticks").doc("How many there were").published();
        t.command("tick").doc("Publishes so many readings").run(Self::tick);
    }
}

/// How many bytes a frame has.
const FRAME: usize = 8 << 20;

/// A device with a large value, and one that ends its process.
pub struct Camera {
    frame: Array,
}

impl Device for Camera {
    type Options = RegisterOptions;
    const TYPE: &'static str = "camera";

    fn open(_: RegisterOptions, _: Host) -> Result<Self> {
        Ok(Camera {
            frame: Array::new(vec![7u8; FRAME]),
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A device with a large value");
        t.parameter("frame")
            .doc("8 MiB, always the same")
            .datatype(Datatype::Array {
                element: Box::new(Datatype::Int { min: 0, max: 255 }),
                shape: vec![FRAME as u64],
            })
            .no_poll()
            .read(|camera: &mut Self, _| Ok(camera.frame.clone()));
        t.command("crash")
            .doc("Ends the process, whose ever it is")
            .run(|_: &mut Self, _: &Context<'_>| -> Result<()> { std::process::abort() });
    }
}

export_driver!(Register, Sleeper, Ticker, Camera);
