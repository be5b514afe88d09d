//! `_log`: the host's log, from memory and followed; and `logging`, as SECoP has it.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use tracing::Level;

use super::{
    super::{
        super::{
            reply::{Line, Report},
            request::Request,
        },
        Session,
        ownership::parse,
    },
    Lines,
};
use crate::{
    journal::Reader,
    log::{Demand, Log, LogLine},
};

/// How many lines are given if nothing is said, and at most: all that are kept.
const LIMIT: usize = 1000;
const LIMIT_MAX: usize = 10_000;

/// The data of `_log`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    devices: Vec<String>,
    level: String,
    /// Whether what goes over the line of an instrument is wanted as well.
    wire: bool,
    /// Seconds before now.
    since: Option<f64>,
    limit: usize,
    follow: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Asked {
            devices: Vec::new(),
            level: "info".to_owned(),
            wire: false,
            since: None,
            limit: LIMIT,
            follow: false,
        }
    }
}

/// How much of the log somebody wants: up to a level, and apart from that what goes over the lines of instruments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Detail {
    level: Level,
    wire: bool,
}

impl Detail {
    fn wants(self, level: Level) -> bool {
        match level {
            Level::TRACE => self.wire,
            level => level <= self.level,
        }
    }

    /// What the log has to take for it.
    fn demands(self) -> Level {
        if self.wire { Level::TRACE } else { self.level }
    }
}

impl Session {
    /// `_log TOKEN {"devices":["stage"],"level":"debug","follow":true}`.
    pub(in crate::server::session) fn log(&mut self, request: Request<'_>) {
        match self.read_log(request) {
            Ok(data) => self.answer(request, Line::new("_log_is", request.specifier, &data.to_string())),
            Err(report) => self.fail(request, report),
        }
    }

    fn read_log(&mut self, request: Request<'_>) -> Result<Json, Report> {
        let asked: Asked = parse(request)?;
        let log = self.shared.log.clone().ok_or_else(no_log)?;
        let detail = Detail {
            level: level(&asked.level)?,
            wire: asked.wire || asked.level == "trace",
        };
        let devices = asked.devices.iter().map(|name| self.named_in_log(name));
        let filter = LogFilter {
            detail,
            devices: devices.collect::<Result<_, _>>()?,
        };
        let now = crate::clock::Clock::real().now().as_seconds();
        let since = asked.since.map(|seconds| now - seconds);
        let mut reader = log.reader_of_all();
        let kept = reader.read(usize::MAX).entries;
        let wanted =
            |line: &&Arc<LogLine>| filter.wants(line) && since.is_none_or(|since| line.time.as_seconds() >= since);
        let lines: Vec<_> = kept.iter().filter(wanted).collect();
        let limit = asked.limit.min(LIMIT_MAX);
        let shown: Vec<_> = lines[lines.len().saturating_sub(limit)..]
            .iter()
            .map(|line| to_json(line))
            .collect();
        let mut data = json!({ "lines": shown, "more": lines.len() > limit, "level": word(log.level()) });
        if asked.follow {
            self.check_followed()?;
            let _demand = log.demand(detail.demands());
            let token = request.specifier.to_owned();
            data["id"] = json!(self.relays.follow(Lines::Log(LogLines {
                token,
                filter,
                reader,
                _demand
            })));
        }
        Ok(data)
    }

    /// A device or controller by its name, as the log has it.
    fn named_in_log(&self, name: &str) -> Result<Arc<str>, Report> {
        let config = self.shared.lab.config();
        let controller = config
            .controllers
            .iter()
            .find(|controller| controller.name.eq_ignore_ascii_case(name));
        match controller {
            Some(controller) => Ok(controller.name.as_str().into()),
            None => Ok(Arc::clone(
                self.shared.lab.device(crate::device::split_path(name).0)?.name(),
            )),
        }
    }

    /// `logging stage "debug"`: from now on, what is logged about a module is sent; `off` ends that. Without a module it is
    /// about all of them, and the host itself.
    pub(in crate::server::session) fn logging(&mut self, request: Request<'_>) {
        match self.set_logging(request) {
            Ok((specifier, level)) => self.answer(request, Line::new("logging", &specifier, &level.to_string())),
            Err(report) => self.fail(request, report),
        }
    }

    fn set_logging(&mut self, request: Request<'_>) -> Result<(String, Json), Report> {
        let asked = request.json()?;
        let detail = secop_level(&asked)?;
        let module = match request.specifier {
            "" | "." => None,
            // A parameter has no log of its own; the reply says what is sent instead, as SECoP has it.
            name => {
                let (module, _) = self.shared.node.split(name)?;
                Some(Arc::clone(module.device.name()))
            }
        };
        let specifier = module.as_deref().unwrap_or(request.specifier).to_owned();
        let Some(log) = self.shared.log.clone() else {
            return Ok((specifier, json!("off")));
        };
        let logging = self.relays.logging.get_or_insert_with(|| Logging::new(&log));
        logging.set(module, detail, &log);
        if logging.is_off() {
            self.relays.logging = None;
        }
        Ok((specifier, asked))
    }
}

fn no_log() -> Report {
    Report::new("Impossible", "this host keeps no log for its clients")
}

fn level(word: &str) -> Result<Level, Report> {
    match word {
        "warning" => Ok(Level::WARN),
        // What goes over lines is asked for by `wire`; everything else is less.
        "trace" => Ok(Level::DEBUG),
        word => word.parse().map_err(|_| {
            Report::protocol(format!(
                "`{word}` is no level: expected error, warn, info, debug or trace"
            ))
        }),
    }
}

/// A level as SECoP has it, and frappy beyond that; `None` for none at all.
fn secop_level(json: &Json) -> Result<Option<Detail>, Report> {
    let detail = |level, wire| Ok(Some(Detail { level, wire }));
    match json {
        Json::Bool(false) => Ok(None),
        Json::String(word) => match word.to_ascii_lowercase().as_str() {
            "off" => Ok(None),
            "error" => detail(Level::ERROR, false),
            "warning" | "warn" => detail(Level::WARN, false),
            "info" => detail(Level::INFO, false),
            "comlog" => detail(Level::INFO, true),
            "debug" => detail(Level::DEBUG, true),
            _ => Err(unknown_level(json)),
        },
        other => Err(unknown_level(other)),
    }
}

fn unknown_level(json: &Json) -> Report {
    Report::protocol(format!(
        "{json} is no level: expected \"error\", \"warning\", \"info\", \"comlog\", \"debug\" or \"off\""
    ))
}

/// The level's word in our own requests.
fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The level's word in `log`.
fn secop_word(level: Level) -> &'static str {
    match level {
        Level::WARN => "warning",
        Level::TRACE => "comlog",
        other => word(other),
    }
}

fn to_json(line: &LogLine) -> Json {
    json!({ "t": line.time.as_seconds(), "level": word(line.level), "device": line.device.as_deref(), "text": line.text })
}

#[derive(Debug)]
struct LogFilter {
    detail: Detail,
    /// All of them, and the host itself, if it is empty.
    devices: Vec<Arc<str>>,
}

impl LogFilter {
    fn wants(&self, line: &LogLine) -> bool {
        let about = || line.device.as_ref().is_some_and(|device| self.devices.contains(device));
        self.detail.wants(line.level) && (self.devices.is_empty() || about())
    }
}

/// Lines of the host's log as they come.
pub(in crate::server::session) struct LogLines {
    token: String,
    filter: LogFilter,
    reader: Reader<LogLine>,
    _demand: Demand,
}

impl LogLines {
    pub(super) async fn ready(&mut self) {
        self.reader.ready().await;
    }

    pub(super) fn take(&mut self, most: usize) -> Vec<Line> {
        let read = self.reader.read(most);
        let lost = (read.lost > 0).then(|| json!({ "lost": read.lost }));
        let wanted = read.entries.iter().filter(|line| self.filter.wants(line));
        let all = lost.into_iter().chain(wanted.map(|line| to_json(line)));
        all.map(|line| Line::new("_logged", &self.token, &line.to_string()))
            .collect()
    }
}

/// What a client has asked for by `logging`.
pub(in crate::server::session) struct Logging {
    reader: Reader<LogLine>,
    /// For what has no level of its own.
    all: Option<Detail>,
    modules: HashMap<Arc<str>, Option<Detail>>,
    _demand: Option<Demand>,
    /// So many lines were lost that nobody was told of.
    lost: u64,
}

impl Logging {
    fn new(log: &Log) -> Logging {
        Logging {
            reader: log.reader_of_news(),
            all: None,
            modules: HashMap::new(),
            _demand: None,
            lost: 0,
        }
    }

    /// Sets the level of a module, or of everything.
    fn set(&mut self, module: Option<Arc<str>>, detail: Option<Detail>, log: &Log) {
        match module {
            Some(module) => drop(self.modules.insert(module, detail)),
            None => {
                self.modules.clear();
                self.all = detail;
            }
        }
        let details = self.modules.values().chain([&self.all]).flatten();
        self._demand = details
            .map(|detail| detail.demands())
            .max()
            .map(|level| log.demand(level));
    }

    fn is_off(&self) -> bool {
        self._demand.is_none()
    }

    pub(super) async fn ready(&mut self) {
        self.reader.ready().await;
    }

    pub(super) fn take(&mut self, most: usize) -> Vec<Line> {
        let read = self.reader.read(most);
        self.lost += read.lost;
        let mut lines = Vec::new();
        for line in &read.entries {
            let of_device = line.device.as_ref().and_then(|device| self.modules.get(device));
            let detail = of_device.copied().unwrap_or(self.all);
            if !detail.is_some_and(|detail| detail.wants(line.level)) {
                continue;
            }
            let module = line.device.as_deref().unwrap_or(".");
            let lost = std::mem::take(&mut self.lost);
            if lost > 0 {
                let text = json!(format!("{lost} lines of the log are missing here")).to_string();
                lines.push(Line::new("log", &format!("{module}:warning"), &text));
            }
            let specifier = format!("{module}:{}", secop_word(line.level));
            lines.push(Line::new("log", &specifier, &json!(line.text).to_string()));
        }
        lines
    }
}
