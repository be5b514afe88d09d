//! `[lab]` and `[host]`.

use std::path::PathBuf;

use super::{Change, Comparison, Way, parameter::seconds};
use crate::config::{ClientLimits, Execution, HostConfig, LabConfig, Origin};

/// What has changed in the lab itself and in how its host works.
pub(super) fn changes(old: &LabConfig, new: &LabConfig) -> Vec<Change> {
    let LabConfig {
        name,
        description,
        host,
        controllers: _,
        devices: _,
        // Where it was read from is no part of what it says.
        path: _,
        files: _,
        missing_drivers: _,
    } = new;
    let HostConfig {
        listen,
        socket,
        token,
        clients,
        audit,
        drivers,
        execution,
        poll,
        timeout,
        motion_timeout,
        history,
        // Of the program, not of its config.
        runner: _,
    } = host;
    let before = &old.host;
    // The tables themselves have no origin in a resolved config.
    let nowhere = Origin {
        file: new.path.to_string_lossy().into(),
        line: 1,
        column: 1,
    };
    let mut found = Comparison::new(&nowhere);
    found.text("lab.name", Way::AtOnce, &old.name, name);
    found.text("lab.description", Way::AtOnce, &old.description, description);
    found.key("host.listen", Way::Restart, &before.listen, listen, optional);
    found.key("host.socket", Way::Restart, &before.socket, socket, path);
    found.key("host.token", Way::Restart, &before.token, token, |token| {
        token.as_ref().map_or("none", |_| "a secret").to_owned()
    });
    clients_changes(&mut found, &before.clients, clients);
    found.key("host.audit", Way::Restart, &before.audit, audit, path);
    found.key("host.drivers", Way::Restart, &before.drivers, drivers, |folders| {
        paths(folders)
    });
    found.key("host.async", Way::Restart, &before.execution, execution, is_async);
    let time = |x: &f64| seconds(*x);
    found.key("host.poll", Way::AtOnce, &before.poll, poll, time);
    found.key("host.timeout", Way::AtOnce, &before.timeout, timeout, time);
    found.key(
        "host.motion_timeout",
        Way::AtOnce,
        &before.motion_timeout,
        motion_timeout,
        time,
    );
    found.key("host.history", Way::AtOnce, &before.history, history, usize::to_string);
    for change in &mut found.changes {
        change.origin = None;
    }
    found.changes
}

fn clients_changes(found: &mut Comparison<'_>, before: &ClientLimits, after: &ClientLimits) {
    let ClientLimits {
        connections,
        connections_per_peer,
        line_bytes,
        line_within,
        pending,
        subscriptions,
    } = after;
    let mut count = |key, old: &usize, new: &usize| found.key(key, Way::Restart, old, new, usize::to_string);
    count("host.connections", &before.connections, connections);
    count(
        "host.connections_per_peer",
        &before.connections_per_peer,
        connections_per_peer,
    );
    count("host.line_bytes", &before.line_bytes, line_bytes);
    count("host.pending", &before.pending, pending);
    count("host.subscriptions", &before.subscriptions, subscriptions);
    found.key(
        "host.line_within",
        Way::Restart,
        &before.line_within,
        line_within,
        |time| seconds(time.as_secs_f64()),
    );
}

fn optional(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "none".to_owned())
}

fn path(path: &Option<PathBuf>) -> String {
    optional(&path.as_ref().map(|path| path.display().to_string()))
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("[{}]", paths.join(", "))
}

fn is_async(execution: &Execution) -> String {
    (*execution == Execution::Threaded).to_string()
}
