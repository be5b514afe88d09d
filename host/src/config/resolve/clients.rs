//! What clients may take, and who of them is let in.

use std::{net::IpAddr, time::Duration};

use baton_plugin_api::{diagnostic::Diagnostic, source::Node};

use super::{Resolver, Section, indirect::LookedUp};
use crate::config::{ClientLimits, HostConfig, Secret, raw::RawHost};

impl ClientLimits {
    /// What `[host]` says of them, and the defaults for what it leaves open.
    pub(super) fn from_raw(raw: &RawHost) -> ClientLimits {
        let default = ClientLimits::default();
        let connections = raw.connections.unwrap_or(default.connections);
        ClientLimits {
            connections,
            connections_per_peer: raw
                .connections_per_peer
                .unwrap_or(default.connections_per_peer)
                .min(connections),
            line_bytes: raw.line_bytes.unwrap_or(default.line_bytes),
            line_within: raw.line_within.map_or(default.line_within, Duration::from_secs_f64),
            pending: raw.pending.unwrap_or(default.pending),
            subscriptions: raw.subscriptions.unwrap_or(default.subscriptions),
        }
    }
}

impl<'a> Resolver<'a> {
    /// The secret that counts on `machine`.
    pub(super) fn token(&self, section: &Section<'a>, machine: Option<&str>) -> Option<Secret> {
        let paths = [machine.map(|machine| vec![machine, "token"]), Some(vec!["token"])];
        let path = paths
            .into_iter()
            .flatten()
            .find(|path| section.node(path).is_some() && section.is_clean(path))?;
        let node = section.node(&path)?;
        if node.entries().len() != 1 {
            let error = section.error(&path, "a token is looked up in one place");
            self.report(error.help("write `{ file = \"token\" }`, or `{ env = \"VARIABLE\" }`"));
            return None;
        }
        let LookedUp { node, failed, .. } = self.look_up(section, node);
        if !failed.is_empty() {
            return None;
        }
        let secret = node.as_str().and_then(Secret::new);
        match &secret {
            None => self.report(section.error(&path, "the token is empty").help(HOW_TO_MAKE_ONE)),
            Some(secret) if secret.is_short() => {
                let text = format!(
                    "the token is shorter than {} characters and can be guessed",
                    Secret::GOOD
                );
                self.report(Diagnostic::warning(text).at(section.place(&path)).help(HOW_TO_MAKE_ONE));
            }
            Some(_) => {}
        }
        secret
    }

    /// Warns of an address for other machines that nobody may use.
    pub(super) fn check_open_to_others(&self, section: &Section<'a>, machine: Option<&str>, host: &HostConfig) {
        let Some(listen) = host.listen.as_deref().filter(|listen| is_plainly_open(listen)) else {
            return;
        };
        let below = |key| {
            [machine.map(|machine| vec![machine, key]), Some(vec![key])]
                .into_iter()
                .flatten()
        };
        // What is wrong with one that is written has been told.
        if host.token.is_some() || below("token").any(|path| section.node(&path).is_some()) {
            return;
        }
        let written = |path: &Vec<&str>| {
            section
                .node(path)
                .is_some_and(|node: &Node| node.as_str() == Some(listen))
        };
        if let Some(path) = below("listen").find(written) {
            let text = format!("`{listen}` is open to other machines, and there is no token: no host starts like this");
            let warning = Diagnostic::warning(text).at(section.place(&path));
            self.report(warning.help(
                "add `token = { file = \"token\" }` with a secret text in that file, or start the host with --token-file",
            ));
        }
    }
}

const HOW_TO_MAKE_ONE: &str = "make one: `head -c 24 /dev/urandom | base64 > token; chmod 600 token`";

/// Whether an address is plainly one that other machines can reach. What a name stands for is found out when it is bound.
fn is_plainly_open(listen: &str) -> bool {
    let ip = listen
        .rsplit_once(':')
        .and_then(|(host, _)| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    ip.is_some_and(|ip| !ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine_alone() {
        for own in [
            "127.0.0.1:0",
            "127.9.9.9:1",
            "[::1]:10767",
            "localhost:0",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(!is_plainly_open(own), "{own}");
        }
        for open in ["0.0.0.0:0", "[::]:10767", "192.168.1.2:10767"] {
            assert!(is_plainly_open(open), "{open}");
        }
    }
}
