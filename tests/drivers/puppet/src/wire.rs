//! Several stations on one wire, some of which are deaf for a while.

use std::time::Duration;

use baton_plugin_api::{
    Context, Controller, Devices, Error, Host, ParameterRef, Part, Result, Table, Time,
    schemars::{self, JsonSchema},
};

/// How long the wire waits for an answer.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireOptions {}

/// A wire that is never lost.
pub(crate) struct Wire;

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StationOptions {
    /// For so long after opening it does not answer.
    #[serde(default)]
    #[schemars(extend("unit" = "s"))]
    deaf_for: f64,
    /// It says so many words by itself, one a time, and then cuts the wire.
    words: Option<i64>,
}

struct Station {
    host: Host,
    hears_from: Time,
    asked: i64,
    words: Option<i64>,
}

impl Station {
    /// Says how many words are left.
    fn listen(&mut self, _: &Context) -> Result<()> {
        let Some(left) = &mut self.words else { return Ok(()) };
        if *left == 0 {
            return Err(Error::communication("the wire is cut"));
        }
        self.host.send("word", *left);
        *left -= 1;
        Ok(())
    }

    /// Counts how often it was asked, and tells of it before the answer, if there is one.
    fn ask(&mut self, cx: &Context) -> Result<i64> {
        self.asked += 1;
        self.host.send("asked", self.asked);
        if cx.now() < self.hears_from {
            cx.sleep(PATIENCE)?;
            return Err(Error::timeout("no reply within 500 ms"));
        }
        Ok(self.asked)
    }
}

impl Controller for Wire {
    type Options = WireOptions;
    const TYPE: &'static str = "wire";

    fn open(_: WireOptions, _: Host) -> Result<Self> {
        Ok(Wire)
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device("station", |_, options: StationOptions, host| {
            let hears_from = host.now() + Duration::try_from_secs_f64(options.deaf_for)?;
            Ok(Station {
                host,
                hears_from,
                asked: 0,
                words: options.words,
            })
        });
    }
}

impl Part for Station {
    fn table(t: &mut Table<Self>) {
        t.simulated();
        t.parameter("count").read(Station::ask);
        t.parameter("other").read(Station::ask);
        t.listen(Duration::from_millis(100), Station::listen);
        t.command("peek")
            .doc("Reads any parameter of the lab, if it may")
            .run(|_: &mut Station, path: String, cx: &Context<'_>| cx.get::<i64>(&ParameterRef::new(path)));
        t.message::<i64>("word", "Said by itself");
        t.message::<i64>("asked", "It was asked so often");
    }
}
