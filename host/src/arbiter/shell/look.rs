//! What a server shows of locks.

use std::time::Duration;

use super::{Arbiter, Asking, asking::Stage};
use crate::failure::Refusal;

impl Asking {
    /// Who is in the way, told as a refusal after `waited`; `None` if it does not wait.
    pub(crate) fn in_the_way(&self, waited: Duration) -> Option<Refusal> {
        let Stage::Waiting(ticket) = &self.stage else {
            return None;
        };
        let state = self.arbiter.lock();
        let wait = state.tickets.get(*ticket)?.wait?;
        let (blocker, request) = state.table.blocker_of(wait)?;
        let now = self.arbiter.clock.now();
        Some(self.arbiter.explain(&state, blocker, &request.set, now, waited))
    }
}

impl Arbiter {
    /// Who has the device of that place in the lab, or parts of it, in one line: `ana@beamline`, or `flow: ana@beamline`;
    /// empty if nobody has.
    pub(crate) fn locked_by(&self, device: usize) -> String {
        let state = self.lock();
        let mut holders: Vec<_> = state.table.holders_at(device).collect();
        holders.sort_by_key(|(owner, target)| (owner.number(), *target));
        holders.dedup_by_key(|(owner, target)| (owner.number(), *target));
        let mut parts: Vec<String> = Vec::new();
        for (owner, target) in holders {
            let name = self.targets.name(target);
            parts.push(match name.split_once('.') {
                Some((_, parameter)) => format!("{parameter}: {owner}"),
                None => owner.to_string(),
            });
        }
        parts.join("; ")
    }
}
