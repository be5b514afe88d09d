//! What a user may set of a parameter besides its value: limits and zero. Both are permitted like a write (L7).

use std::sync::Arc;

use baton_plugin_api::Value;

use super::{Call, Executor, inbox::Action, submit::Caller};
use crate::{
    arbiter::{Doing, Target},
    device::{AcceptedLimits, Device},
    failure::Refusal,
};

impl Executor {
    /// Sets the user's limits of a parameter, or takes them back. It holds from this call's return on, also for writes
    /// that are queued.
    pub(crate) fn submit_limits(
        &self,
        device: &Arc<Device>,
        name: &str,
        limits: Option<(Value, Value)>,
        caller: &Caller,
    ) -> Result<AcceptedLimits, Refusal> {
        let parameter = device.parameter(name)?;
        let limits = parameter.check_limits(limits, caller.owner.label())?;
        let now = self.now();
        let what = Doing {
            verb: "limits",
            device: Arc::clone(device.name()),
            member: Arc::clone(parameter.name()),
        };
        let target = Target::parameter(device.place(), parameter.index());
        let _permit = self.arbiter().permit_change(&caller.owner, target, what, false)?;
        device.change(|change| change.set_limits(parameter.index(), limits, now))
    }

    /// Refuses what cannot be put right from here: the device is not connected, or stuck in its driver.
    pub(crate) fn refuse_if_gone(&self, device: &Device) -> Result<(), Refusal> {
        device.refuse_if_down(|| self.now())?;
        let state = device.worker().inbox.lock();
        match &state.stuck {
            Some(stuck) => Err(stuck.refusal(device, self.now())),
            None => Ok(()),
        }
    }

    /// Lets the place where a parameter is be what the user calls `value`. It is read on the worker for that.
    pub(crate) fn submit_zero(
        self: &Arc<Self>,
        device: &Arc<Device>,
        name: &str,
        value: Value,
        caller: &Caller,
    ) -> Result<Call, Refusal> {
        let parameter = device.parameter(name)?;
        let wanted = parameter.check_zero(value)?;
        let call = self.call(device, parameter.name(), "zero", caller);
        self.note_write(device, parameter, &wanted, &call, caller);
        let now = self.now();
        let action = Action::Zero {
            parameter: parameter.index(),
            wanted,
        };
        self.keep_permit(device, &action, &call, caller, now)?;
        device.change(|change| change.may_set_zero(parameter.index(), &call, now))?;
        self.push(device, action, &call, caller)?;
        Ok(call)
    }
}
