//! `baton set`: writes a target and waits until the readback has arrived there.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::get;
use crate::cli::args::Set;
use crate::cli::client::{Client, Device, Node, Parameter, Reading, Update};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Output};
use crate::cli::progress::Progress;
use crate::cli::waiting::{self, Waiting};
use crate::cli::{input, interrupt, names, readings};

/// What is being set, resolved.
struct Job<'a> {
    set: &'a Set,
    device: &'a Device,
    parameter: &'a Parameter,
    path: String,
    output: Output,
}

/// Sets the parameter and writes the readback.
pub(super) fn run(client: &mut Client, set: &Set, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let (device, parameter) = names::parameter(&node, &set.path)?;
    let job = Job {
        set,
        device,
        parameter,
        path: device.path(&parameter.name),
        output,
    };
    let (wire, value) = job.request(&node)?;
    match set.patience.no_wait {
        true => job.begin(client, &wire, value),
        false => job.complete(client, &wire, value, node.is_baton()),
    }
}

impl Job<'_> {
    /// Accessible and value of the `change` request.
    fn request(&self, node: &Node) -> Result<(String, Json), Failure> {
        let typed = match &self.set.unit {
            Some(unit) => format!("{} {unit}", self.set.value),
            None => self.set.value.clone(),
        };
        let Some(wire) = &self.parameter.wire_target else {
            return Err(Failure::Request(format!("{} is read-only", self.path)));
        };
        let value = input::encode(&self.path, &self.parameter.target_datainfo, &typed, node.is_baton())?;
        Ok((self.device.on(wire), value))
    }

    /// Returns once the device has taken the target.
    fn begin(&self, client: &mut Client, on: &str, value: Json) -> Result<(), Failure> {
        let taken = Reading::parse(&client.request("change", on, value, &self.path)?);
        if self.output.json {
            return self
                .output
                .object(json!({ "path": self.path, "outcome": "taken", "target": taken.value }));
        }
        let target = readings::with_unit(self.parameter, &taken.value);
        self.output
            .note(&format!("{}: taken, on its way to {target}", self.path));
        Ok(())
    }

    /// Returns once the readback has arrived.
    fn complete(&self, client: &mut Client, on: &str, value: Json, is_ours: bool) -> Result<(), Failure> {
        interrupt::forward(client.interrupter())?;
        client.activate(Some(&self.device.name))?;
        let old = client.latest(&self.device.on(&self.parameter.wire)).cloned();
        let started = Instant::now();
        let deadline = waiting::limit(client, self.set.patience.timeout(), is_ours)?;
        let request = client.send("change", on, value, &self.path)?;
        let mut waiting = Waiting {
            client,
            device: self.device,
            path: self.path.clone(),
            deadline,
            output: self.output,
            call: None,
        };
        let taken = waiting.taken(&request)?;
        let progress = self.progress(old.as_ref(), &taken);
        let ended = waiting.ended(&taken, &mut |update| self.show(&progress, update));
        // The bar goes before anything is written, or it would stay in between.
        drop(progress);
        let ended = ended.map_err(|failure| waiting.ended_early(failure, None))?;
        let final_json = ended
            .reading
            .as_ref()
            .map(|reading| readings::to_json(&self.path, self.parameter, reading));
        let ended = ended.into_result(&self.path, final_json)?;
        let new = match ended.reading {
            Some(reading) => reading,
            None => client.read(&self.device.on(&self.parameter.wire), &self.path)?,
        };
        self.write(client, old.as_ref(), &taken, &new, started.elapsed())
    }

    fn progress(&self, old: Option<&Reading>, taken: &Reading) -> Progress {
        match output::stderr_is_terminal() && !self.output.quiet {
            true => Progress::begin(&self.path, old, &taken.value),
            false => Progress::none(),
        }
    }

    fn show(&self, progress: &Progress, update: &Update) {
        if update.module == self.device.name && update.accessible == self.parameter.wire {
            progress.show(self.parameter, &update.reading);
        }
    }

    fn write(
        &self,
        client: &mut Client,
        old: Option<&Reading>,
        taken: &Reading,
        new: &Reading,
        elapsed: Duration,
    ) -> Result<(), Failure> {
        let form = self.set.form;
        if self.output.json {
            let reading = get::write(client, self.device, self.parameter, new, form, self.output)?;
            return self.output.object(json!({
                "path": self.path,
                "outcome": "done",
                "target": taken.value,
                "old": old.map(|old| readings::to_json(&self.path, self.parameter, old)),
                "reading": reading,
                "elapsed": elapsed.as_secs_f64(),
            }));
        }
        if !form.wide {
            return get::write(client, self.device, self.parameter, new, form, self.output).map(drop);
        }
        for (label, reading) in [("Old", old), ("New", Some(new))] {
            if let Some(reading) = reading {
                let line = readings::timed_line(&self.path, self.parameter, reading);
                self.output.line(&format!("{label}: {line}"))?;
            }
        }
        Ok(())
    }
}
