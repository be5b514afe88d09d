//! The Unix socket: a file that only its user may use, and that goes with the server.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::Mode,
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
};

/// Connections that may wait to be taken.
const BACKLOG: i32 = 1024;

/// A bound Unix socket. Its file is removed when it is dropped, unless it is another's by then.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl Socket {
    /// Binds the path, in place of a socket that nobody listens at any more.
    pub(super) fn bind(path: &Path) -> io::Result<Socket> {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        match new_listener(path) {
            Err(Errno::ADDRINUSE) => {
                remove_stale(path)?;
                new_listener(path)
            }
            other => other,
        }
        .map_err(io::Error::from)
        .and_then(|listener| {
            let file = identity(path)?;
            Ok(Socket {
                listener,
                path: path.to_owned(),
                file,
            })
        })
        .map_err(failed)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // A file that cannot be removed is found stale by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn new_listener(path: &Path) -> Result<UnixListener, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket = new_socket()?;
    // Before the file exists, so that nobody else gets in between.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

fn new_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Removes a socket that a server has left behind; anything else stays, and is an error.
fn remove_stale(path: &Path) -> io::Result<()> {
    let taken = |text: &str| io::Error::new(io::ErrorKind::AddrInUse, format!("{}: {text}", path.display()));
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(taken(
            "a file of that name is in the way; it is no socket, so it is not replaced",
        ));
    }
    match connect(&new_socket()?, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        _ => Err(taken(
            "another host listens there; stop it, or choose another path with --socket",
        )),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = Socket::bind(&path).err().unwrap().to_string();
        assert!(error.contains("another host listens there"), "{error}");
        drop(socket);
        assert!(!path.exists());
        fs::write(&path, "mine").unwrap();
        let error = Socket::bind(&path).err().unwrap().to_string();
        assert!(error.contains("is no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_socket_that_took_the_place_of_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.sock");
        let ours = Socket::bind(&path).unwrap();
        fs::rename(&path, folder.path().join("old.sock")).unwrap();
        let _theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(ours);
        assert!(path.exists());
    }
}
