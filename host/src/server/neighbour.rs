//! Binding an address, and finding out who has it if it is taken (X4).

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    time::Duration,
};

use serde_json::Value as Json;

use crate::config::Secret;

/// How long whoever has the address may take for each of its answers.
const PATIENCE: Duration = Duration::from_millis(500);
/// The longest description that is read.
const ANSWER_MAX: u64 = 4 << 20;

/// Binds `address`; if it is taken, the error says by whom. Other machines can only reach it where there is a token.
pub(super) fn bind(address: &str, token: Option<&Secret>) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let text = match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{address} is taken by {}; stop it, or choose another address with --listen",
                who_has(address).unwrap_or_else(|| "another program".to_owned())
            ),
            io::ErrorKind::InvalidInput => format!("`{address}` is no address: expected HOST:PORT"),
            _ => format!("{address}: {error}"),
        };
        io::Error::new(error.kind(), text)
    })?;
    if token.is_none() && is_open_to_others(&listener)? {
        let text = format!(
            "{address} is open to other machines, and there is no token that would keep strangers out: set `token = \
             {{ file = \"…\" }}` in [host], or give --token-file or BATON_TOKEN; or listen at 127.0.0.1, or on a Unix \
             socket alone"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(listener)
}

/// Whether other machines can reach it.
pub(super) fn is_open_to_others(listener: &TcpListener) -> io::Result<bool> {
    Ok(!listener.local_addr()?.ip().to_canonical().is_loopback())
}

/// Who listens at the address, if it tells.
fn who_has(address: &str) -> Option<String> {
    let mut addresses = address.to_socket_addrs().ok()?;
    let mut stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, PATIENCE).ok())?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"*IDN?\ndescribe\n").ok()?;
    let mut lines = BufReader::new(stream.take(ANSWER_MAX)).lines();
    let ident = lines.next()?.ok()?;
    if !ident.contains(",SECoP,") {
        return Some("a program that is no SECoP node".to_owned());
    }
    let description = lines.next().and_then(Result::ok);
    let description = description.and_then(|line| serde_json::from_str(&line[line.find('{')?..]).ok());
    Some(describe(description.as_ref()))
}

fn describe(description: Option<&Json>) -> String {
    let text = |key: &str| description.and_then(|description| description.get(key)?.as_str());
    let id = text("equipment_id").unwrap_or("without a name");
    let firmware = text("firmware").unwrap_or_default();
    match firmware.to_lowercase() {
        firmware if firmware.starts_with("baton") => format!("another Baton, lab `{id}`"),
        firmware if firmware.contains("frappy") => format!("the frappy node `{id}`"),
        _ => format!("the SECoP node `{id}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn x4_who_has_the_address_is_named() {
        let check = |json: Json| describe(Some(&json));
        assert_eq!(
            check(json!({"equipment_id": "xrd", "firmware": "baton 0.1.0"})),
            "another Baton, lab `xrd`"
        );
        assert_eq!(
            check(json!({"equipment_id": "cryo", "firmware": "FRAPPY - The Python Framework for SECoP"})),
            "the frappy node `cryo`"
        );
        assert_eq!(describe(None), "the SECoP node `without a name`");
    }
}
