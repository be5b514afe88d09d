//! Asking for the lock, and telling whoever waits for whom and how long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use super::Locking;
use crate::cli::client::Pending;
use crate::cli::failure::Failure;
use crate::cli::{format, output};

/// How often we look at signals, and show how long it has been.
const TICK: Duration = Duration::from_millis(200);

impl Locking<'_> {
    /// Asks for the lock, waits if that was asked for, and returns what the host says of it.
    pub(super) fn acquire(&mut self) -> Result<Json, Failure> {
        let lock = self.lock;
        let mut data = json!({ "targets": lock.targets, "keepalive": lock.keepalive });
        for (key, value) in [
            ("note", lock.note.as_deref().map(Json::from)),
            ("lease", lock.lease.map(Json::from)),
            ("wait", lock.wait.map(Json::from)),
        ] {
            if let Some(value) = value {
                data[key] = value;
            }
        }
        if lock.queue || lock.wait.is_some() {
            data["queue"] = json!(true);
        }
        let request = self.client.send("_lock", &self.token, data, &self.targets())?;
        self.wait_for(&request)
    }

    fn wait_for(&mut self, request: &Pending) -> Result<Json, Failure> {
        let mut shown = Shown::default();
        loop {
            match self.client.reply(request, Some(Instant::now() + TICK), &mut |_| {}) {
                Err(Failure::Timeout(_) | Failure::Interrupted(_)) => {}
                outcome => return outcome,
            }
            if !self.take_signals().is_empty() {
                self.release();
                return Err(Failure::Interrupted(format!(
                    "interrupted; {} is not locked",
                    self.targets()
                )));
            }
            if let Some(queued) = self.client.notice("_queued", &self.token) {
                let text = queued
                    .data
                    .get("text")
                    .and_then(Json::as_str)
                    .unwrap_or("somebody is in the way");
                shown.begin(&format::one_line(text), self.output);
            }
            shown.tick();
            if self.heard.elapsed().as_secs_f64() > self.lock.keepalive / 3.0 {
                self.heard = Instant::now();
                self.client.send("ping", &self.token, Json::Null, "")?;
            }
            self.client.forget("pong");
        }
    }
}

/// For whom we wait and how long it has been: a line that goes where a person looks on, else one message.
#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
}

impl Shown {
    fn begin(&mut self, text: &str, output: output::Output) {
        if output.quiet {
            return;
        }
        if !output::stderr_is_terminal() {
            return output.note(&format!("waiting: {text}"));
        }
        let style = ProgressStyle::with_template("{spinner} waiting for {elapsed}: {wide_msg}");
        let style = style.expect("the template is well-formed");
        self.bar = Some(
            ProgressBar::new_spinner()
                .with_style(style)
                .with_message(text.to_owned()),
        );
    }

    fn tick(&self) {
        if let Some(bar) = &self.bar {
            bar.tick();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
