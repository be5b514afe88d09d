//! What a new subscriber is told first (M5).

use std::sync::Arc;

use baton_plugin_api::{Error, ErrorKind, Time, Value};

use super::{Change, Connection, Payload, ReadingError, disconnected};
use crate::dispatcher::{Joining, Known};

impl Change<'_> {
    /// Attaches a subscription to all of the device that it wants. First comes what was sent since `since`, as far as it is
    /// kept, then what is known.
    pub(in crate::device) fn join(&mut self, joining: &Joining, since: Option<Time>) {
        let device = self.device;
        if !joining.pattern().may_want(&device.name) {
            return;
        }
        for index in 0..device.parameters.len() {
            self.join_parameter(joining, index, since);
        }
        let topics = &device.topics;
        let at = self.state.status_since;
        let (connected, gone) = match &self.state.connection {
            Connection::Opening => (None, None),
            Connection::Up { since } => (Some(Known::Now(Payload::Value(Value::Unit), *since)), None),
            Connection::Down { since, cause } => (None, Some(Known::Now(disconnected(cause), *since))),
        };
        let locked_by = self.state.locked_by.as_ref();
        let locked_by =
            locked_by.map(|(owner, since)| Known::Now(Payload::Value(Value::Text(owner.to_string())), *since));
        let status = Known::Now(Payload::Status(self.state.shown()), at);
        joining.attach(&topics.connected, connected, self.displaced);
        joining.attach(&topics.disconnected, gone, self.displaced);
        joining.attach(&topics.status, Some(status), self.displaced);
        joining.attach(&topics.locked_by, locked_by, self.displaced);
        let events = [
            &topics.lock,
            &topics.call,
            &topics.flooded,
            &topics.stop,
            &topics.stuck,
            &topics.came_back,
            &topics.left_behind,
        ];
        for topic in events.into_iter().chain(topics.messages.iter().flatten()) {
            joining.attach(topic, None, self.displaced);
        }
    }

    fn join_parameter(&mut self, joining: &Joining, index: usize, since: Option<Time>) {
        let device = self.device;
        let (parameter, topics) = (&device.parameters[index], &device.topics.parameters[index]);
        // A parameter that can only be written has no reading before it was.
        let has_one = parameter.description().readable || parameter.description().published;
        let unread = || {
            let text = format!("{} has not been read yet", parameter.path());
            Err(ReadingError {
                error: Error::new(ErrorKind::ReadFailed, text),
                time: self.state.status_since,
            })
        };
        let known = |reading: super::LastReading| {
            let time = match &reading {
                Ok(reading) => reading.time,
                Err(error) => error.time,
            };
            Known::Now(Payload::Reading(reading), time)
        };
        let reading = self.state.readings[index].clone().or_else(|| has_one.then(unread));
        let target = self.state.targets[index].clone().map(Ok);
        let target = target.or_else(|| device.is_target(index).then(unread));
        let limits = parameter.can_have_limits().then(|| {
            let limits = Payload::Limits(Arc::new(parameter.limits()));
            Known::Now(limits, self.state.status_since)
        });
        let history = since.map(|since| self.state.history[index].since(since).map(Known::Sent));
        let mut readings: Vec<_> = history.into_iter().flatten().collect();
        // What was sent last may be what is known.
        let is_last = |known: &Known, reading: &super::LastReading| matches!(known, Known::Sent(sent) if matches!(sent.payload(), Payload::Reading(last) if last == reading));
        let reading = reading.filter(|reading| !readings.last().is_some_and(|last| is_last(last, reading)));
        readings.extend(reading.map(known));
        joining.attach(&topics.changed, readings, self.displaced);
        joining.attach(&topics.target, target.map(known), self.displaced);
        joining.attach(&topics.limits, limits, self.displaced);
    }
}
