//! What the audit log is told of calls (X5).

use std::sync::Arc;

use baton_plugin_api::Value;

use super::{Call, CallCore, Executor, submit::Caller};
use crate::{
    audit::{Asked, Audit, Entry, shown},
    clock::Time,
    device::{Device, Parameter, Reading},
    failure::Failure,
};

impl Executor {
    /// Has every call noted from now on. Once, before there are any.
    pub(crate) fn set_audit(&self, audit: Arc<Audit>) {
        self.audit.get_or_init(|| audit);
    }

    pub(crate) fn audit(&self) -> Option<&Arc<Audit>> {
        self.audit.get()
    }

    /// Keeps what a write is asked for, until it has ended.
    pub(super) fn note_write(&self, device: &Device, parameter: &Parameter, target: &Value, call: &Call, by: &Caller) {
        if self.audit().is_none() {
            return;
        }
        let old = device.last(parameter.index()).and_then(Result::ok);
        note(call, by, old.map(|old| shown(&old.value)).unwrap_or_default(), target);
    }

    /// Keeps what a command is asked for, until it has ended.
    pub(super) fn note_command(&self, argument: &Value, call: &Call, by: &Caller) {
        if self.audit().is_some() {
            note(call, by, serde_json::Value::Null, argument);
        }
    }

    /// Tells the log of a call that has ended. Reads change nothing, and are not its business.
    pub(super) fn note_ended(&self, call: &CallCore<Reading>, outcome: &Result<Reading, Failure>, now: Time) {
        let Some(audit) = self.audit().filter(|_| call.label.verb != "read") else {
            return;
        };
        let (outcome, error) = match outcome {
            Ok(_) => ("done", None),
            Err(failure) => (failure.outcome(), Some(failure.to_string())),
        };
        let entry = Entry::new(call.label.verb, call.owner.clone(), call.label.path(), call.accepted);
        let asked = call.asked.get().map(|asked| (**asked).clone());
        let entry = entry.asked(asked.unwrap_or_default());
        let elapsed = now.since(call.accepted);
        audit.record(entry.ended(outcome, error, elapsed).with("call", call.id));
    }
}

fn note(call: &Call, by: &Caller, old: serde_json::Value, new: &Value) {
    let asked = Asked {
        old,
        new: shown(new),
        through: by.chain.as_ref().map(|chain| chain.names()).unwrap_or_default(),
    };
    // A call is asked for once.
    let _ = call.core().asked.set(Box::new(asked));
}
