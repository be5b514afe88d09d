//! Watching what moves until it has arrived.

use std::sync::Arc;

use baton_plugin_api::Status;

use super::{Body, Task};
use crate::{
    clock::Time,
    device::{Device, Way},
    executor::{
        Caller,
        motion::{Look, Motion},
    },
    owner::OwnerId,
};

impl Body {
    /// Takes a motion and has a first look at it: what is done at once is resolved at once.
    pub(super) fn watch(&mut self, slot: usize, motion: Motion) {
        let instance = &mut self.instances[slot];
        // A write that superseded another takes its place.
        instance.motions.retain(|other| other.way != motion.way);
        instance.motions.push(motion);
        self.tick(slot);
    }

    /// Reads status and readbacks of what moves, and decides for each motion whether it goes on.
    pub(super) fn tick(&mut self, slot: usize) {
        self.forget_superseded(slot);
        if self.instances[slot].motions.is_empty() {
            return;
        }
        let moving = self.instances[slot]
            .motions
            .iter()
            .any(|motion| motion.way == Way::Motion);
        let status = if moving { self.status(slot, None) } else { None };
        let busy = matches!(&status, Some(Ok(status)) if status.is_busy());
        for index in (0..self.instances[slot].motions.len()).rev() {
            // The device may be lost meanwhile, and its motions with it.
            if index < self.instances[slot].motions.len() {
                self.look(slot, index, status.as_ref(), busy);
            }
        }
        let now = self.now();
        if let Some(interval) = self.instances[slot]
            .motions
            .iter()
            .map(|motion| motion.interval(now))
            .min()
        {
            self.plan_tick(slot, now + interval);
        }
    }

    /// Plans the next look, unless there is one by then.
    pub(super) fn plan_tick(&mut self, slot: usize, due: Time) {
        if self.instances[slot].next_tick.is_none_or(|next| due < next) {
            self.instances[slot].next_tick = Some(due);
            self.plan(due, slot, Task::Tick);
        }
    }

    /// Calls that a later write has superseded, or a watchdog has given up, are resolved already.
    fn forget_superseded(&mut self, slot: usize) {
        let instance = &mut self.instances[slot];
        instance.motions.retain(|motion| !motion.call.is_resolved());
    }

    fn look(
        &mut self,
        slot: usize,
        index: usize,
        status: Option<&Result<Status, baton_plugin_api::Error>>,
        busy: bool,
    ) {
        let device = Arc::clone(&self.instances[slot].device);
        let motion = &mut self.instances[slot].motions[index];
        if motion.epoch != device.current_epoch() || motion.call.is_cancelled() {
            motion.stopped(&device.stopped_by(), self.executor.now());
        }
        // A readback costs an exchange with the instrument: while a motion goes on, that of what moves.
        let parameter = motion.parameter();
        let wanted = parameter.is_some() || busy;
        let parameter = parameter.or_else(|| device.main().map(|main| main.index()));
        let readable = parameter.filter(|&index| wanted && device.parameters()[index].description().readable);
        let readback = readable.map(|parameter| self.read(slot, parameter, None));
        let now = self.now();
        let Some(motion) = self.instances[slot].motions.get_mut(index) else {
            return;
        };
        match motion.look(&device, status, readback.as_ref(), now) {
            Look::Wait => {}
            Look::Write(step) => self.write_step(slot, index, step),
            Look::Stop => self.stop_overdue(&device),
            Look::End(outcome) => {
                let motion = self.instances[slot].motions.remove(index);
                let outcome = outcome.map_err(|failure| motion.explain(&device, failure));
                self.settle(slot, &motion.call, outcome);
            }
        }
    }

    /// A motion has overrun its limit, or cannot be watched: it is stopped, whatever the driver has for that (S4).
    fn stop_overdue(&self, device: &Arc<Device>) {
        self.stop_for(device, "the host, because it overran its limit");
    }

    /// Stops what moves although its call was given up: nobody waits for it, and nobody expects it any more.
    pub(super) fn stop_given_up(&self, slot: usize) {
        self.stop_for(&self.instances[slot].device, "the host, because its call was given up");
    }

    /// Stops a device before this worker does anything else: a stop from a thread of its own could come late, and end the
    /// next motion. What has no stopper, or one that fails, is stopped at the head of the queue.
    fn stop_for(&self, device: &Arc<Device>, why: &str) {
        let caller = Caller::new(OwnerId::new(why));
        let stopper = self.worker.stopper(device.slot());
        match stopper {
            Some(stopper) if self.call_stopper(device, &stopper).is_ok() => {
                self.executor.look_after_stop(device, &caller);
            }
            _ => {
                self.executor.call_stop(device, &caller);
            }
        }
    }
}
