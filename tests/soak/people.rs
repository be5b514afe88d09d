//! Those who use the lab, each in a way of its own, until the round is over.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    dice::Dice,
    host::children,
    lab::{Device, Kind, pick},
    tally::Tally,
    wire::{Address, Ended, Wire},
};

/// Requests that a flood sends before it reads a single answer.
const FLOOD: usize = 1500;

/// What a device is made to do with one of its next calls, the more often named the more likely.
const FAULTS: [&str; 8] = [
    "fail",
    "fail",
    "hang",
    "late",
    "drop_connection",
    "drop_connection",
    "panic",
    "ignore",
];

/// What everybody knows.
pub(crate) struct World {
    pub(crate) address: Address,
    pub(crate) devices: Vec<Device>,
    pub(crate) tally: Tally,
    /// The host's process.
    pub(crate) host: u32,
}

/// Somebody at work.
pub(crate) struct Person {
    world: Arc<World>,
    dice: Dice,
    until: Instant,
}

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trade {
    /// Reads, writes and commands, one after the other, and waits for the end of each.
    Scientist,
    /// Locks several devices, works with them, and gives them back.
    Locker,
    /// Comes, subscribes, looks around, and goes.
    Visitor,
    /// Locks, sets in motion, and is gone without a word.
    Vanisher,
    /// Sends far more than can be done, and reads the answers afterwards.
    Flooder,
    /// Subscribes to everything and reads nothing.
    Deaf,
    /// Stops devices, and now and then all of them.
    Stopper,
    /// Makes devices misbehave.
    Saboteur,
}

/// Who is there, in turn: the more often somebody is named, the more of them there are.
pub(crate) const TRADES: [Trade; 16] = {
    use Trade::*;
    [
        Scientist, Saboteur, Locker, Vanisher, Scientist, Visitor, Flooder, Saboteur, Scientist, Locker, Visitor,
        Stopper, Scientist, Deaf, Vanisher, Scientist,
    ]
};

impl Person {
    pub(crate) fn new(world: &Arc<World>, dice: Dice, until: Instant) -> Person {
        Person {
            world: Arc::clone(world),
            dice,
            until,
        }
    }

    /// Works until the round is over.
    pub(crate) async fn work(mut self, trade: Trade) {
        while Instant::now() < self.until {
            let Some(wire) = self.connect().await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            match trade {
                Trade::Scientist => self.science(wire).await,
                Trade::Locker => self.lock(wire).await,
                Trade::Visitor => self.visit(wire).await,
                Trade::Vanisher => self.vanish(wire).await,
                Trade::Flooder => self.flood(wire).await,
                Trade::Deaf => self.be_deaf(wire).await,
                Trade::Stopper => self.stop(wire).await,
                Trade::Saboteur => self.sabotage(wire).await,
            }
        }
    }

    async fn connect(&mut self) -> Option<Wire> {
        self.world.tally.connections.fetch_add(1, Ordering::Relaxed);
        Wire::connect(&self.world.address, self.dice.roll().is_multiple_of(2), None)
            .await
            .ok()
    }

    fn device(&mut self) -> Device {
        pick(&self.world.devices, self.dice.roll()).clone()
    }

    async fn think(&mut self, most_ms: u64) {
        sleep(Duration::from_millis(self.dice.roll() % most_ms)).await;
    }

    /// Any call of any device.
    async fn call(&mut self, wire: &mut Wire, device: &Device) -> Ended {
        let dice = self.dice.roll();
        let world = Arc::clone(&self.world);
        match dice % 10 {
            0..=4 => world.tally.call(wire, "read", &device.read(dice / 10), "").await,
            5..=7 => {
                let (path, value) = device.write(dice / 10);
                world.tally.call(wire, "change", &path, &value).await
            }
            _ => {
                let (path, argument) = device.command(dice / 10);
                world.tally.call(wire, "do", &path, &argument).await
            }
        }
    }

    async fn science(&mut self, mut wire: Wire) {
        for _ in 0..50 {
            if Instant::now() > self.until {
                return;
            }
            let device = self.device();
            self.call(&mut wire, &device).await;
            self.think(20).await;
        }
    }

    async fn lock(&mut self, mut wire: Wire) {
        let world = Arc::clone(&self.world);
        let (one, other) = (self.device(), self.device());
        let wait = self.dice.roll() % 3;
        let what = format!(
            "{{\"targets\":[\"{}\",\"{}\"],\"wait\":{wait},\"note\":\"soak\"}}",
            one.name, other.name
        );
        let locked = world.tally.request(&mut wire, "_lock", &what).await;
        if matches!(locked, Ended::Answered(..)) {
            for _ in 0..5 {
                self.call(&mut wire, &one).await;
                self.call(&mut wire, &other).await;
            }
        }
        self.think(50).await;
    }

    async fn visit(&mut self, mut wire: Wire) {
        let world = Arc::clone(&self.world);
        world
            .tally
            .request(&mut wire, "_introduce", "{\"user\":\"soak\",\"program\":\"visitor\"}")
            .await;
        let device = self.device();
        for (action, specifier) in [
            ("describe", ""),
            ("activate", ""),
            ("activate", device.name.as_str()),
            ("ping", "x"),
        ] {
            // The whole node is described under a dot.
            if action != "describe"
                && let Ended::Lost(line) = wire.ask(action, specifier, "").await
            {
                world.tally.lose(&line);
            }
            world.tally.requests.fetch_add(1, Ordering::Relaxed);
        }
        for request in ["_status", "_who", "_drivers"] {
            world.tally.request(&mut wire, request, "").await;
        }
        let wait = format!("{{\"path\":\"{}\",\"value\":1e9,\"timeout\":0.2}}", device.name);
        world.tally.request(&mut wire, "_wait_for", &wait).await;
        self.think(300).await;
    }

    async fn vanish(&mut self, mut wire: Wire) {
        let world = Arc::clone(&self.world);
        let device = self.device();
        let lock = format!("{{\"targets\":[\"{}\"],\"queue\":true}}", device.name);
        world.tally.request(&mut wire, "_lock", &lock).await;
        for _ in 0..3 {
            let (path, value) = device.write(self.dice.roll());
            world.tally.calls.fetch_add(1, Ordering::Relaxed);
            drop(wire.send("change", &path, &value).await);
            world.tally.calls.fetch_add(1, Ordering::Relaxed);
            drop(wire.send("read", &device.read(self.dice.roll()), "").await);
        }
        self.think(60).await;
        // What was answered by now ended somehow; whoever has gone does not hear of the rest.
        let unheard = wire.unanswered() as u64;
        world.tally.note_as("client gone", unheard.min(6));
        world.tally.note_as("answered", 6 - unheard.min(6));
    }

    async fn flood(&mut self, mut wire: Wire) {
        let world = Arc::clone(&self.world);
        let device = self.device();
        let mut answers = Vec::with_capacity(FLOOD);
        for n in 0..FLOOD {
            world.tally.calls.fetch_add(1, Ordering::Relaxed);
            answers.push(match n % 3 {
                0 => {
                    let (path, value) = device.write(self.dice.roll());
                    wire.send("change", &path, &value).await
                }
                _ => wire.send("read", &device.read(self.dice.roll()), "").await,
            });
        }
        for answer in answers {
            world.tally.note(&answer.ended().await);
        }
        self.think(1000).await;
    }

    async fn be_deaf(&mut self, wire: Wire) {
        let world = Arc::clone(&self.world);
        drop(wire);
        // Not even the library behind it reads this one.
        if let Ok(mut stream) = tokio::net::UnixStream::connect(&world.address.socket).await {
            use tokio::io::AsyncWriteExt;
            for _ in 0..50 {
                world.tally.requests.fetch_add(1, Ordering::Relaxed);
                if stream.write_all(b"activate\ndescribe\n").await.is_err() {
                    break;
                }
            }
            self.think(1500).await;
        }
    }

    async fn stop(&mut self, mut wire: Wire) {
        let world = Arc::clone(&self.world);
        for _ in 0..10 {
            let device = self.device();
            world
                .tally
                .call(&mut wire, "do", &format!("{}:stop", device.name), "")
                .await;
            self.think(100).await;
        }
        world.tally.request(&mut wire, "_stop_all", "").await;
        self.think(1000).await;
    }

    async fn sabotage(&mut self, mut wire: Wire) {
        let world = Arc::clone(&self.world);
        for _ in 0..20 {
            if Instant::now() > self.until {
                return;
            }
            if self.dice.roll().is_multiple_of(8) {
                self.kill();
            }
            let device = self.device();
            // A composite is left to suffer from its parts.
            if device.kind != Kind::Slit {
                let fault = *pick(&FAULTS, self.dice.roll());
                let on = *pick(&["any", "read", "write", "command", "status", "stop"], self.dice.roll());
                let armed = wire
                    .ask("change", &format!("{}:_fault_on", device.name), &format!("\"{on}\""))
                    .await;
                let also = wire
                    .ask("change", &format!("{}:_fault", device.name), &format!("\"{fault}\""))
                    .await;
                for ended in [&armed, &also] {
                    world.tally.calls.fetch_add(1, Ordering::Relaxed);
                    world.tally.note(ended);
                }
                if matches!(also, Ended::Answered(..)) {
                    world.tally.note_fault(fault);
                }
            }
            self.think(150).await;
        }
    }
}

impl Person {
    /// Ends a process of a driver, as a driver that crashes would.
    fn kill(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        let children = children(self.world.host);
        if children.is_empty() {
            return;
        }
        let (signal, name) = *pick(
            &[
                (Signal::KILL, "process killed"),
                (Signal::SEGV, "process crashed"),
                (Signal::ABORT, "process aborted"),
                (Signal::STOP, "process halted"),
            ],
            self.dice.roll(),
        );
        let child = Pid::from_raw(*pick(&children, self.dice.roll()));
        if child.is_some_and(|child| kill_process(child, signal).is_ok()) {
            self.world.tally.note_fault(name);
        }
    }
}

/// Counts devices that are lost and come back, for as long as the connection lasts.
pub(crate) async fn watch(world: Arc<World>) {
    let (tell, mut updates) = mpsc::unbounded_channel();
    let Ok(mut wire) = Wire::connect(&world.address, false, Some(tell)).await else {
        return;
    };
    wire.ask("activate", "", "").await;
    let mut down = std::collections::HashSet::new();
    while let Some(line) = updates.recv().await {
        let mut words = line.splitn(3, ' ');
        let (Some("update"), Some(specifier), Some(data)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(device) = specifier.strip_suffix(":status") else {
            continue;
        };
        let data: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
        let is_down = data[0][0].as_u64().is_some_and(|code| code >= 400);
        if is_down {
            down.insert(device.to_owned());
        } else if down.remove(device) {
            world.tally.recoveries.fetch_add(1, Ordering::Relaxed);
        }
    }
}
