//! `baton log`: the host's log, from its memory and as it goes on.

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value as Json, json};

use super::follow::{self, Followed, Lines};
use super::{connect, unless_unknown};
use crate::cli::args::{Global, Log};
use crate::cli::client::{Client, Update};
use crate::cli::failure::Failure;
use crate::cli::format;
use crate::cli::output::Output;

/// Writes the last lines, and with `--follow` those that come.
pub(super) fn run(global: &Global, log: &Log, output: Output) -> Result<(), Failure> {
    let mut shown = Shown {
        log,
        token: String::new(),
        last: Json::Null,
    };
    match log.follow {
        true => follow::run(global, &log.until, output, &mut shown),
        false => shown.begin(&mut connect(global)?, &mut Lines::to(output), false),
    }
}

struct Shown<'a> {
    log: &'a Log,
    /// Of the request that asked for what comes.
    token: String,
    /// The last line that was written.
    last: Json,
}

impl Followed for Shown<'_> {
    fn begin(&mut self, client: &mut Client, lines: &mut Lines, again: bool) -> Result<(), Failure> {
        let log = self.log;
        let mut asked = json!({
            "devices": log.devices, "level": log.level, "wire": log.wire, "limit": log.last, "follow": log.follow,
        });
        if let Some(since) = log.since {
            asked["since"] = json!(since);
        }
        if again {
            // All that a host which has just started has logged, or what it has logged meanwhile.
            asked["limit"] = json!(10_000);
        }
        let pending = client.send_custom("_log", asked, "")?;
        self.token = pending.token().to_owned();
        let Some(answer) = unless_unknown(client.answer(&pending))? else {
            return Err(Failure::Request(format!(
                "{} is no Baton host, and tells no log",
                client.address()
            )));
        };
        let news = follow::news(&answer["lines"], &self.last.clone());
        if news.is_empty() && !log.follow {
            lines.output.note("nothing of that kind was logged");
        }
        for line in news {
            self.write(line, lines)?;
        }
        Ok(())
    }

    fn heard(&mut self, client: &mut Client, lines: &mut Lines, _: Option<Update>) -> Result<(), Failure> {
        while let Some(message) = client.notice("_logged", &self.token) {
            self.write(&message.data, lines)?;
        }
        Ok(())
    }
}

impl Shown<'_> {
    fn write(&mut self, line: &Json, lines: &mut Lines) -> Result<(), Failure> {
        self.last = line.clone();
        write(line, lines)
    }
}

fn write(line: &Json, lines: &mut Lines) -> Result<(), Failure> {
    if let Some(lost) = line.get("lost").and_then(Json::as_u64) {
        lines.output.note(&format!(
            "{lost} lines are missing here: they came faster than they were taken"
        ));
        return Ok(());
    }
    let time = line.get("t").and_then(Json::as_f64);
    let text = |key: &str| line.get(key).and_then(Json::as_str).unwrap_or_default();
    if lines.output.json {
        let mut object = Map::new();
        object.insert("timestamp".to_owned(), format::rfc3339(time));
        for key in ["level", "device", "text"] {
            object.insert(key.to_owned(), line.get(key).cloned().unwrap_or_default());
        }
        return lines.write(&Json::Object(object).to_string());
    }
    let (level, style) = (text("level"), level_style(text("level")));
    let time = format::local_time(time);
    lines.write(&format!(
        "{time} {style}{:<5}{style:#} {}",
        level.to_uppercase(),
        format::one_line(text("text"))
    ))
}

fn level_style(level: &str) -> Style {
    match level {
        "error" => AnsiColor::Red.on_default().bold(),
        "warn" => AnsiColor::Yellow.on_default(),
        "debug" | "trace" => Style::new().dimmed(),
        _ => Style::new(),
    }
}
