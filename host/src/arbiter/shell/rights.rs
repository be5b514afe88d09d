//! Breaking, protecting, and taking that back.

use std::{sync::Arc, time::Duration};

use super::{Aftermath, Arbiter, Effects, Happened, TargetSet};
use crate::{
    arbiter::table::{NotBroken, Protection, Unchanged},
    failure::Refusal,
    owner::OwnerId,
};

impl Arbiter {
    /// Breaks the locks on a target, if `holder`, the [number](OwnerId::number) of an owner, has them: whoever looked and
    /// came too late does not break those of the next. Gives what was broken, by name. What the old holder's calls do is
    /// theirs until they are resolved, or is stopped, as the config says (L6); their writes are refused from now on, until
    /// they end the lock or lock anew (L9).
    ///
    /// # Errors
    /// [`Refusal::NotTheHolder`] if nobody has it; [`Refusal::Locked`] with who has it, if that is somebody else.
    pub fn break_lock(&self, by: &OwnerId, target: &TargetSet, holder: u64) -> Result<Vec<String>, Refusal> {
        let now = self.clock.now();
        let mut state = self.lock();
        let mut effects = Effects::at(now);
        let lost = match state.table.break_lock(target, holder, by, now, &mut effects) {
            Ok(lost) => lost,
            Err(NotBroken::Free) => {
                let path = self.names(target).join(", ");
                return Err(Refusal::NotTheHolder { path });
            }
            Err(NotBroken::Other(grant, part)) => {
                return Err(self.locked(&state, grant, part, target, now, Duration::ZERO));
            }
        };
        let mut names = Vec::new();
        for (grant, gone) in lost {
            names.extend(self.names(&gone));
            if let Some(grant) = state.table.grant_at(grant) {
                let (owner, note) = (grant.owner.clone(), grant.note.clone());
                self.note(&mut state, Happened::Broken { by: by.clone() }, &owner, &gone, note);
            }
        }
        self.conclude(state, effects, Aftermath::default());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Protects targets from being written by anybody, whoever protects them included, until they are unprotected; for
    /// good, if `permanent` (L10). It outlives its owner.
    ///
    /// # Errors
    /// [`Refusal::Locked`] if somebody else has any of it.
    pub fn protect(
        &self,
        by: &OwnerId,
        set: &TargetSet,
        note: Option<Arc<str>>,
        permanent: bool,
    ) -> Result<(), Refusal> {
        if set.is_empty() {
            return Err(Refusal::NoTargets);
        }
        let now = self.clock.now();
        let mut state = self.lock();
        let protection = Protection {
            by: by.clone(),
            set: set.clone(),
            note: note.clone(),
            since: now,
            permanent,
        };
        if let Err(unchanged) = state.table.protect(protection) {
            return Err(self.unchanged(&state, unchanged, set));
        }
        self.note(&mut state, Happened::Protected { permanent }, by, set, note);
        self.conclude(state, Effects::at(now), Aftermath::default());
        Ok(())
    }

    /// Lets targets be written again; anybody may do that.
    ///
    /// # Errors
    /// [`Refusal::Protected`] if one is protected for good, [`Refusal::PartOf`] if one is protected only as a part of
    /// something greater, [`Refusal::NotProtected`] if none is. Then nothing changes.
    pub fn unprotect(&self, by: &OwnerId, set: &TargetSet) -> Result<(), Refusal> {
        let mut state = self.lock();
        if let Err(unchanged) = state.table.unprotect(set) {
            return Err(self.unchanged(&state, unchanged, set));
        }
        self.note(&mut state, Happened::Unprotected, by, set, None);
        self.conclude(state, Effects::at(self.clock.now()), Aftermath::default());
        Ok(())
    }

    fn unchanged(&self, state: &super::State, unchanged: Unchanged, set: &TargetSet) -> Refusal {
        let now = self.clock.now();
        let path = || self.names(set).join(", ");
        match unchanged {
            Unchanged::Locked(grant, target) => self.locked(state, grant, target, set, now, Duration::ZERO),
            Unchanged::Permanent(key, target) => self.protected(state, key, target, set, now),
            Unchanged::PartOf(whole) => Refusal::PartOf {
                path: path(),
                whole: self.targets.name(whole),
            },
            Unchanged::Not => Refusal::NotProtected { path: path() },
        }
    }
}
