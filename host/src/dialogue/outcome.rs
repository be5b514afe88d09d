//! Telling how what happened differs from what is written.

use std::ops::Range;

use baton_plugin_api::{Error, Value, diagnostic::Diagnostic};

use super::{
    Asked, Dialogue, Said, Scene, Step, asked::Unknown, counterpart::Difference, heard::Heard, replay::Differs,
    show_value, value::is_same,
};
use crate::traffic::escape;

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

/// Waits for what the device has to publish by itself, and compares it.
pub(super) fn compare_published(dialogue: &Dialogue, scene: &Scene, heard: &Heard) -> Result<(), Differs> {
    let steps = scene.steps.iter().filter_map(|step| match &step.what {
        Said::Published(name, expected) => Some((step, name, expected)),
        _ => None,
    });
    for (number, (step, name, expected)) in steps.enumerate() {
        let Some((parameter, value)) = heard.wait(number) else {
            return Err(dialogue.labelled(scene, step, "nothing was published", "expected this".to_owned()));
        };
        let got = value.as_ref().map_or_else(show_error, |value| show_value(value, ""));
        // The unit is that of the parameter, whatever is written behind the number.
        let number = expected
            .split_whitespace()
            .next()
            .and_then(|number| number.parse::<f64>().ok());
        let same = match (&value, number) {
            (Ok(value), Some(number)) if value.as_f64().is_some() => is_same(&Value::Float(number), value),
            _ => got == *expected,
        };
        if parameter != *name || !same {
            let got = format!("expected this, got {parameter} = {got}");
            return Err(dialogue.labelled(scene, step, "something else was published", got));
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
