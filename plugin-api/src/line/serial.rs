//! Serial ports, and pseudo-terminals, which are serial ports that a program serves.

use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, OFlags, flock, major},
    io::Errno,
    termios::{QueueSelector, ioctl_tiocexcl, ioctl_tiocnxcl, tcflush},
};
use serial2::SerialPort;

use super::{
    Flow, Limits, Parity, SerialAddress, Transport, holder,
    wait::{CHUNK, is_nothing, readable, write_all},
};

/// A serial port that nobody else has.
pub(super) struct Serial {
    port: SerialPort,
    is_pty: bool,
    limits: Limits,
}

impl Serial {
    pub(super) fn open(address: &SerialAddress, limits: &Limits) -> io::Result<Self> {
        let path = address.path.as_path();
        let (fd, is_pty) = take(path)?;
        let serial = Serial {
            port: fd.into(),
            is_pty,
            limits: limits.clone(),
        };
        serial.set_up(address)?;
        // What was said to whoever had the port before is for nobody.
        tcflush(&serial.port, QueueSelector::IOFlush)?;
        Ok(serial)
    }

    fn set_up(&self, address: &SerialAddress) -> io::Result<()> {
        // A clone of the descriptor: setting up wants a `&mut`, and is over when it has returned.
        let mut port = self.port.try_clone()?;
        let mut settings = port.get_configuration()?;
        settings.set_raw();
        settings.set_baud_rate(address.baud)?;
        // A pseudo-terminal carries whole bytes, whatever it is told, and has no other wires than these.
        if !self.is_pty {
            settings.set_char_size(match address.data {
                5 => serial2::CharSize::Bits5,
                6 => serial2::CharSize::Bits6,
                7 => serial2::CharSize::Bits7,
                _ => serial2::CharSize::Bits8,
            });
            settings.set_parity(match address.parity {
                Parity::None => serial2::Parity::None,
                Parity::Even => serial2::Parity::Even,
                Parity::Odd => serial2::Parity::Odd,
            });
            settings.set_stop_bits(match address.stop {
                2 => serial2::StopBits::Two,
                _ => serial2::StopBits::One,
            });
            settings.set_flow_control(match address.flow {
                Flow::None => serial2::FlowControl::None,
                Flow::Hardware => serial2::FlowControl::RtsCts,
                Flow::Software => serial2::FlowControl::XonXoff,
            });
        }
        port.set_configuration(&settings)
            .map_err(|error| match error.raw_os_error() {
                Some(_) => error,
                None => io::Error::other(format!("the port does not take these settings: {}", address.settings())),
            })?;
        if let Some(high) = address.dtr {
            self.wire("DTR", port.set_dtr(high))?;
        }
        if let Some(high) = address.rts {
            self.wire("RTS", port.set_rts(high))?;
        }
        Ok(())
    }

    /// A pseudo-terminal has no such wires, which is no reason not to talk.
    fn wire(&self, name: &str, outcome: io::Result<()>) -> io::Result<()> {
        match outcome {
            Err(error) if !self.is_pty => Err(io::Error::new(error.kind(), format!("{name} cannot be set: {error}"))),
            _ => Ok(()),
        }
    }
}

/// Opens the port and keeps others off (RULES.md X4), before anything of it is changed: it may be somebody's.
fn take(path: &Path) -> io::Result<(OwnedFd, bool)> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| not_opened(path, error))?;
    let metadata = file.metadata()?;
    if !metadata.file_type().is_char_device() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this is no serial port, but a file",
        ));
    }
    let fd = OwnedFd::from(file);
    match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            drop(fd);
            return Err(taken(path));
        }
        other => other?,
    }
    // A pseudo-terminal stays exclusive after it was closed, as long as the program that serves it is there: a host that
    // was killed could not come back.
    let is_pty = is_pty(metadata.rdev());
    if !is_pty && let Err(error) = ioctl_tiocexcl(&fd) {
        return Err(match error {
            Errno::NOTTY => io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is no serial port, but another device",
            ),
            error => error.into(),
        });
    }
    Ok((fd, is_pty))
}

/// Linux has the ends of pseudo-terminals under these numbers (`Documentation/admin-guide/devices.txt`).
fn is_pty(device: u64) -> bool {
    (136..=143).contains(&major(device))
}

fn taken(path: &Path) -> io::Error {
    let who = holder::of(path);
    io::Error::new(io::ErrorKind::ResourceBusy, format!("the port is in use{who}"))
}

fn not_opened(path: &Path, error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ResourceBusy => taken(path),
        io::ErrorKind::NotFound => io::Error::new(error.kind(), format!("there is no such port{}", holder::ports())),
        io::ErrorKind::PermissionDenied => {
            let group = holder::group(path);
            io::Error::new(error.kind(), format!("this user may not open it{group}"))
        }
        _ => error,
    }
}

impl Transport for Serial {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = |port: &SerialPort, bytes: &[u8]| rustix::io::write(port, bytes).map_err(hung_up);
        write_all(&self.port, bytes, self.limits.send, write)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        if !wait.is_zero() && !readable(&self.port, wait)? {
            return Ok(0);
        }
        let mut buffer = [0; CHUNK];
        match rustix::io::read(&self.port, &mut buffer).map_err(hung_up) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(came) => {
                received.extend_from_slice(&buffer[..came]);
                Ok(came)
            }
            Err(error) if is_nothing(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Opening the port again would only make some instruments start anew, and sever nothing.
    fn reconnect(&mut self) -> io::Result<()> {
        Ok(tcflush(&self.port, QueueSelector::IOFlush)?)
    }

    fn has_connections(&self) -> bool {
        false
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        // What the other side does not take must not hold up the closing, which the system does for up to 30 s.
        tcflush(&self.port, QueueSelector::IOFlush).ok();
        if !self.is_pty {
            ioctl_tiocnxcl(&self.port).ok();
        }
    }
}

/// An adapter that was pulled out, or a pseudo-terminal whose program has ended.
fn hung_up(error: Errno) -> io::Error {
    match error {
        Errno::IO | Errno::NODEV | Errno::NXIO => io::ErrorKind::UnexpectedEof.into(),
        error => error.into(),
    }
}
