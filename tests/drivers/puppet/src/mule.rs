//! A device that does not come back when it is told so, and that has the only end of a line.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use baton_plugin_api::{
    Context, Device, Error, Host, ParameterRef, Result, Shared, Status, Stopper, Table,
    schemars::{self, JsonSchema},
};

/// A stopper that waits for the next write waits so long for it.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MuleOptions {
    /// What only one of them may have open at a time.
    #[serde(default)]
    line: Option<String>,
    /// Whether it can be stopped at all.
    #[serde(default)]
    has_stopper: bool,
    /// Whether its stopper waits for the write that comes after the one that it stops.
    #[serde(default)]
    waits_in_stopper: bool,
    /// What it would move.
    #[serde(default)]
    motor: Option<ParameterRef>,
}

/// The lines that are open in this library.
static LINES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// How often `release` was run.
static RELEASES: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());
/// How many have come back from `hang`, and how many were dropped.
static RETURNED: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// What device and stopper share.
#[derive(Default)]
struct Cart {
    position: f64,
    target: Option<f64>,
    /// What was done, in order.
    log: Vec<String>,
    writes: usize,
}

pub(crate) struct Mule {
    host: Host,
    options: MuleOptions,
    cart: Shared<Cart>,
    wrote: Arc<(Mutex<usize>, Condvar)>,
}

fn hang() {
    let (releases, changed) = &RELEASES;
    let guard = releases.lock().unwrap_or_else(PoisonError::into_inner);
    let before = *guard;
    drop(changed.wait_while(guard, |now| *now == before));
}

impl Mule {
    /// Does not return before it is released; then tells everybody.
    fn hang(&mut self, cx: &Context) -> Result<()> {
        hang();
        self.host.send("brayed", 1);
        self.host.publish("load", 666.0);
        cx.publish("load", 667.0);
        cx.progress(0.5);
        if let Some(motor) = &self.options.motor {
            // Whoever was left behind moves nothing any more.
            let _ = cx.set(motor, 1.0);
        }
        RETURNED.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Goes one step a look; to 100 and beyond it never gets.
    fn write(&mut self, target: f64, _: &Context) -> Result<()> {
        let mut cart = self.cart.lock();
        cart.log.push(format!("write {target}"));
        cart.target = Some(target);
        cart.writes += 1;
        *self.wrote.0.lock().unwrap_or_else(PoisonError::into_inner) = cart.writes;
        self.wrote.1.notify_all();
        Ok(())
    }

    fn status(&mut self, _: &Context) -> Result<Status> {
        let mut cart = self.cart.lock();
        match cart.target {
            Some(target) if target >= 100.0 => Ok(Status::busy("far to go")),
            Some(target) if cart.position + 1.0 < target => {
                cart.position += 1.0;
                Ok(Status::busy("going"))
            }
            Some(target) => {
                cart.position = target;
                cart.target = None;
                Ok(Status::idle())
            }
            None => Ok(Status::idle()),
        }
    }
}

impl Drop for Mule {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
        if let Some(line) = &self.options.line {
            LINES.lock().unwrap_or_else(PoisonError::into_inner).remove(line);
        }
    }
}

impl Device for Mule {
    type Options = MuleOptions;
    const TYPE: &'static str = "mule";

    fn open(options: MuleOptions, host: Host) -> Result<Self> {
        if let Some(line) = &options.line
            && !LINES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(line.clone())
        {
            return Err(Error::communication(format!("{line} is in use")));
        }
        Ok(Mule {
            host,
            options,
            cart: Shared::new(Cart::default()),
            wrote: Arc::default(),
        })
    }

    fn table(t: &mut Table<Self>) {
        t.simulated();
        t.parameter("position")
            .retarget()
            .tolerance(0.1)
            .no_poll()
            .read(|mule, _| Ok(mule.cart.lock().position))
            .write(Self::write);
        t.parameter::<f64>("load").published();
        t.parameter("returned")
            .doc("How many have come back from `hang`")
            .no_poll()
            .read(|_, _| Ok(RETURNED.load(Ordering::SeqCst) as i64));
        t.parameter("dropped")
            .doc("How many have been dropped")
            .no_poll()
            .read(|_, _| Ok(DROPPED.load(Ordering::SeqCst) as i64));
        t.command("hang").run(|mule: &mut Mule, cx: &Context| mule.hang(cx));
        t.command("doze")
            .doc("Waits, and looks whether it is to end")
            .run(|_: &mut Mule, seconds: f64, cx: &Context| cx.sleep(Duration::try_from_secs_f64(seconds)?));
        t.command("release").run(|_: &mut Mule, _: &Context| {
            *RELEASES.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            RELEASES.1.notify_all();
            Ok(())
        });
        t.command("log")
            .doc("What was done, in order")
            .run(|mule: &mut Mule, _: &Context| Ok(mule.cart.lock().log.join(", ")));
        t.message::<i64>("brayed", "It has come back");
        t.message::<i64>("stopping", "Its stopper was called");
        t.status(Self::status);
    }

    fn stopper(&self) -> Option<Stopper> {
        let (cart, wrote, waits) = (
            self.cart.clone(),
            Arc::clone(&self.wrote),
            self.options.waits_in_stopper,
        );
        let host = self.host.clone();
        let stop: Stopper = Box::new(move || {
            let before = {
                let mut cart = cart.lock();
                cart.log.push("stop".to_owned());
                cart.writes
            };
            host.send("stopping", 1);
            if waits {
                let guard = wrote.0.lock().unwrap_or_else(PoisonError::into_inner);
                drop(wrote.1.wait_timeout_while(guard, PATIENCE, |writes| *writes == before));
            }
            let mut cart = cart.lock();
            cart.log.push("stopped".to_owned());
            cart.target = None;
            Ok(())
        });
        self.options.has_stopper.then_some(stop)
    }
}
