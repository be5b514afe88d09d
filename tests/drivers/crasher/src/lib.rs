//! A driver that does the worst things that a driver can do, where it is told to.
//!
//! `wreck` stands alone, `hulk` holds wrecks. The parameter `doom` says what happens in which entry, once: `"abort read"`. The
//! option `doom` does the same for an open. Whatever is opened again has no doom, unless its options say so.

use std::{io::Write, time::Duration};

use baton_plugin_api::{
    Context, Controller, Device, Devices, Error, Host, Level, Part, Result, Shared, Status, Stopper, Table,
    export_driver,
    schemars::{self, JsonSchema},
};

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WreckOptions {
    /// What happens, and where: `"segv open"`.
    #[serde(default)]
    doom: Option<String>,
}

/// What is going to happen, and in which entry.
#[derive(Clone)]
struct Doom(Shared<Option<String>>);

impl Doom {
    /// Lets it happen if this is the entry.
    fn meet(&self, entry: &str) {
        let doom = {
            let mut doom = self.0.lock();
            let here = doom.as_deref().is_some_and(|doom| doom.ends_with(entry));
            here.then(|| doom.take()).flatten()
        };
        if let Some(doom) = doom {
            befall(doom.split(' ').next().unwrap_or_default());
        }
    }
}

/// Does the worst.
fn befall(what: &str) {
    match what {
        // SAFETY: none, which is the point: nothing may be written there, and the kernel sees to that.
        "segv" => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
        "kill" => signal("KILL"),
        "stop" => signal("STOP"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(3),
        "panic" => panic!("the doom is a panic"),
        "overflow" => drop(std::hint::black_box(deeper(1))),
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 16 << 20]);
            }
        }
        _ => {}
    }
}

/// Has a signal sent to this process.
fn signal(name: &str) {
    let pid = std::process::id();
    let _ = std::process::Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    // It takes a moment to arrive.
    std::thread::sleep(Duration::from_secs(60));
}

/// Uses up the stack.
fn deeper(n: u64) -> u64 {
    let mut room = [n; 512];
    if n < u64::MAX {
        room[(n % 512) as usize] = deeper(std::hint::black_box(n + 1));
    }
    std::hint::black_box(&room).iter().copied().fold(0, u64::wrapping_add)
}

struct Wreck {
    level: f64,
    doom: Doom,
    host: Host,
}

impl Wreck {
    fn new(options: &WreckOptions, host: Host) -> Result<Self> {
        let wreck = Wreck {
            level: 0.0,
            doom: Doom(Shared::new(options.doom.clone())),
            host,
        };
        wreck.doom.meet("open");
        Ok(wreck)
    }

    fn stopper(&self) -> Stopper {
        let doom = self.doom.clone();
        Box::new(move || {
            doom.meet("stopper");
            Ok(())
        })
    }

    /// What this process has: its environment is the host's, its open files are its own.
    fn descriptors() -> Result<i64> {
        // One of them is the folder itself.
        Ok(std::fs::read_dir("/proc/self/fd")?.count() as i64 - 1)
    }

    /// Says things on every way that there is, in order.
    fn talk(&mut self, _: &Context) -> Result<()> {
        writeln!(std::io::stdout(), "a line on standard output")?;
        eprintln!("a line on standard error");
        self.host.log(Level::Info, "a line for the log");
        Ok(())
    }

    /// Sends `n` messages from another thread, and dies while they are on their way.
    fn scream(&mut self, n: i64, _: &Context) -> Result<()> {
        let host = self.host.clone();
        let screaming = std::thread::spawn(move || (1..=n).for_each(|i| host.send("cry", i)));
        screaming.join().map_err(|_| Error::impossible("it cannot scream"))?;
        std::process::abort()
    }

    fn table<D: 'static>(t: &mut Table<D>, of: fn(&mut D) -> &mut Wreck) {
        t.doc("Does the worst where it is told to");
        t.parameter("level")
            .no_poll()
            .read(move |d, _| {
                of(d).doom.meet("read");
                Ok(of(d).level)
            })
            .write(move |d, level: f64, _| {
                of(d).doom.meet("write");
                of(d).level = level;
                Ok(())
            });
        t.parameter("doom").no_poll().write(move |d, doom: String, _| {
            *of(d).doom.0.lock() = Some(doom);
            Ok(())
        });
        t.parameter("pid")
            .no_poll()
            .read(|_, _| Ok(i64::from(std::process::id())));
        t.parameter("descriptors").no_poll().read(|_, _| Wreck::descriptors());
        t.parameter("limits")
            .no_poll()
            .read(|_, _| Ok(std::fs::read_to_string("/proc/self/limits")?));
        t.parameter("oom").no_poll().read(|_, _| {
            let score = std::fs::read_to_string("/proc/self/oom_score_adj")?;
            Ok(score.trim().to_owned())
        });
        t.command("poke").run(move |d: &mut D, _: &Context<'_>| {
            of(d).doom.meet("command");
            Ok(())
        });
        t.command("talk").run(move |d: &mut D, cx: &Context<'_>| of(d).talk(cx));
        t.command("scream")
            .run(move |d: &mut D, n: i64, cx: &Context<'_>| of(d).scream(n, cx));
        t.message::<i64>("cry", "It is about to die");
        t.status(move |d, _| {
            of(d).doom.meet("status");
            Ok(Status::idle())
        });
        t.stop(move |d, _| {
            of(d).doom.meet("stop");
            Ok(())
        });
    }
}

impl Drop for Wreck {
    fn drop(&mut self) {
        self.doom.meet("drop");
    }
}

impl Device for Wreck {
    type Options = WreckOptions;
    const TYPE: &'static str = "wreck";

    fn open(options: WreckOptions, host: Host) -> Result<Self> {
        Wreck::new(&options, host)
    }

    fn table(t: &mut Table<Self>) {
        Wreck::table(t, |wreck| wreck);
    }

    fn stopper(&self) -> Option<Stopper> {
        Some(Wreck::stopper(self))
    }
}

/// Holds wrecks.
struct Hulk;

/// A wreck in a hulk; without a stopper, so that a stop waits its turn.
struct Plank(Wreck);

impl Part for Plank {
    fn table(t: &mut Table<Self>) {
        Wreck::table(t, |plank| &mut plank.0);
    }
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

impl Controller for Hulk {
    type Options = NoOptions;
    const TYPE: &'static str = "hulk";

    fn open(_: NoOptions, _: Host) -> Result<Self> {
        Ok(Hulk)
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device("plank", |_: &mut Hulk, options: WreckOptions, host| {
            Wreck::new(&options, host).map(Plank)
        });
    }
}

export_driver!(Wreck; controllers: Hulk);
