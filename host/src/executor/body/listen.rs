//! Listening: what an instrument says by itself reaches subscribers without anybody having asked.

use std::time::Duration;

use super::{Body, LISTENING, Task};

/// How long a device may take to listen. It does not wait for its instrument.
const LIMIT: Duration = Duration::from_secs(5);
/// How often a device may listen at most.
const LEAST: Duration = Duration::from_millis(1);

impl Body {
    /// Has a device listen every so often, if it says that it does.
    pub(super) fn plan_to_listen(&mut self, slot: usize) {
        if self.instances[slot].raw.is_none() {
            return;
        }
        if let Some(every) = self.instances[slot].device.config().table.listen {
            let every = Duration::try_from_secs_f64(every).unwrap_or_default().max(LEAST);
            self.plan(self.now() + every, slot, Task::Listen);
        }
    }

    /// Has the driver pass on what its instrument has said by itself. That says nothing of whether the instrument answers,
    /// but a line that has ended is noticed here.
    pub(super) fn listen(&mut self, slot: usize) {
        let heard = self.enter_alone(slot, &"".into(), LISTENING, LIMIT, |raw, cx| raw.listen(cx));
        if let Err(error) = heard {
            let device = self.instances[slot].device.name();
            tracing::debug!(device = %device, "{device}: listening: {}", error.message());
        }
        self.plan_to_listen(slot);
    }
}
