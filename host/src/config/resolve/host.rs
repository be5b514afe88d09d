//! `[lab]` and `[host]`.

use std::collections::BTreeMap;

use baton_plugin_api::source::{Node, NodeValue};

use super::{Parsed, Resolver, Section};
use crate::config::{
    ClientLimits, HostConfig,
    isolation::Defaults,
    raw::{RawHost, RawLab},
};

/// Where the SECoP server listens if nothing is said (RULES.md W, SECoP's own port).
const LISTEN: &str = "127.0.0.1:10767";
const POLL_S: f64 = 1.0;
const TIMEOUT_S: f64 = 5.0;
const MOTION_TIMEOUT_S: f64 = 600.0;
/// Readings: ten minutes of what is polled once a second.
const HISTORY: usize = 600;

/// The keys of a `[host]` table that count on a machine: its own, and over them those of `[host.NAME]`.
pub(in crate::config) fn keys<'a>(host: &'a Node, machine: Option<&str>) -> BTreeMap<&'a str, &'a Node> {
    let overlay = machine.and_then(|machine| host.get(machine));
    let own = host
        .entries()
        .iter()
        .filter(|entry| !matches!(entry.node.value, NodeValue::Table(_)));
    let over = overlay.map(Node::entries).unwrap_or_default();
    own.chain(over).map(|entry| (entry.key.as_str(), &entry.node)).collect()
}

impl<'a> Resolver<'a> {
    /// Name and description of the lab.
    pub(super) fn name(&self, parsed: &'a [Parsed]) -> (String, String) {
        let raw: RawLab = self
            .only(parsed, "lab")
            .and_then(|section| section.read())
            .unwrap_or_default();
        let called = || {
            let mut paths = self.files.paths();
            let path = match (paths.next(), paths.next()) {
                (Some(only), None) => only.to_path_buf(),
                _ => self.files.folder().to_path_buf(),
            };
            path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        };
        (raw.name.unwrap_or_else(called), raw.description.unwrap_or_default())
    }

    /// How the host works on `machine`; `None` if what it says of that cannot be read.
    pub(super) fn host(&self, parsed: &'a [Parsed], machine: Option<&str>) -> Option<HostConfig> {
        let Some(section) = self.only(parsed, "host") else {
            return Some(self.host_config(RawHost::default()));
        };
        let mut json: serde_json::Map<String, serde_json::Value> = section.read()?;
        let overlay = machine
            .and_then(|machine| json.get(machine))
            .and_then(|overlay| overlay.as_object().cloned());
        json.retain(|_, value| !value.is_object());
        json.extend(overlay.into_iter().flatten());
        self.check_listen(&section, machine);
        let token = self.token(&section, machine);
        let raw: RawHost = serde_json::from_value(json.into()).ok()?;
        let host = HostConfig {
            token,
            ..self.host_config(raw)
        };
        self.check_open_to_others(&section, machine, &host);
        Some(host)
    }

    fn host_config(&self, raw: RawHost) -> HostConfig {
        self.isolation.set(Defaults::of(raw.isolation, raw.memory_limit));
        let folder = self.files.folder();
        let execution = raw.execution();
        let clients = ClientLimits::from_raw(&raw);
        let listen = match (raw.listen, &raw.socket) {
            (None, Some(_)) => None,
            (listen, _) => Some(listen.unwrap_or_else(|| LISTEN.to_owned())),
        };
        HostConfig {
            listen,
            socket: raw.socket.map(|path| folder.join(path)),
            token: None,
            clients,
            audit: raw.audit.map(|path| folder.join(path)),
            drivers: raw
                .drivers
                .unwrap_or_default()
                .iter()
                .map(|path| folder.join(path))
                .collect(),
            execution,
            poll: raw.poll.unwrap_or(POLL_S),
            timeout: raw.timeout.unwrap_or(TIMEOUT_S),
            motion_timeout: raw.motion_timeout.unwrap_or(MOTION_TIMEOUT_S),
            history: raw.history.map_or(HISTORY, usize::from),
            runner: None,
        }
    }

    /// `listen` has to be `host:port`, here and in every overlay.
    fn check_listen(&self, section: &Section<'_>, machine: Option<&str>) {
        let paths = [Some(vec!["listen"]), machine.map(|machine| vec![machine, "listen"])];
        for path in paths.into_iter().flatten() {
            let Some(address) = section.node(&path).and_then(Node::as_str) else {
                continue;
            };
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty())
                .map(|(_, port)| port);
            if port.is_none_or(|port| port.parse::<u16>().is_err()) {
                let error = section.error(&path, format!("`{address}` is no address with a port"));
                self.report(error.help(format!("write it as in `\"{LISTEN}\"`; port 0 takes a free one")));
            }
        }
    }

    /// A table that only one of the files may have.
    pub(super) fn only(&self, parsed: &'a [Parsed], table: &'a str) -> Option<Section<'a>> {
        let mut sections = parsed.iter().filter_map(|file| file.section(&[table]));
        let first = sections.next()?;
        for second in sections {
            let error = second.key_error(&[], format!("[{table}] is in two files"));
            self.report(error.related(first.key_place(&[]), "it is first here"));
        }
        Some(first)
    }
}
