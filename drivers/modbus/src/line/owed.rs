//! Answers that are owed, on a line where they carry no number.

use std::time::Instant;

use baton_plugin_api::Result;

use super::{Call, Framing, Line, frame::Taken};
use crate::pdu::Request;

/// An answer that may still come.
pub(super) struct Owed {
    unit: u8,
    request: Request,
    /// Until when it is waited for.
    until: Instant,
    /// Whether it was waited for in vain. It may come all the same.
    is_written_off: bool,
    /// Whether anything at all was heard since.
    was_heard_since: bool,
}

impl Owed {
    /// The answer to a request that was given up just now. As long again as it had is what it gets.
    pub(super) fn new(request: &Request, call: &Call<'_>) -> Self {
        Owed {
            unit: call.unit,
            request: request.clone(),
            until: Instant::now() + call.reply_timeout,
            is_written_off: false,
            was_heard_since: false,
        }
    }

    /// The time for it is over.
    #[cfg(test)]
    pub(super) fn expire(&mut self) {
        self.until = Instant::now();
    }

    /// It has so much time.
    #[cfg(test)]
    pub(super) fn extend(&mut self, time: std::time::Duration) {
        self.until = Instant::now() + time;
    }

    fn concerns(&self, request: &Request, unit: u8) -> bool {
        self.unit == unit && request.is_confused_with(&self.request)
    }
}

impl Line {
    /// Waits for the answers that could be taken for one to `request`. Where they do not come, and nobody else has spoken
    /// since either, the line is connected anew, if that helps.
    pub(super) fn settle_debts(&mut self, request: &Request, call: &Call<'_>) -> Result<()> {
        while let Some(index) = self
            .owed
            .iter()
            .position(|owed| !owed.is_written_off && owed.concerns(request, call.unit))
        {
            let (until, earlier) = (self.owed[index].until, self.owed[index].request.clone());
            if self.is_paid(&earlier, until, call)? {
                self.owed.remove(index);
            } else if self.transport.has_connections() && !self.owed[index].was_heard_since {
                return self.connect_anew();
            } else {
                self.owed[index].is_written_off = true;
            }
        }
        Ok(())
    }

    /// Waits until the answer to an earlier request comes. Noise in its stead will do: it is over then.
    fn is_paid(&mut self, earlier: &Request, until: Instant, call: &Call<'_>) -> Result<bool> {
        let framing = Framing::Rtu {
            silence: Default::default(),
        };
        let sent = framing.frame(0, call.unit, earlier);
        loop {
            match framing.take(&mut self.received, &sent, call.unit) {
                Taken::Answer(_) | Taken::Wrong(_) => return Ok(true),
                Taken::Another(frame) => {
                    self.pay(&frame);
                    continue;
                }
                Taken::Nothing | Taken::OutOfStep(_) => {}
            }
            let came = self.wait(until, call)?;
            if came == 0 && self.is_garbled(&sent) {
                return Ok(true);
            }
            if came == 0 && Instant::now() >= until {
                return Ok(false);
            }
        }
    }

    /// Notes that an answer has come which nobody waits for any more.
    pub(super) fn pay(&mut self, frame: &[u8]) {
        let &[unit, function, ..] = frame else { return };
        let paid = |owed: &Owed| owed.unit == unit && owed.request.function() == function & 0x7F;
        if let Some(paid) = self.owed.iter().position(paid) {
            self.owed.remove(paid);
        }
    }

    /// Notes which answers are among what has come in.
    pub(super) fn pay_what_came(&mut self) {
        let framing = self.framing;
        let mut received = std::mem::take(&mut self.received);
        self.owed.retain(|owed| {
            let sent = framing.frame(0, owed.unit, &owed.request);
            !matches!(framing.take(&mut received, &sent, owed.unit), Taken::Answer(_))
        });
    }

    /// Whether an answer that was waited for in vain could be taken for the one to `request`; from now on it is forgotten.
    pub(super) fn doubts(&mut self, request: &Request, unit: u8) -> bool {
        let before = self.owed.len();
        self.owed
            .retain(|owed| !(owed.is_written_off && owed.concerns(request, unit)));
        self.owed.len() < before
    }

    /// Notes that something has come in.
    pub(super) fn hear(&mut self) {
        self.owed.iter_mut().for_each(|owed| owed.was_heard_since = true);
    }
}
