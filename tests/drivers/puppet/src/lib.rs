//! A device that does what a test tells it: reaches for other devices, speaks from threads of its own, tells nonsense.
#![forbid(unsafe_code)]

mod guarded;
mod mule;
mod recorder;
mod wire;

use baton_plugin_api::{
    Context, Device, Host, ParameterRef, Result, Status, Table, export_driver,
    schemars::{self, JsonSchema},
};

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HandOptions {
    /// What it moves.
    #[serde(default)]
    motor: Option<ParameterRef>,
}

/// Moves another device.
struct Hand {
    motor: Option<ParameterRef>,
    host: Host,
}

impl Hand {
    fn motor(&self) -> ParameterRef {
        // Without one it reaches for something that no lab has.
        self.motor.clone().unwrap_or_else(|| ParameterRef::new("nothing"))
    }

    /// Counts up to `n` from another thread, while this call waits for it, and says each number twice.
    fn count(&mut self, n: i64, _: &Context) -> Result<()> {
        let host = self.host.clone();
        let counting = std::thread::spawn(move || {
            for i in 1..=n {
                host.publish("counted", i);
                host.send("tick", i);
            }
        });
        counting
            .join()
            .map_err(|_| baton_plugin_api::Error::impossible("it cannot count"))
    }

    /// Eight threads say `n` numbers each, all at once: so many thousands for the thread, and the number.
    fn crowd(&mut self, n: i64, _: &Context) -> Result<()> {
        let said = |thread: i64| {
            let host = self.host.clone();
            std::thread::spawn(move || (0..n).for_each(|i| host.send("said", thread * 1_000_000 + i)))
        };
        let threads: Vec<_> = (0..8).map(said).collect();
        let silent = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        match silent {
            0 => Ok(()),
            _ => Err(baton_plugin_api::Error::impossible("one of them cannot speak")),
        }
    }
}

impl Device for Hand {
    type Options = HandOptions;
    const TYPE: &'static str = "hand";

    fn open(options: HandOptions, host: Host) -> Result<Self> {
        Ok(Hand {
            motor: options.motor,
            host,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.simulated();
        t.parameter("reach")
            .unit("mm")
            .tolerance(0.1)
            .no_poll()
            .read(|hand, cx| cx.get(&hand.motor()))
            .write_blocking(|hand, target: f64, cx| cx.set(&hand.motor(), target).map(drop));
        t.parameter("lamp")
            .doc("Cannot be read back")
            .write(|_, _: bool, _| Ok(()));
        t.parameter("nonsense")
            .doc("No number")
            .no_poll()
            .read(|_, _| Ok(f64::NAN));
        t.parameter::<i64>("counted").published();
        t.command("count").long().run(Hand::count);
        t.command("crowd").long().run(Hand::crowd);
        t.command("shout").doc("Sends a message that it does not declare").run(
            |hand: &mut Hand, name: String, _: &Context<'_>| {
                hand.host.send(&name, 1);
                Ok(())
            },
        );
        t.command("peek")
            .doc("Reads any parameter of the lab, if it may")
            .run(|_: &mut Hand, path: String, cx: &Context<'_>| cx.get::<f64>(&ParameterRef::new(path)));
        t.command("poke")
            .doc("Writes 1 to any parameter of the lab, if it may")
            .run(|_: &mut Hand, path: String, cx: &Context<'_>| cx.set(&ParameterRef::new(path), 1.0).map(drop));
        t.command("glance")
            .doc("Says that it touches its lamp only")
            .touches(["lamp"])
            .run(|_: &mut Hand, _: &Context<'_>| Ok(()));
        t.command("babble")
            .doc("Returns no number")
            .run(|_: &mut Hand, _: &Context<'_>| Ok(f64::NAN));
        t.message::<i64>("tick", "It has counted one on");
        t.message::<i64>("said", "One of a crowd has said a number");
        t.status(|_, _| Ok(Status::idle()));
    }
}

export_driver!(Hand, recorder::Recorder, guarded::Guarded, mule::Mule; controllers: wire::Wire);
