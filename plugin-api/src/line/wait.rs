//! Waiting for a file descriptor.

use std::{
    io,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Waits until something can be read, or the line has ended, but at most so long. Says whether it can.
pub(super) fn readable(fd: impl AsFd, wait: Duration) -> io::Result<bool> {
    ready(fd, PollFlags::IN, wait)
}

/// Waits until something can be written, or the line has ended, but at most so long. Says whether it can.
pub(super) fn writable(fd: impl AsFd, wait: Duration) -> io::Result<bool> {
    ready(fd, PollFlags::OUT, wait)
}

fn ready(fd: impl AsFd, flags: PollFlags, wait: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + wait;
    let mut fds = [PollFd::new(&fd, flags)];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

/// Whether an operation that does not wait found nothing to do.
pub(super) fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Writes all of `bytes` to what does not wait by itself; gives up when nothing is taken for `limit`.
pub(super) fn write_all<T: AsFd>(to: &T, mut bytes: &[u8], limit: Duration, write: Write<T>) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if !is_nothing(&error) => return Err(error),
            Err(_) if writable(to, limit)? => {}
            Err(_) => {
                let what = format!("nothing of what was sent was taken for {limit:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
        }
    }
    Ok(())
}

type Write<T> = fn(&T, &[u8]) -> io::Result<usize>;

/// How much one read takes at most.
pub(super) const CHUNK: usize = 4096;
