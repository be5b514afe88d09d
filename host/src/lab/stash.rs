//! Stash and restore: what devices are set to, put aside and brought back.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{DeviceClass, Value};

use super::Owner;
use crate::{
    device::{Device, Parameter, Reading},
    executor::{Call, WaitError},
    failure::{Failure, Refusal},
};

/// How long one reading or write may take, beyond what the host itself allows: it resolves every call.
const NEVER: Duration = Duration::from_secs(31_536_000);

/// What one device was set to.
///
/// There is one level: a stash is a value, which can be restored as often as one likes, and is made anew to be replaced.
#[derive(Clone, Debug)]
pub struct Stash {
    device: Arc<str>,
    /// In the driver's order.
    values: Vec<Stashed>,
}

/// One parameter of a [`Stash`].
#[derive(Clone, Debug)]
pub struct Stashed {
    /// Its name.
    pub name: Arc<str>,
    /// What it was set to, or why that could not be read.
    pub value: Result<Value, Failure>,
}

/// What became of one parameter when a stash was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Its path.
    pub path: Arc<str>,
    /// What became of it.
    pub outcome: Outcome,
}

/// See [`Restored`].
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was written, and is there.
    Done(Reading),
    /// It was that already.
    Unchanged,
    /// It was not available when the stash was made, and is never written as something else.
    NotAvailable,
    /// Writing it moves the device, which was not asked for.
    WouldMove,
    /// It could not be read or written.
    Failed(Failure),
}

impl Outcome {
    /// Whether it is what it was.
    pub fn is_there(&self) -> bool {
        matches!(self, Outcome::Done(_) | Outcome::Unchanged)
    }
}

impl Stash {
    /// The device that it is of.
    pub fn device(&self) -> &Arc<str> {
        &self.device
    }

    /// What it holds, in the driver's order.
    pub fn values(&self) -> &[Stashed] {
        &self.values
    }
}

impl Owner {
    /// Reads what a device is set to: every parameter that can be read and written, from the hardware. Of a parameter that
    /// is on its way somewhere, that is where it goes. Nothing is written.
    ///
    /// # Errors
    /// `NoSuchDevice`. What cannot be read is in the stash as such.
    ///
    /// ```no_run
    /// # async fn scan(me: baton_host::lab::Owner) -> Result<(), Box<dyn std::error::Error>> {
    /// let before = me.stash("stage")?.await?;
    /// me.set("stage.velocity", "1 mm/s")?.await?;
    /// for restored in me.restore(&before)?.await? {
    ///     println!("{}: {:?}", restored.path, restored.outcome);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stash(&self, device: &str) -> Result<Call<Stash>, Refusal> {
        let device = Arc::clone(self.lab.device(device)?);
        let (me, what) = (self.clone(), format!("stash {}", device.name()));
        Ok(self.lab.call(&what, move || Stash {
            device: Arc::clone(device.name()),
            values: settings(&device)
                .map(|parameter| me.stashed(&device, parameter))
                .collect(),
        }))
    }

    /// Writes back what is different now, one after the other, and says what became of each. The device does not move for
    /// it: its main parameter is left where it is, if writing it would.
    ///
    /// # Errors
    /// `NoSuchDevice`.
    pub fn restore(&self, stash: &Stash) -> Result<Call<Vec<Restored>>, Refusal> {
        self.restore_all(stash, false)
    }

    /// As [`restore`](Self::restore); at the end, the device moves to where it was sent.
    ///
    /// # Errors
    /// `NoSuchDevice`.
    pub fn restore_and_move(&self, stash: &Stash) -> Result<Call<Vec<Restored>>, Refusal> {
        self.restore_all(stash, true)
    }

    fn restore_all(&self, stash: &Stash, moves: bool) -> Result<Call<Vec<Restored>>, Refusal> {
        let device = Arc::clone(self.lab.device(&stash.device)?);
        let (me, stash, what) = (self.clone(), stash.clone(), format!("restore {}", device.name()));
        Ok(self.lab.call(&what, move || {
            let mut known: Vec<_> = settings(&device)
                .filter_map(|parameter| {
                    let stashed = stash.values.iter().find(|stashed| stashed.name == *parameter.name())?;
                    Some((parameter, stashed))
                })
                .collect();
            // What moves comes last, when speeds are what they were.
            known.sort_by_key(|(parameter, _)| is_motion(&device, parameter));
            let restored = known.into_iter().map(|(parameter, stashed)| Restored {
                path: Arc::clone(parameter.path()),
                outcome: me.restored(&device, parameter, stashed, moves),
            });
            restored.collect()
        }))
    }

    fn stashed(&self, device: &Device, parameter: &Parameter) -> Stashed {
        let name = Arc::clone(parameter.name());
        let value = self.value_now(parameter).map(|value| {
            let target = device.target(parameter.index()).map(|target| target.value);
            let is_main = device.main().is_some_and(|main| main.index() == parameter.index());
            target.filter(|_| is_main).unwrap_or(value)
        });
        Stashed { name, value }
    }

    fn restored(&self, device: &Device, parameter: &Parameter, stashed: &Stashed, moves: bool) -> Outcome {
        let Ok(wanted) = &stashed.value else {
            return Outcome::NotAvailable;
        };
        match self.stashed(device, parameter).value {
            Err(failure) => return Outcome::Failed(failure),
            Ok(now) if parameter.arrived(wanted, &now) => return Outcome::Unchanged,
            Ok(_) => {}
        }
        if is_motion(device, parameter) && !moves {
            return Outcome::WouldMove;
        }
        match end(self.set(parameter.path(), wanted.clone())) {
            Ok(reading) => Outcome::Done(reading),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    fn value_now(&self, parameter: &Parameter) -> Result<Value, Failure> {
        end(self.get(parameter.path())).map(|reading| reading.value)
    }
}

/// What a call came to; a refusal is a failure here.
fn end(call: Result<Call, Refusal>) -> Result<Reading, Failure> {
    match call?.wait(NEVER) {
        Ok(reading) => Ok(reading),
        Err(WaitError::Failed(failure)) => Err(failure),
        Err(WaitError::StillRunning(call)) => Err(Failure::Cancelled {
            path: call.core().label.path(),
        }),
    }
}

/// What can be read and written.
fn settings(device: &Device) -> impl Iterator<Item = &Parameter> {
    let parameters = device.parameters().iter();
    parameters.filter(|parameter| parameter.description().readable && parameter.description().writable)
}

/// Whether writing it moves something.
fn is_motion(device: &Device, parameter: &Parameter) -> bool {
    device.class() == DeviceClass::Drivable && device.main().is_some_and(|main| main.index() == parameter.index())
}
