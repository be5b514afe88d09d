//! Frames: how a message gets through a socket.
//!
//! ```text
//! 0..4    length of the head, little-endian
//! 4..8    length of the bulk, little-endian
//! 8..     the head: a message, as postcard has it
//! ..      the bulk: the elements of an array, as they lie in memory
//! ```
//!
//! What comes from a child may be anything: its driver may have written all over its memory. So nothing is believed of a
//! length but that so many bytes may follow; memory is taken as they come.

use std::{
    io::{self, IoSlice},
    marker::PhantomData,
    os::fd::AsFd,
};

use rustix::{
    buffer::spare_capacity,
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags},
};
use serde::{Serialize, de::DeserializeOwned};

use super::message::Report;

/// The longest head: a text of that length is still carried.
const HEAD_MAX: usize = 16 << 20;
/// The longest bulk.
const BULK_MAX: usize = 1 << 30;
const PREFIX: usize = 8;
/// So much is read at once where no more is known to come.
const CHUNK: usize = 16 << 10;
/// So much address space is taken for a bulk before any of it has come; memory only as it is written to.
const FIRST: usize = 16 << 20;

/// Why bytes are no frame. Whoever sent them is not to be trusted with another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length is beyond what any message needs.
    #[error("a message with a part of {0} bytes is too long")]
    TooLong(usize),
    /// The head is no message.
    #[error("a message makes no sense: {0}")]
    Nonsense(String),
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// The first frame in `bytes` that a child may have sent on its call channel, and how long it is; `None` if there is more
/// to come. Never panics, and takes no more memory than there are bytes.
///
/// # Errors
/// If no frame begins like this.
pub fn decode(bytes: &[u8]) -> Result<Option<(Report, Vec<u8>, usize)>, FrameError> {
    decode_as(bytes)
}

/// As [`decode`], for any kind of message.
///
/// # Errors
/// If no frame begins like this.
pub fn decode_as<M: DeserializeOwned>(bytes: &[u8]) -> Result<Option<(M, Vec<u8>, usize)>, FrameError> {
    let Some(lengths) = Lengths::of(bytes)? else {
        return Ok(None);
    };
    let Some(head) = bytes.get(PREFIX..PREFIX + lengths.head) else {
        return Ok(None);
    };
    let message = parse(head)?;
    let begin = PREFIX + lengths.head;
    let bulk = bytes.get(begin..begin + lengths.bulk);
    Ok(bulk.map(|bulk| (message, bulk.to_vec(), begin + lengths.bulk)))
}

/// A message and its bulk as they go over the wire, in one piece.
pub fn encode<M: Serialize>(message: &M, bulk: &[u8]) -> Vec<u8> {
    let mut frame = head(message, bulk.len()).unwrap_or_default();
    frame.extend_from_slice(bulk);
    frame
}

struct Lengths {
    head: usize,
    bulk: usize,
}

impl Lengths {
    fn of(bytes: &[u8]) -> Result<Option<Lengths>, FrameError> {
        let number = |at: usize| -> Option<usize> {
            let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes) as usize)
        };
        let (Some(head), Some(bulk)) = (number(0), number(4)) else {
            return Ok(None);
        };
        if head > HEAD_MAX || bulk > BULK_MAX {
            return Err(FrameError::TooLong(head.max(bulk)));
        }
        Ok(Some(Lengths { head, bulk }))
    }
}

fn parse<M: DeserializeOwned>(head: &[u8]) -> Result<M, FrameError> {
    match postcard::take_from_bytes(head) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(FrameError::Nonsense(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(FrameError::Nonsense(error.to_string())),
    }
}

/// Prefix and head.
fn head<M: Serialize>(message: &M, bulk: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend_from_slice(&[0; PREFIX]);
    let mut bytes = postcard::to_extend(message, bytes).map_err(io::Error::other)?;
    let length = bytes.len() - PREFIX;
    if length > HEAD_MAX || bulk > BULK_MAX {
        return Err(io::Error::other(FrameError::TooLong(length.max(bulk))));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[4..8].copy_from_slice(&(bulk as u32).to_le_bytes());
    Ok(bytes)
}

/// Sends a message, and waits until all of it is on its way.
pub(super) fn send<M: Serialize>(socket: impl AsFd, message: &M, bulk: &[u8]) -> io::Result<()> {
    let head = head(message, bulk.len())?;
    let (mut head, mut bulk) = (head.as_slice(), bulk);
    while !head.is_empty() || !bulk.is_empty() {
        let pieces = [IoSlice::new(head), IoSlice::new(bulk)];
        let mut nothing = SendAncillaryBuffer::default();
        let sent = match rustix::net::sendmsg(&socket, &pieces, &mut nothing, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => continue,
            sent => sent?,
        };
        let of_head = sent.min(head.len());
        head = &head[of_head..];
        bulk = &bulk[sent - of_head..];
    }
    Ok(())
}

/// What became of a look at a socket.
#[derive(Debug, PartialEq)]
pub(super) enum Read<M> {
    /// A message and its bulk.
    Message(M, Vec<u8>),
    /// There is no whole message yet.
    Nothing,
    /// The other side is gone.
    End,
}

/// Puts frames together as their bytes come in.
pub(super) struct Reader<M> {
    /// What has come and is not understood yet lies from `begin` on.
    buffer: Vec<u8>,
    begin: usize,
    /// A message whose bulk is still coming, and how long that will be.
    partial: Option<(M, Vec<u8>, usize)>,
    _message: PhantomData<fn() -> M>,
}

impl<M: DeserializeOwned> Reader<M> {
    pub(super) fn new() -> Self {
        Reader {
            buffer: Vec::with_capacity(CHUNK),
            begin: 0,
            partial: None,
            _message: PhantomData,
        }
    }

    /// The next message. Waits for it, unless the flags say otherwise.
    ///
    /// # Errors
    /// What the system says, or that what came is no frame.
    pub(super) fn read(&mut self, socket: impl AsFd, flags: RecvFlags) -> io::Result<Read<M>> {
        loop {
            if let Some((message, bulk)) = self.take()? {
                return Ok(Read::Message(message, bulk));
            }
            match self.receive(&socket, flags) {
                Ok(0) => return Ok(Read::End),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Read::Nothing),
                // It was killed with something of ours unread.
                Err(Errno::CONNRESET) => return Ok(Read::End),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn receive(&mut self, socket: impl AsFd, flags: RecvFlags) -> rustix::io::Result<usize> {
        if let Some((_, bulk, length)) = &mut self.partial {
            let missing = *length - bulk.len();
            bulk.reserve_exact(missing.min(bulk.len().max(FIRST)));
            return Ok(rustix::net::recv(socket, spare_capacity(bulk), flags)?.1);
        }
        if self.begin > 0 {
            self.buffer.drain(..self.begin);
            self.begin = 0;
        }
        self.buffer.reserve(CHUNK);
        Ok(rustix::net::recv(socket, spare_capacity(&mut self.buffer), flags)?.1)
    }

    /// The next message of what has come, if it is whole.
    fn take(&mut self) -> Result<Option<(M, Vec<u8>)>, FrameError> {
        if self.partial.is_none() {
            let bytes = &self.buffer[self.begin..];
            let Some(lengths) = Lengths::of(bytes)? else {
                return Ok(None);
            };
            let Some(head) = bytes.get(PREFIX..PREFIX + lengths.head) else {
                return Ok(None);
            };
            let message = parse(head)?;
            let rest = &bytes[PREFIX + lengths.head..];
            let bulk = rest[..rest.len().min(lengths.bulk)].to_vec();
            self.begin += PREFIX + lengths.head + bulk.len();
            self.partial = Some((message, bulk, lengths.bulk));
        }
        let Some((message, mut bulk, length)) = self.partial.take_if(|(_, bulk, length)| bulk.len() >= *length) else {
            return Ok(None);
        };
        // The memory for the bulk may have had room for the beginning of what follows; nothing else is in the buffer then.
        self.buffer.extend(bulk.drain(length..));
        Ok(Some((message, bulk)))
    }
}

#[cfg(test)]
mod tests;
