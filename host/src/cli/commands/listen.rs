//! `baton listen`: messages as they are sent; and `baton send`.

use serde_json::{Value as Json, json};

use super::follow::{self, Followed, Lines};
use super::unless_unknown;
use crate::cli::args::{Global, Listen};
use crate::cli::client::{Client, Message, Update};
use crate::cli::failure::Failure;
use crate::cli::format::{local_time, one_line, rfc3339};
use crate::cli::output::Output;

/// What the names of clients begin with.
const CLIENT: &str = "client:";

/// Writes each message that matches the patterns, what is so now first.
pub(super) fn run(global: &Global, listen: &Listen, output: Output) -> Result<(), Failure> {
    follow::run(global, &listen.until, output, &mut Heard { listen })
}

struct Heard<'a> {
    listen: &'a Listen,
}

impl Followed for Heard<'_> {
    fn begin(&mut self, client: &mut Client, _: &mut Lines, again: bool) -> Result<(), Failure> {
        for pattern in &self.listen.patterns {
            let (sender, message) = split(pattern);
            let mut asked = json!({ "sender": sender, "message": message, "policy": self.listen.policy });
            if let Some(since) = self.listen.since.filter(|_| !again) {
                asked["since"] = json!(since);
            }
            let pending = client.send_custom("_subscribe", asked, pattern)?;
            if unless_unknown(client.answer(&pending))?.is_none() {
                let text = format!("{} is no Baton host, and sends no messages", client.address());
                return Err(Failure::Request(text));
            }
        }
        Ok(())
    }

    fn heard(&mut self, client: &mut Client, lines: &mut Lines, _: Option<Update>) -> Result<(), Failure> {
        while let Some(message) = client.event("_message") {
            write(&message, lines)?;
        }
        Ok(())
    }
}

/// `SENDER:MESSAGE`; the sender may be `client:NAME`, and the message left out for all of them.
fn split(pattern: &str) -> (&str, &str) {
    let begin = if pattern.starts_with(CLIENT) { CLIENT.len() } else { 0 };
    match pattern[begin..].rsplit_once(':') {
        Some((rest, message)) => (&pattern[..begin + rest.len()], message),
        None => (pattern, "*"),
    }
}

fn write(message: &Message, lines: &mut Lines) -> Result<(), Failure> {
    let (sender, name) = message.specifier.rsplit_once(':').unwrap_or((&message.specifier, ""));
    let (payload, qualifiers) = (&message.data[0], &message.data[1]);
    let time = qualifiers["t"].as_f64();
    if lines.output.json {
        let object = json!({
            "sender": sender, "message": name, "payload": payload, "timestamp": rfc3339(time), "n": qualifiers["n"],
            "lost": qualifiers["lost"],
        });
        return lines.write(&object.to_string());
    }
    let lost = match qualifiers["lost"].as_u64() {
        None | Some(0) => String::new(),
        Some(lost) => format!(" ({lost} lost before it)"),
    };
    let payload = match payload {
        Json::Null => String::new(),
        payload => format!(" {}", brief(payload)),
    };
    let line = format!("{} {sender}:{name}{payload}", local_time(time));
    lines.write(&format!("{}{lost}", one_line(&line)))
}

/// A payload for people: of an owner, the name says enough.
fn brief(payload: &Json) -> Json {
    let mut brief = payload.clone();
    for owner in ["owner", "by"] {
        if let Some(owner) = brief.get_mut(owner)
            && let Some(name) = owner.get("name").cloned()
        {
            *owner = name;
        }
    }
    brief
}

/// Sends a message as ourselves.
pub(super) fn send(client: &mut Client, message: &str, payload: Option<&str>, output: Output) -> Result<(), Failure> {
    // We say who we are first: it is in the name that we send by.
    client.introduce()?;
    let payload = match payload {
        None => Json::Null,
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    };
    let pending = client.send_custom("_send", json!({ "message": message, "payload": payload }), "")?;
    let Some(sent) = unless_unknown(client.answer(&pending))? else {
        let text = format!("{} is no Baton host, and takes no messages", client.address());
        return Err(Failure::Request(text));
    };
    if output.json {
        return output.object(sent);
    }
    output.note(&format!(
        "sent as {}:{message}",
        sent["sender"].as_str().unwrap_or_default()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_shown_by_its_name() {
        let payload = json!({ "event": "broken", "owner": { "id": 3, "name": "ana" }, "by": { "name": "ben" } });
        assert_eq!(
            brief(&payload),
            json!({ "event": "broken", "owner": "ana", "by": "ben" })
        );
        assert_eq!(brief(&json!([1, "owner"])), json!([1, "owner"]));
    }

    #[test]
    fn a_pattern_is_a_sender_and_a_message() {
        assert_eq!(split("stage:limit_hit"), ("stage", "limit_hit"));
        assert_eq!(split("*:*"), ("*", "*"));
        assert_eq!(split("stage"), ("stage", "*"));
        assert_eq!(split("stage.position"), ("stage.position", "*"));
        assert_eq!(split("stage.*:changed"), ("stage.*", "changed"));
        assert_eq!(split("client:ana"), ("client:ana", "*"));
        assert_eq!(split("client:*:go"), ("client:*", "go"));
    }
}
