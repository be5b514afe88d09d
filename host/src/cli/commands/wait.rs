//! `baton wait`: until a value is what it shall be. The host looks; nothing is asked for again and again.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value as Json, json};

use super::get;
use crate::cli::args::{Form, Wait};
use crate::cli::client::{Client, Datainfo, Device, Node, Parameter, Reading, RemoteError};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Output};
use crate::cli::readings::{self, Status};
use crate::cli::{input, interrupt, names};
use crate::condition::Relation;

/// The words for a status.
const STATUSES: [&str; 5] = ["disabled", "idle", "warn", "busy", "error"];

/// Waits, and writes the reading that was waited for.
pub(super) fn run(client: &mut Client, wait: &Wait, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    if !node.is_baton() {
        let text = format!("{} is no Baton host, and does not wait for values", client.address());
        return Err(Failure::Request(text));
    }
    let job = Job::new(&node, wait, output)?;
    let path = job.path();
    interrupt::forward(client.interrupter())?;
    let request = client.send_custom("_wait_for", job.request()?, &path)?;
    let bar = job.bar();
    let reached = client.reply_with_news(&request, "_waiting", &mut |news| job.show(&bar, news));
    // The line goes before anything is written, or it would stay in between.
    bar.finish_and_clear();
    // The wait ends with the connection; nothing is moved by it, so that there is nothing to stop.
    let reached = reached.map_err(|failure| match failure {
        Failure::Interrupted(_) => {
            Failure::Interrupted(format!("interrupted; nobody waits for {path}, and nothing was stopped"))
        }
        other => other,
    });
    job.write(client, &reached?)
}

/// What is waited for, resolved.
struct Job<'a> {
    wait: &'a Wait,
    device: &'a Device,
    /// `None` for the status.
    parameter: Option<&'a Parameter>,
    relation: Option<Relation>,
    value: String,
    output: Output,
}

impl<'a> Job<'a> {
    fn new(node: &'a Node, wait: &'a Wait, output: Output) -> Result<Self, Failure> {
        let typed = match &wait.unit {
            Some(unit) => format!("{} {unit}", wait.condition),
            None => wait.condition.clone(),
        };
        let (relation, value) = Relation::split(&typed);
        let (device_name, member) = names::split(&wait.path);
        let device = names::device(node, device_name)?;
        let is_status = match member {
            Some(member) => member.eq_ignore_ascii_case("status"),
            None => relation.is_none() && is_status(value) && !device.main().is_some_and(|main| has_name(main, value)),
        };
        let parameter = match is_status {
            true => None,
            false => Some(names::parameter(node, &wait.path)?.1),
        };
        Ok(Job {
            wait,
            device,
            parameter,
            relation,
            value: value.to_owned(),
            output,
        })
    }

    fn path(&self) -> String {
        self.device
            .path(self.parameter.map_or("status", |parameter| &parameter.name))
    }

    /// The data of the request.
    fn request(&self) -> Result<Json, Failure> {
        let value = match self.parameter {
            Some(parameter) => input::encode(&self.path(), &parameter.target_datainfo, &self.value, true)?,
            None => json!(self.value),
        };
        let sign = self.relation.map_or("=", Relation::sign);
        let mut request = json!({ "path": self.path(), "value": value, "is": sign, "progress": true });
        let wait = self.wait;
        if let Some(within) = &wait.within {
            request["within"] = match within.trim().parse::<f64>() {
                Ok(number) => json!(number),
                Err(_) => json!(within),
            };
        }
        for (key, seconds) in [("for", wait.hold), ("timeout", wait.timeout)] {
            if let Some(seconds) = seconds {
                request[key] = json!(seconds);
            }
        }
        if wait.fail_on_error {
            request["fail_on_error"] = json!(true);
        }
        Ok(request)
    }

    /// A line on standard error, where a person looks.
    fn bar(&self) -> ProgressBar {
        if !output::stderr_is_terminal() || self.output.quiet {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg}").expect("the template is well-formed");
        ProgressBar::new_spinner().with_style(style).with_prefix(self.path())
    }

    fn show(&self, bar: &ProgressBar, news: &Json) {
        bar.set_message(self.news(news));
        bar.tick();
    }

    /// `63.20 degC, 16.30 degC to go`, `80.02 degC, held for 12.0 s of 30 s`.
    fn news(&self, news: &Json) -> String {
        let part = |name: &str| news.get(name).filter(|part| !part.is_null());
        if let Some(error) = part("error").map(RemoteError::parse) {
            return format!("cannot be read: {} (waiting on)", error.text);
        }
        let Some(reading) = part("reading").map(Reading::parse) else {
            return "not read yet".to_owned();
        };
        let value = self.show_value(&reading);
        let held = part("held").and_then(Json::as_f64).unwrap_or(0.0);
        match (part("distance").and_then(Json::as_f64), self.wait.hold) {
            (_, Some(hold)) if held > 0.0 => format!("{value}, held for {held:.1} s of {hold} s"),
            (Some(distance), _) if distance > 0.0 => match self.parameter {
                Some(parameter) => format!("{value}, {} to go", readings::with_unit(parameter, &json!(distance))),
                None => value,
            },
            _ => value,
        }
    }

    fn show_value(&self, reading: &Reading) -> String {
        match self.parameter {
            Some(parameter) => readings::with_unit(parameter, &reading.value),
            None => Status::parse(&reading.value).label(),
        }
    }

    fn write(&self, client: &mut Client, reached: &Json) -> Result<(), Failure> {
        let reading = reached.get("reading").map(Reading::parse);
        let reading = reading.unwrap_or_else(|| Reading::parse(&Json::Null));
        let shown = match self.parameter {
            Some(parameter) => {
                let form = Form {
                    terse: false,
                    wide: false,
                };
                get::write(client, self.device, parameter, &reading, form, self.output)?
            }
            None => {
                let status = Status::parse(&reading.value);
                if !self.output.json {
                    self.output.line(&format!("{} {}", self.path(), status.label()))?;
                }
                status.to_json()
            }
        };
        if self.output.json {
            let number = |name: &str| reached.get(name).cloned().unwrap_or_default();
            return self.output.object(json!({
                "path": self.path(),
                "outcome": "reached",
                "reading": shown,
                "held": number("held"),
                "elapsed": number("elapsed"),
            }));
        }
        Ok(())
    }
}

fn is_status(word: &str) -> bool {
    STATUSES.iter().any(|status| status.eq_ignore_ascii_case(word))
}

/// Whether a word is one of the values of a parameter, which then goes before the status of the same name.
fn has_name(parameter: &Parameter, word: &str) -> bool {
    let among = |members: &Map<String, Json>| members.keys().any(|name| name.eq_ignore_ascii_case(word));
    match &parameter.datainfo {
        Datainfo::Enum { members } => among(members),
        Datainfo::String => true,
        _ => false,
    }
}
