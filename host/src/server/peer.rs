//! Who is at the other end of a connection (O3).
//!
//! What the kernel says is true; what a network address says is a claim, and is shown as one.

use tokio::net::{TcpStream, UnixStream};

/// The peer's address, as far as one can trust it.
pub(super) fn of_tcp(stream: &TcpStream) -> String {
    match stream.peer_addr() {
        Ok(address) => format!("somebody at {address}"),
        Err(_) => "somebody who has left".to_owned(),
    }
}

/// User, program and process, from the kernel.
pub(super) fn of_unix(stream: &UnixStream) -> String {
    let Ok(credentials) = stream.peer_cred() else {
        return "somebody on this machine".to_owned();
    };
    let user = user_name(credentials.uid());
    match credentials.pid() {
        Some(pid) => match program(pid) {
            Some(program) => format!("{user}, {program}, pid {pid}"),
            None => format!("{user}, pid {pid}"),
        },
        None => user,
    }
}

/// The program of a process, by the name that it gives itself.
fn program(pid: i32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim().to_owned())
}

fn user_name(uid: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_user(&known, uid).unwrap_or_else(|| format!("user {uid}"))
}

/// The user's name in a file like `/etc/passwd`.
fn find_user(file: &str, uid: u32) -> Option<String> {
    let mut users = file.lines().map(|line| line.split(':'));
    users.find_map(|mut user| {
        let name = user.next()?;
        let number = user.nth(1)?;
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let file = "root:x:0:0:root:/root:/bin/sh\nbroken\nana:x:1000:1000::/home/ana:/bin/bash\n";
        assert_eq!(find_user(file, 1000).as_deref(), Some("ana"));
        assert_eq!(find_user(file, 100), None);
    }
}
