//! Options of a driver: checked against its schema, with quantities as numbers and files absolute.

use baton_plugin_api::{
    diagnostic::{Diagnostic, Place},
    source::{Checked, Mark, MarkKind, Node, NodeValue},
};
use schemars::Schema;
use serde_json::Value as Json;

use super::{Resolver, Section, indirect::LookedUp, quantity};
use crate::config::Sources;

/// Options as the driver gets them.
pub(super) struct Options {
    pub(super) json: Json,
    /// What stands behind them.
    pub(super) sources: Sources,
    /// What they refer to in the lab.
    pub(super) references: Vec<Reference>,
    /// Whether nothing is wrong with them. If not, that has been reported.
    pub(super) is_sound: bool,
}

/// A reference of an option to a device or a parameter.
pub(super) struct Reference {
    /// As it is written.
    pub(super) text: String,
    pub(super) place: Place,
    /// Whether it is to a device as a whole.
    pub(super) to_device: bool,
}

impl Reference {
    /// An error about it.
    pub(super) fn error(&self, message: String) -> Diagnostic {
        Diagnostic::error(message).at(self.place.clone())
    }
}

impl Resolver<'_> {
    /// The options of `section`.
    pub(super) fn options(&self, section: &Section<'_>, schema: &Schema) -> Options {
        let mut options = Options {
            json: Json::Null,
            sources: Sources::default(),
            references: Vec::new(),
            is_sound: section.is_clean(&["options"]),
        };
        if !options.is_sound {
            return options;
        }
        // Where there is no such table, what it lacks is told of at the device.
        let none = Node {
            span: section.place(&[]).span,
            value: NodeValue::Table(Vec::new()),
        };
        let LookedUp {
            node,
            failed,
            looked_up,
        } = self.look_up(section, section.node(&["options"]).unwrap_or(&none));
        options.sources.looked_up = looked_up.iter().map(|path| pointer(path)).collect();
        let path = section.full(&["options"]);
        let mut checked = section.tree().check_node(&node, &path, schema);
        quantity::convert(section.tree(), &path, &mut checked);
        let base = path.len();
        checked
            .problems
            .retain(|problem| !failed.iter().any(|failed| problem.path[base..].starts_with(failed)));
        options.is_sound = failed.is_empty() && checked.is_ok();
        self.marks(section, &mut checked, &mut options);
        options.json = std::mem::take(&mut checked.value);
        checked
            .into_diagnostics()
            .into_iter()
            .for_each(|diagnostic| self.report(diagnostic));
        options
    }

    /// What the strings refer to that the schema marks.
    fn marks(&self, section: &Section<'_>, checked: &mut Checked, options: &mut Options) {
        for mark in std::mem::take(&mut checked.marks) {
            let MarkKind::Format(format) = &mark.kind else { continue };
            let place = section.tree().source().place(mark.span.clone());
            match format.as_str() {
                "baton-file" => match self.file(&mark, place, checked) {
                    Some(content) => _ = options.sources.files.insert(pointer(&mark.path), content),
                    None => options.is_sound = false,
                },
                "baton-device" | "baton-parameter" => options.references.push(Reference {
                    to_device: format == "baton-device",
                    text: mark.text,
                    place,
                }),
                // A format of a later version: the driver will see.
                _ => {}
            }
        }
    }

    /// Makes the name of a file absolute. Gives the hash of its content, if there is such a file.
    fn file(&self, mark: &Mark, place: Place, checked: &mut Checked) -> Option<String> {
        let path = self.files.folder().join(&mark.text);
        checked.replace(&mark.path, Json::from(path.to_string_lossy()));
        let content = self.surroundings.content_hash(&path);
        if content.is_none() {
            let error = Diagnostic::error(format!("there is no file `{}`", mark.text)).at(place);
            self.report(error.help("the path is relative to the folder of the config"));
        }
        self.depends_on(path);
        content
    }
}

/// The JSON pointer, from the device or the controller, of a path below its options.
fn pointer(path: &[String]) -> String {
    let steps: Vec<&str> = ["options"].into_iter().chain(path.iter().map(String::as_str)).collect();
    super::parameter::pointer(&steps)
}
