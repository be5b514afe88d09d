//! The gate of an address that other machines can reach: who does not show the token gets nothing.
//!
//! A stranger may ask who is there (`*IDN?`) and show its token (`_authenticate`); all else is refused with a text that
//! says so. Strangers have no session, own nothing and cost little: they are few at a time, their lines are short, their
//! time is limited, and a wrong token is answered late and ends the connection.

use std::{fmt, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};

use super::{
    ident,
    lines::{LineError, Lines},
    places::{Peer, Place, Places},
    reply::{Line, Report},
    request::Request,
};
use crate::config::{ClientLimits, Secret};

/// Strangers of one peer at a time.
const STRANGERS_PER_PEER: usize = 16;
/// The part of all connections that strangers may take.
const STRANGERS_SHARE: usize = 4;
/// A wrong token is answered after this time.
const PENALTY: Duration = Duration::from_secs(1);
/// Requests of a stranger that are refused before its connection ends.
const REQUESTS_MAX: usize = 20;
/// The longest line of a stranger.
pub(super) const LINE_BYTES: usize = 4096;

/// See the module.
pub(super) struct Gate {
    token: Secret,
    /// Those that are at the gate.
    strangers: Places,
    within: Duration,
    most: usize,
}

/// Why a client was not let in.
#[derive(Debug)]
pub(super) enum Turned {
    /// It has left by itself, having asked who is there at most.
    Away,
    /// It was refused.
    Refused(&'static str),
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Turned::Away => f.write_str("has left without showing a token"),
            Turned::Refused(why) => f.write_str(why),
        }
    }
}

impl Gate {
    pub(super) fn new(token: Secret, limits: &ClientLimits) -> Gate {
        Gate {
            token,
            strangers: Places::default(),
            within: limits.line_within,
            most: (limits.connections / STRANGERS_SHARE).max(1),
        }
    }

    /// A place at the gate.
    ///
    /// # Errors
    /// Why there is none, for the client.
    pub(super) fn place(&self, peer: Peer) -> Result<Place, &'static str> {
        let place = self.strangers.take(peer, self.most, STRANGERS_PER_PEER);
        place.map_err(|_| "too many connections have not shown their token yet; try again later")
    }

    /// Lets a client in, once it has shown the token.
    ///
    /// # Errors
    /// Why it is not let in; it has been told.
    pub(super) async fn admit(
        &self,
        lines: &mut Lines<impl AsyncRead + Unpin>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Turned> {
        match timeout(self.within, self.ask(lines, writer)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let why = "it has not shown the token in time";
                let line = Line::error("", "", &Report::new("Impossible", why));
                // Whoever did not read until now does not read this, either.
                let _ = timeout(PENALTY, tell(writer, &line)).await;
                Err(Turned::Refused(why))
            }
        }
    }

    async fn ask(
        &self,
        lines: &mut Lines<impl AsyncRead + Unpin>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Turned> {
        for asked in 0..REQUESTS_MAX {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) | Err(LineError::Io(_)) if asked <= 1 => return Err(Turned::Away),
                Ok(None) | Err(LineError::Io(_)) => {
                    return Err(Turned::Refused(
                        "it asked for more than who is there, and showed no token",
                    ));
                }
                Err(LineError::Refused(text)) => {
                    tell(writer, &Line::error("", "", &Report::protocol(text))).await;
                    return Err(Turned::Refused("what it sent before its token was no line"));
                }
            };
            let request = match Request::parse(line) {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(malformed) => {
                    tell(writer, &Line::error(&malformed.action, "", &malformed.report)).await;
                    continue;
                }
            };
            match request.action {
                "*IDN?" => tell(writer, &Line::Shared(ident())).await,
                "_authenticate" if self.is_shown(request) => {
                    tell(writer, &Line::new("_authenticated", request.specifier, "{}")).await;
                    return Ok(());
                }
                "_authenticate" => {
                    let wrong = Line::error(request.action, request.specifier, &wrong());
                    sleep(PENALTY).await;
                    tell(writer, &wrong).await;
                    return Err(Turned::Refused("it has shown a wrong token"));
                }
                _ => tell(writer, &Line::error(request.action, request.specifier, &wanted())).await,
            }
        }
        Err(Turned::Refused("it asked again and again without showing a token"))
    }

    fn is_shown(&self, request: Request<'_>) -> bool {
        let data = request.json().ok();
        let shown = data.as_ref().and_then(|data| data.get("token")?.as_str());
        shown.is_some_and(|shown| self.token.is(shown.trim()))
    }
}

/// What everybody is told who asks without having shown the token.
fn wanted() -> Report {
    let text = "this host wants a token before anything else: `_authenticate TOKEN {\"token\":\"…\"}`";
    Report::new("Impossible", text).with_detail(json!({ "authenticate": true }))
}

fn wrong() -> Report {
    let text = "this is not the token of this host; ask whoever runs it";
    Report::new("Impossible", text).with_detail(json!({ "authenticate": true }))
}

/// A stranger that does not read is gone soon.
async fn tell(writer: &mut (impl AsyncWrite + Unpin), line: &Line) {
    let _ = writer.write_all(line.as_str().as_bytes()).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader, duplex, split};

    use super::*;

    fn gate() -> Gate {
        Gate::new(Secret::new("open sesame").unwrap(), &ClientLimits::default())
    }

    /// What a client that sends this is told, and whether it is let in. The clock runs by itself.
    async fn check(gate: &Gate, said: &str) -> (Vec<String>, String) {
        let (client, server) = duplex(1 << 20);
        let (mut reader, mut writer) = split(server);
        let (heard, mut says) = split(client);
        says.write_all(said.as_bytes()).await.unwrap();
        says.shutdown().await.unwrap();
        let mut lines = Lines::new(&mut reader, LINE_BYTES, gate.within);
        let outcome = gate.admit(&mut lines, &mut writer).await;
        writer.shutdown().await.unwrap();
        let mut told = Vec::new();
        let mut heard = BufReader::new(heard).lines();
        while let Some(line) = heard.next_line().await.unwrap() {
            told.push(line);
        }
        let outcome = outcome.map_or_else(|turned| turned.to_string(), |()| "let in".to_owned());
        (told, outcome)
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn w6_a_stranger_may_say_who_it_is_and_nothing_else() {
        let gate = gate();
        let (_, outcome) = check(&gate, "*IDN?\ndescribe\n").await;
        assert_eq!(outcome, "it asked for more than who is there, and showed no token");
        let (told, outcome) = check(&gate, "*IDN?\n").await;
        assert_eq!((told.len(), outcome.as_str()), (1, "has left without showing a token"));
        let (told, _) = check(&gate, "*IDN?\ndescribe\n_stop_all t {}\n\u{7f}\n").await;
        assert!(told[0].starts_with("ISSE&SINE2020,SECoP,"), "{told:?}");
        assert!(told[1].starts_with("error_describe  [\"Impossible\",\"this host wants a token"));
        assert!(told[2].starts_with("error__stop_all t [\"Impossible\""));
        assert!(told[2].ends_with("{\"authenticate\":true}]"), "{told:?}");
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn w6_the_token_opens_and_anything_else_costs_a_second_and_the_connection() {
        let gate = gate();
        let (told, outcome) = check(&gate, "_authenticate a {\"token\":\"open sesame\"}\n").await;
        assert_eq!(
            (told, outcome.as_str()),
            (vec!["_authenticated a {}".to_owned()], "let in")
        );
        for wrong in [
            "{\"token\":\"open\"}",
            "{}",
            "",
            "{",
            "\"open sesame\"",
            "{\"token\":null}",
        ] {
            let began = tokio::time::Instant::now();
            let (told, outcome) = check(&gate, &format!("_authenticate a {wrong}\n*IDN?\n")).await;
            assert_eq!(outcome, "it has shown a wrong token");
            assert!(told.len() == 1 && told[0].contains("not the token"), "{told:?}");
            assert_eq!(began.elapsed(), PENALTY);
        }
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn w6_a_stranger_has_neither_time_nor_room() {
        let gate = gate();
        let (told, outcome) = check(&gate, &"describe\n".repeat(1000)).await;
        assert_eq!((told.len(), outcome.contains("again and again")), (REQUESTS_MAX, true));
        let (told, outcome) = check(&gate, &"x".repeat(2 * LINE_BYTES)).await;
        assert!(
            told[0].contains("at most 4096 bytes") && outcome.contains("no line"),
            "{told:?}"
        );
        let (_client, server) = duplex(64);
        let (mut reader, mut writer) = split(server);
        let began = tokio::time::Instant::now();
        let mut lines = Lines::new(&mut reader, LINE_BYTES, 2 * gate.within);
        let turned = gate.admit(&mut lines, &mut writer).await.unwrap_err();
        assert!(matches!(turned, Turned::Refused(_)));
        assert_eq!(began.elapsed(), gate.within);
    }

    #[test]
    fn w6_strangers_take_no_places_of_those_who_are_let_in() {
        let gate = gate();
        let held: Vec<_> = (0..STRANGERS_PER_PEER)
            .map(|_| gate.place(Peer::User(1)).unwrap())
            .collect();
        assert!(gate.place(Peer::User(1)).is_err());
        assert!(gate.place(Peer::User(2)).is_ok());
        drop(held);
        assert!(gate.place(Peer::User(1)).is_ok());
    }
}
