//! Calls that were made from inside other calls (C7).

use std::sync::Arc;

use crate::device::Device;

/// The epochs of a composite's members, and theirs, when the outermost call was accepted.
pub(super) type Epochs = Arc<[(Arc<Device>, u64)]>;

/// A call inside a driver from which another was made.
pub(crate) struct Chain {
    pub(super) worker: usize,
    pub(super) device: Arc<Device>,
    /// The device's epoch when its call was accepted.
    pub(super) epoch: u64,
    /// Those of all members below the outermost call: a nested write is valid under these only (S1).
    pub(super) epochs: Option<Epochs>,
    pub(super) above: Option<Arc<Chain>>,
    /// Whether the outermost call is a write or command, and so holds all its members: calls below need no permit.
    pub(super) holds: bool,
}

impl Chain {
    /// From the outermost call on.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.links().map(|link| Arc::clone(link.device.name())).collect();
        names.reverse();
        names
    }

    fn links(&self) -> impl Iterator<Item = &Chain> {
        std::iter::successors(Some(self), |link| link.above.as_deref())
    }

    pub(super) fn contains(&self, worker: usize) -> bool {
        self.links().any(|link| link.worker == worker)
    }

    /// Whether any device further up was stopped since its call was accepted.
    pub(super) fn was_stopped(&self) -> bool {
        self.links().any(|link| link.device.current_epoch() != link.epoch)
    }

    /// The epoch under which a nested write to `member` is valid.
    pub(super) fn epoch_of(&self, member: &Device) -> u64 {
        let seen = self.epochs.iter().flat_map(|epochs| epochs.iter());
        let seen = seen.into_iter().find(|(device, _)| device.name() == member.name());
        seen.map_or_else(|| member.current_epoch(), |(_, epoch)| *epoch)
    }
}
