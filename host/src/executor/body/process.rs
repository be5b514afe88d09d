//! Devices whose driver is in a process of its own.

use super::Body;

impl Body {
    /// The process has died, perhaps while nobody was waiting for it: what was open there is not any more. What has been
    /// noticed by the call that was inside is closed already.
    pub(super) fn process_died(&mut self) {
        let Some(error) = self.source.home().and_then(|home| home.loss()) else {
            return;
        };
        for slot in 0..self.instances.len() {
            if self.instances[slot].raw.is_some() {
                self.lost(slot, &error);
            }
        }
    }

    /// Nothing is opened in it any more.
    pub(super) fn end_process(&self) {
        if let Some(home) = self.source.home() {
            home.close();
        }
    }
}
