//! Telling how what happened differs from what is written.

use std::ops::Range;

use baton_plugin_api::{Error, Value, diagnostic::Diagnostic};

use super::{
    Asked, Dialogue, Said, Scene, Step,
    asked::{Unknown, kind_of},
    counterpart::Difference,
    heard::Heard,
    parse_value,
    replay::Differs,
    show_value,
    value::is_same,
};
use crate::{device::Device, traffic::escape, units::Unit};

/// Compares how an action ended with what is written. `asked` is `None` for the opening, of which nothing comes.
pub(super) fn compare(
    dialogue: &Dialogue,
    scene: &Scene,
    outcome: &Result<Value, Error>,
    asked: Option<&Asked>,
) -> Result<(), Differs> {
    let Some(step) = scene.steps.iter().find(|step| step.what.is_outcome()) else {
        return outcome.as_ref().map(drop).map_err(|error| {
            let (class, message) = (error.kind().class(), error.message());
            let differs = dialogue.at(
                scene.span.clone(),
                format!("`{}` failed: {message} ({class})", scene.action),
            );
            Box::new(differs.help(format!("if it has to, write `! {class}` below it")))
        });
    };
    let show = |value: &Value| asked.map_or_else(String::new, |asked| asked.show(value));
    let (message, got) = match (&step.what, outcome) {
        (Said::Fails(kind, part), Err(error)) => {
            if error.kind() == *kind && part.as_ref().is_none_or(|part| error.message().contains(part)) {
                return Ok(());
            }
            ("it failed in another way", show_error(error))
        }
        (Said::Fails(..), Ok(Value::Unit)) => ("it did not fail", "that it was done".to_owned()),
        (Said::Fails(..), Ok(value)) => ("it did not fail", show(value)),
        (_, Err(error)) => ("it failed", show_error(error)),
        (Said::Value(expected), Ok(value)) => match asked.map(|asked| asked.is(expected, value)) {
            Some(Ok(true)) => return Ok(()),
            Some(Ok(false)) => ("the value is another", show(value)),
            Some(Err(why)) => return Err(dialogue.labelled(scene, step, "this is no value of it", why)),
            None => {
                return Err(dialogue.labelled(scene, step, "this is no value of it", "nothing comes back".to_owned()));
            }
        },
        (_, Ok(_)) => return Ok(()),
    };
    Err(dialogue.labelled(scene, step, message, format!("expected this, got {got}")))
}

/// Compares what the device has said by itself with what is written.
pub(super) fn compare_said(dialogue: &Dialogue, scene: &Scene, heard: &Heard, device: &Device) -> Result<(), Differs> {
    let mut names: Vec<&str> = Vec::new();
    for step in &scene.steps {
        let Said::Unasked(name, expected) = &step.what else {
            continue;
        };
        let differs = |message: &str, label: String| Err(dialogue.labelled(scene, step, message, label));
        let Some((datatype, unit)) = kind_of(device, name) else {
            return differs(
                "the device has no such parameter or message",
                format!("there is no `{name}`"),
            );
        };
        let number = names.iter().filter(|found| *found == name).count();
        names.push(name);
        match heard.find(name, number) {
            None => return differs("this did not come", "expected this".to_owned()),
            Some(Err(error)) => {
                return differs(
                    "this did not come",
                    format!("expected this, got {}", show_error(&error)),
                );
            }
            Some(Ok(value)) => match parse_value(expected, &datatype, &Unit::parse(&unit)) {
                Err(why) => return differs("this is no value of it", why),
                Ok(parsed) if is_same(&parsed, &value) => {}
                Ok(_) => {
                    return differs(
                        "the value is another",
                        format!("expected this, got {}", show_value(&value, &unit)),
                    );
                }
            },
        }
    }
    Ok(())
}

fn show_error(error: &Error) -> String {
    format!("{}: {}", error.kind().class(), error.message())
}

impl Dialogue {
    pub(super) fn at(&self, span: Range<usize>, message: impl Into<String>) -> Differs {
        Box::new(Diagnostic::error(message).at(self.source.place(span)))
    }

    /// A difference at a step, with the action that it belongs to.
    fn labelled(&self, scene: &Scene, step: &Step, message: &str, label: String) -> Differs {
        let differs = self
            .at(step.span.clone(), format!("`{}`: {message}", scene.action))
            .label(label);
        Box::new(differs.related(self.source.place(scene.span.clone()), "during this"))
    }

    /// Tells what was sent, and what should have been.
    pub(super) fn differs(&self, scene: &Scene, difference: Difference, error: Option<&Error>) -> Differs {
        let got = escape(&difference.got);
        let because = error.map_or_else(String::new, |error| format!(", as it failed: {}", error.message()));
        let Some(step) = difference.step.map(|step| &scene.steps[step]) else {
            let message = format!("`{}`: more was sent", scene.action);
            let said = |step: &&Step| matches!(step.what, Said::Sent(_) | Said::Received(_));
            return match scene.steps.iter().rfind(said) {
                Some(step) => self.labelled(scene, step, "more was sent", format!("after this came `{got}`")),
                None => Box::new(
                    self.at(scene.span.clone(), message)
                        .label(format!("nothing should be sent, got `{got}`")),
                ),
            };
        };
        match (&step.what, difference.got.is_empty()) {
            (Said::Received(_), _) => self.labelled(
                scene,
                step,
                "nobody is there to hear this",
                format!("the line is closed{because}"),
            ),
            (_, true) => self.labelled(
                scene,
                step,
                "this was not sent",
                format!("expected this, got nothing{because}"),
            ),
            (_, false) => self.labelled(
                scene,
                step,
                "something else was sent",
                format!("expected this, got `{got}`"),
            ),
        }
    }

    pub(super) fn unknown(&self, scene: &Scene, unknown: &Unknown) -> Differs {
        let text = &self.source.text()[scene.span.clone()];
        let from = scene.span.start + text.rfind(&unknown.name).unwrap_or(0);
        Box::new(
            unknown
                .diagnostic()
                .at(self.source.place(from..from + unknown.name.len())),
        )
    }

    /// The file has an `init`, and the dialogue does not say so.
    pub(super) fn no_open(&self, sent: &[u8]) -> Differs {
        let sent = escape(sent);
        let message = format!("opening the device sends `{sent}`, and the dialogue does not say so");
        let help = format!("begin with `open`, below it `-> {sent}` and what is answered");
        Box::new(self.at(self.first(), message).help(help))
    }

    pub(super) fn not_opened(&self, error: &Error) -> Differs {
        self.at(
            self.first(),
            format!("the device cannot be opened: {}", error.message()),
        )
    }

    fn first(&self) -> Range<usize> {
        self.scenes.first().map_or(0..0, |scene| scene.span.clone())
    }
}
