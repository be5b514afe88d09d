//! `activate` and `deactivate`.

use super::{
    super::{
        node::{Module, Role},
        reply::{self, Line},
        request::Request,
    },
    Session,
};
use crate::dispatcher::{Pattern, Policy};

impl Session {
    /// Sends all that is known of one module or of all, then `active`; from then on what changes is sent.
    pub(super) fn activate(&mut self, request: Request<'_>) {
        let modules = match self.named(request) {
            Ok(modules) => modules,
            Err(refusal) => return self.fail(request, refusal),
        };
        for index in modules {
            self.subscribe(index);
        }
        self.answer(request, Line::new("active", request.specifier, ""));
    }

    /// Ends updates; those that are on their way are sent before the reply.
    pub(super) fn deactivate(&mut self, request: Request<'_>) {
        let modules = match self.named(request) {
            Ok(modules) => modules,
            Err(refusal) => return self.fail(request, refusal),
        };
        for index in modules {
            self.unsubscribe(index);
        }
        self.answer(request, Line::new("inactive", request.specifier, ""));
    }

    /// The places of the module that a request names, or of all of them.
    fn named(&self, request: Request<'_>) -> Result<std::ops::Range<usize>, crate::failure::Refusal> {
        let node = &self.shared.node;
        match request.specifier {
            "" | "." => Ok(0..node.modules().len()),
            name => node.find(name).map(|index| index..index + 1),
        }
    }

    fn subscribe(&mut self, index: usize) {
        self.unsubscribe(index);
        let module = &self.shared.node.modules()[index];
        let pattern = Pattern::states(&**module.device.name());
        let subscription = module.device.subscribe_to(pattern, Policy::Latest, &self.queue);
        for line in self.constants(module) {
            self.send(line);
        }
        self.subscriptions.insert(index, subscription);
    }

    /// What no device sends because it never changes.
    fn constants(&self, module: &Module) -> Vec<Line> {
        let constant = |role: Role| Some(reply::qualified(&module.constant(role)?, self.now(), None));
        let line = |accessible: &super::super::node::Accessible| {
            let specifier = format!("{}:{}", module.device.name(), accessible.name);
            Some(Line::new("update", &specifier, &constant(accessible.role)?))
        };
        module.accessibles().iter().filter_map(line).collect()
    }

    fn unsubscribe(&mut self, index: usize) {
        self.subscriptions.remove(&index);
    }

    pub(super) fn unsubscribe_all(&mut self) {
        self.subscriptions.clear();
    }
}
