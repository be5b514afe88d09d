//! Playing a dialogue back with a device.

use std::sync::Arc;

use baton_plugin_api::{Error, Value, diagnostic::Diagnostic};

use super::{
    Action, Asked, Dialogue, Said, Scene,
    counterpart::Counterpart,
    heard::Heard,
    outcome::{compare, compare_said},
};
use crate::{config::LabConfig, executor::Solo, plugin::Drivers};

/// A dialogue about to be played back: the instrument listens.
pub struct Replay<'d> {
    dialogue: &'d Dialogue,
    counterpart: Counterpart,
}

/// A dialogue that went as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many things were asked.
    pub actions: usize,
    /// How many pieces were sent.
    pub sent: usize,
}

/// The first difference between what is written and what happened; boxed, as it is rare and large.
pub(super) type Differs = Box<Diagnostic>;

impl<'d> Replay<'d> {
    /// Begins to listen.
    ///
    /// # Errors
    /// If this machine has no port, or no thread, to give.
    pub fn new(dialogue: &'d Dialogue) -> std::io::Result<Self> {
        let counterpart = Counterpart::start()?;
        Ok(Replay { dialogue, counterpart })
    }

    /// Where the device finds the instrument.
    pub fn address(&self) -> String {
        self.counterpart.address()
    }

    /// Plays the dialogue with the first device of `config`, which has [`address`](Self::address) for its address.
    ///
    /// # Errors
    /// The first difference between what is written and what happened, with its place.
    pub fn run(self, config: &LabConfig, drivers: &Drivers) -> Result<Replayed, Box<Diagnostic>> {
        let heard = Arc::new(Heard::default());
        let mut solo = None;
        let scenes = &self.dialogue.scenes;
        let opens = scenes.first().is_some_and(|scene| scene.action == Action::Open);
        if !opens {
            let opened = self.open(config, drivers, &heard, &[]);
            self.counterpart
                .verdict()
                .map_err(|difference| self.dialogue.no_open(&difference.got))?;
            solo = Some(opened.map_err(|error| self.dialogue.not_opened(&error))?);
        }
        for scene in scenes {
            self.play(scene, &mut solo, config, drivers, &heard)?;
        }
        Ok(self.count())
    }

    fn count(&self) -> Replayed {
        let steps = self.dialogue.scenes.iter().flat_map(|scene| &scene.steps);
        Replayed {
            actions: self.dialogue.scenes.len(),
            sent: steps.filter(|step| matches!(step.what, Said::Sent(_))).count(),
        }
    }

    fn open(
        &self,
        config: &LabConfig,
        drivers: &Drivers,
        heard: &Arc<Heard>,
        steps: &[(usize, Said)],
    ) -> Result<Solo, Error> {
        self.counterpart.play(steps.to_vec());
        Solo::open(config, drivers, Arc::clone(heard) as _)
    }

    fn play(
        &self,
        scene: &Scene,
        solo: &mut Option<Solo>,
        config: &LabConfig,
        drivers: &Drivers,
        heard: &Arc<Heard>,
    ) -> Result<(), Differs> {
        let dialogue = self.dialogue;
        // What the instrument says after the outcome must not come before it.
        let (before, after) = around_outcome(scene);
        heard.forget();
        let (asked, outcome) = if scene.action == Action::Open {
            // If it is open, it is opened again, as after a line that was lost.
            *solo = None;
            let opened = self.open(config, drivers, heard, &before);
            let outcome = opened.map(|opened| {
                *solo = Some(opened);
                Value::Unit
            });
            (None, outcome)
        } else {
            let open = solo
                .as_mut()
                .ok_or_else(|| dialogue.at(scene.span.clone(), "the device is not open"))?;
            let asked =
                Asked::new(&scene.action, open.device()).map_err(|unknown| dialogue.unknown(scene, &unknown))?;
            self.counterpart.play(before);
            let outcome = match scene.action {
                Action::Close => solo
                    .take()
                    .expect("it was there just now")
                    .close()
                    .map(|()| Value::Unit),
                _ => {
                    let outcome = asked.ask(open);
                    // What it says by itself it may keep until somebody listens.
                    let heard = heard.listen(open, &scene.unasked());
                    outcome.and_then(|value| heard.map(|()| value))
                }
            };
            (Some(asked), outcome)
        };
        let unasked = match solo {
            Some(open) => {
                let device = Arc::clone(open.device());
                compare_said(dialogue, scene, heard, &device)
            }
            None => Ok(()),
        };
        let said = self.counterpart.verdict();
        said.map_err(|difference| dialogue.differs(scene, difference, outcome.as_ref().err()))?;
        compare(dialogue, scene, &outcome, asked.as_ref())?;
        unasked?;
        if !after.is_empty() {
            self.counterpart.play(after);
            self.counterpart
                .verdict()
                .map_err(|difference| dialogue.differs(scene, difference, None))?;
        }
        Ok(())
    }
}

type Numbered = Vec<(usize, Said)>;

/// The steps before and after the outcome. Without one, all are before.
fn around_outcome(scene: &Scene) -> (Numbered, Numbered) {
    let steps = scene.steps.iter().map(|step| step.what.clone()).enumerate();
    let outcome = scene.steps.iter().position(|step| step.what.is_outcome());
    let (before, mut after): (Numbered, Numbered) =
        steps.partition(|(index, _)| outcome.is_none_or(|outcome| *index < outcome));
    after.retain(|(_, said)| matches!(said, Said::Sent(_) | Said::Received(_) | Said::Wait(_) | Said::HangUp));
    (before, after)
}
