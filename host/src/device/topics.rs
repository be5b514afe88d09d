//! The names by which a device sends: see the table in [`dispatcher`](crate::dispatcher).

use std::sync::Arc;

use baton_plugin_api::{HOST_MESSAGES, description::TableDescription};

use super::Parameter;
use crate::dispatcher::{Dispatcher, Topic};

/// See the module.
pub(crate) struct Topics {
    pub(crate) status: Arc<Topic>,
    pub(crate) connected: Arc<Topic>,
    pub(crate) disconnected: Arc<Topic>,
    pub(crate) locked_by: Arc<Topic>,
    pub(crate) lock: Arc<Topic>,
    pub(crate) call: Arc<Topic>,
    pub(crate) flooded: Arc<Topic>,
    pub(crate) stop: Arc<Topic>,
    pub(crate) stuck: Arc<Topic>,
    pub(crate) came_back: Arc<Topic>,
    pub(crate) left_behind: Arc<Topic>,
    /// In the order of the driver's table.
    pub(crate) parameters: Vec<ParameterTopics>,
    /// What its driver has declared, in the same order; `None` if its name is one of the host's.
    pub(crate) messages: Vec<Option<Arc<Topic>>>,
}

/// What a parameter sends.
pub(crate) struct ParameterTopics {
    pub(crate) changed: Arc<Topic>,
    pub(crate) target: Arc<Topic>,
    pub(crate) limits: Arc<Topic>,
}

impl Topics {
    pub(super) fn new(
        dispatcher: &Dispatcher,
        device: &Arc<str>,
        parameters: &[Parameter],
        table: &TableDescription,
    ) -> Self {
        let state = |message: &str| dispatcher.topic(device, message, true);
        let event = |message: &str| dispatcher.topic(device, message, false);
        let of_parameter = |parameter: &Parameter| {
            let sender = parameter.path();
            let topic = |message: &str| dispatcher.topic(sender, message, true);
            ParameterTopics {
                changed: topic("changed"),
                target: topic("target"),
                limits: topic("limits"),
            }
        };
        let declared = table.messages.iter().map(|declared| {
            let is_own = HOST_MESSAGES.iter().any(|own| own.eq_ignore_ascii_case(&declared.name));
            (!is_own).then(|| event(&declared.name))
        });
        Topics {
            status: state("status"),
            connected: state("connected"),
            disconnected: state("disconnected"),
            locked_by: state("locked_by"),
            lock: event("lock"),
            call: event("call"),
            flooded: event("flooded"),
            stop: event("stop"),
            stuck: event("stuck"),
            came_back: event("came_back"),
            left_behind: event("left_behind"),
            parameters: parameters.iter().map(of_parameter).collect(),
            messages: declared.collect(),
        }
    }
}
