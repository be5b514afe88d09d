//! Locks, asked for by somebody who acts (RULES.md L).

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use super::{Lab, Owner};
use crate::{
    arbiter::{Arbiter, Asking, CommandTargets, DeviceTargets, Held, Hooks, LockEvent, Row, Target, TargetSet, Terms},
    clock::Time,
    config::{DeviceConfig, OnDisconnect},
    device::{Device, Parameter, split_path},
    executor::{Caller, Executor},
    failure::Refusal,
    owner::OwnerId,
};

/// What can be locked: devices and parameters, by themselves or by their names, alone, in tuples, arrays and vectors.
///
/// `"stage"` is the device with all its parameters; `"stage.position"` one parameter. A composite covers the devices that
/// it is made of.
pub trait Targets {
    /// Adds its targets.
    ///
    /// # Errors
    /// [`Refusal::NoSuchDevice`], [`Refusal::NoSuchParameter`], with the name that was probably meant.
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal>;

    /// All of it as one set.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    fn set(&self, lab: &Lab) -> Result<TargetSet, Refusal> {
        let mut found = Vec::new();
        self.collect(lab, &mut found)?;
        Ok(lab.arbiter().set(found))
    }
}

impl Targets for TargetSet {
    fn collect(&self, _: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        found.extend(self.named());
        Ok(())
    }

    fn set(&self, _: &Lab) -> Result<TargetSet, Refusal> {
        Ok(self.clone())
    }
}

impl Targets for str {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        let (device, parameter) = split_path(self);
        let device = lab.device(device)?;
        match parameter {
            "" => device.collect(lab, found),
            name => device.parameter(name)?.collect(lab, found),
        }
    }
}

impl Targets for String {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        self.as_str().collect(lab, found)
    }
}

impl Targets for Device {
    fn collect(&self, _: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        found.push(Target::device(self.place()));
        Ok(())
    }
}

impl Targets for Parameter {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        let device = lab.device(split_path(self.path()).0)?;
        found.push(Target::parameter(device.place(), self.index()));
        Ok(())
    }
}

impl<T: Targets + ?Sized> Targets for &T {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        (**self).collect(lab, found)
    }

    fn set(&self, lab: &Lab) -> Result<TargetSet, Refusal> {
        (**self).set(lab)
    }
}

impl<T: Targets + ?Sized> Targets for Arc<T> {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        (**self).collect(lab, found)
    }
}

impl<T: Targets> Targets for [T] {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        self.iter().try_for_each(|targets| targets.collect(lab, found))
    }
}

impl<T: Targets, const N: usize> Targets for [T; N] {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        self.as_slice().collect(lab, found)
    }
}

impl<T: Targets> Targets for Vec<T> {
    fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
        self.as_slice().collect(lab, found)
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Targets),*> Targets for ($($name,)*) {
            fn collect(&self, lab: &Lab, found: &mut Vec<Target>) -> Result<(), Refusal> {
                #[allow(non_snake_case, reason = "each variable is called after its type")]
                let ($($name,)*) = self;
                $($name.collect(lab, found)?;)*
                Ok(())
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

/// A request for a lock, to be awaited, or waited for by [`blocking`](Self::blocking).
///
/// Without [`wait`](Self::wait) it is granted or refused at once.
#[must_use = "a lock is asked for when this is awaited"]
pub struct LockRequest {
    asking: Result<Asking, Refusal>,
}

impl LockRequest {
    /// Says why, to whoever is kept off meanwhile.
    pub fn note(self, note: impl AsRef<str>) -> Self {
        let note = Some(note.as_ref()).filter(|note| !note.is_empty()).map(Arc::from);
        self.on(|terms| terms.note = note)
    }

    /// Waits so long, on the lab's clock; for ever with [`Duration::MAX`].
    pub fn wait(self, wait: Duration) -> Self {
        self.on(|terms| terms.wait = wait)
    }

    /// Lets the lock end by itself so long after it was granted (L6).
    pub fn lease(self, lease: Duration) -> Self {
        self.on(|terms| terms.lease = Some(lease))
    }

    fn on(mut self, change: impl FnOnce(&mut Terms)) -> Self {
        if let Some(terms) = self.asking.as_mut().ok().and_then(Asking::terms) {
            change(terms);
        }
        self
    }

    /// Blocks until it is granted or refused. Not for async code.
    ///
    /// # Errors
    /// As [`Owner::lock`]. Inline, what is not free when the wait ends is [`Refusal::WouldDeadlock`] (I4).
    pub fn blocking(self) -> Result<Held, Refusal> {
        self.asking?.wait()
    }
}

impl IntoFuture for LockRequest {
    type Output = Result<Held, Refusal>;
    type IntoFuture = Locking;

    fn into_future(self) -> Locking {
        Locking {
            asking: self.asking.map_err(Some),
        }
    }
}

/// A lock that is asked for: a future that resolves to its guard.
///
/// # Cancel safety
/// Dropping it withdraws the request: nothing is held, and the place in the queue is lost.
#[must_use = "a lock is asked for when this is awaited"]
pub struct Locking {
    asking: Result<Asking, Option<Refusal>>,
}

impl Future for Locking {
    type Output = Result<Held, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.asking {
            Ok(asking) => Pin::new(asking).poll(cx),
            Err(refusal) => Poll::Ready(Err(refusal.take().expect("it is polled until it is ready"))),
        }
    }
}

impl Owner {
    /// Asks for a lock on all of these at once: inside it, nobody else writes to them, nor runs a command (L1, L7).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn scan(lab: baton_host::lab::Lab) -> Result<(), Box<dyn std::error::Error>> {
    /// let me = lab.owner("scan");
    /// let (stage, pump) = (lab.device("stage")?, lab.device("pump")?);
    /// let held = me
    ///     .lock((stage, pump.parameter("flow")?))
    ///     .note("tomo run 12")
    ///     .wait(Duration::from_secs(5))
    ///     .await?;
    /// me.set("stage", "1 mm")?.await?;
    /// held.release().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of the request: `NoSuchDevice`, `NoSuchParameter`, `NoTargets`; [`Refusal::Locked`] with who is in the way when the
    /// wait is over; [`Refusal::WouldDeadlock`] at once if the wait would never end.
    ///
    /// # Cancel safety
    /// Dropping what is awaited withdraws the request; nothing is held.
    pub fn lock(&self, targets: impl Targets) -> LockRequest {
        let set = targets.set(&self.lab);
        LockRequest {
            asking: set.map(|set| self.lab.arbiter().ask(&self.id, set, Terms::default())),
        }
    }

    /// Breaks the locks of `holder`, the [number](OwnerId::number) of an owner, on these (L9). Gives what was broken.
    ///
    /// # Errors
    /// [`Refusal::NotTheHolder`] if nobody has them, [`Refusal::Locked`] if somebody else has.
    pub fn break_lock(&self, targets: impl Targets, holder: u64) -> Result<Vec<String>, Refusal> {
        let set = targets.set(&self.lab)?;
        let broken = self.lab.arbiter().break_lock(&self.id, &set, holder);
        broken.inspect_err(|refusal| self.note_refused("break", &self.names(&set), refusal))
    }

    /// Protects these from being written by anybody, until they are unprotected, or for good (L10).
    ///
    /// # Errors
    /// [`Refusal::Locked`] if somebody else has any of it.
    pub fn protect(&self, targets: impl Targets, note: Option<&str>, permanent: bool) -> Result<(), Refusal> {
        let set = targets.set(&self.lab)?;
        let note = note.filter(|note| !note.is_empty()).map(Arc::from);
        let protected = self.lab.arbiter().protect(&self.id, &set, note, permanent);
        protected.inspect_err(|refusal| self.note_refused("protect", &self.names(&set), refusal))
    }

    /// Lets these be written again.
    ///
    /// # Errors
    /// [`Refusal::NotProtected`], [`Refusal::PartOf`], and [`Refusal::Protected`] for what is protected for good.
    pub fn unprotect(&self, targets: impl Targets) -> Result<(), Refusal> {
        let set = targets.set(&self.lab)?;
        let unprotected = self.lab.arbiter().unprotect(&self.id, &set);
        unprotected.inspect_err(|refusal| self.note_refused("unprotect", &self.names(&set), refusal))
    }

    fn names(&self, set: &TargetSet) -> String {
        self.lab.arbiter().names(set).join(", ")
    }

    /// Ends all locks and waits of this owner, on whatever connection or task they were asked for (O2).
    pub fn leave(&self) {
        self.lab.arbiter().leave(&self.id);
    }
}

impl Lab {
    /// Decides who may write to what.
    pub fn arbiter(&self) -> &Arc<Arbiter> {
        self.inner.executor.arbiter()
    }

    /// Who has what, since when and why, and who waits for it.
    pub fn who(&self) -> Vec<Row> {
        self.arbiter().who()
    }

    /// Has an observer told of everything that happens to locks; see [`Arbiter::observe`].
    pub fn observe_locks(&self, observer: impl Fn(&LockEvent) + Send + Sync + 'static) {
        self.arbiter().observe(observer);
    }

    /// Targets as one set, to be locked again and again.
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`.
    pub fn targets(&self, targets: impl Targets) -> Result<TargetSet, Refusal> {
        targets.set(self)
    }
}

/// What the arbiter has to know of a device.
pub(super) fn targets_of(device: &DeviceConfig) -> DeviceTargets {
    let table = &device.table;
    let member = |member: &crate::config::MemberConfig| (member.device.clone(), member.parameter.clone());
    let command = |command: &baton_plugin_api::description::CommandDescription| CommandTargets {
        name: command.name.clone(),
        touches: command.touches.clone(),
    };
    DeviceTargets {
        name: device.name.clone(),
        parameters: table
            .parameters
            .iter()
            .map(|parameter| parameter.name.clone())
            .collect(),
        commands: table.commands.iter().map(command).collect(),
        members: device.members.iter().map(member).collect(),
        controller: device.controller.clone(),
        stop_on_disconnect: device.on_disconnect == OnDisconnect::Stop,
    }
}

/// What the arbiter has the executor do.
pub(super) struct ByExecutor(pub(super) Weak<Executor>);

impl Hooks for ByExecutor {
    fn stop(&self, device: usize, owner: &OwnerId) {
        let Some(executor) = self.0.upgrade() else { return };
        if let Some(device) = executor.devices().all().get(device) {
            let by = OwnerId::new(format!("the host, because a lock of {owner} has ended"));
            executor.submit_stop(device, &Caller::new(by));
        }
    }

    fn alarm(&self) {
        if let Some(executor) = self.0.upgrade() {
            executor.alarm();
        }
    }

    fn run_here(&self, until: Option<Time>, done: &mut dyn FnMut() -> bool) -> bool {
        self.0.upgrade().is_some_and(|executor| executor.run_here(until, done))
    }
}
