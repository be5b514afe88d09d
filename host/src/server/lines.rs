//! Lines from a socket, bounded in length and in time.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout_at},
};

/// What is read at a time.
const CHUNK: usize = 16 << 10;

/// Reads line by line.
pub(super) struct Lines<R> {
    reader: R,
    /// The longest line, without its end.
    longest: usize,
    /// How long a client may take for a line that it has begun, and for its first one.
    within: Duration,
    buffer: Vec<u8>,
    /// Where the next line begins; what lies before was returned.
    start: usize,
    /// Up to here there is no end of a line.
    searched: usize,
    /// When the line that is not complete has to be.
    deadline: Option<Instant>,
}

/// Why there is no line.
#[derive(Debug)]
pub(super) enum LineError {
    /// The line is too long, or was not ended in time; the text is for the client.
    Refused(String),
    /// The connection has failed.
    Io(io::Error),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, longest: usize, within: Duration) -> Self {
        Lines {
            reader,
            longest,
            within,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            deadline: Some(Instant::now() + within),
        }
    }

    /// From now on lines may be this long.
    pub(super) fn set_longest(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// The next line without its end; `None` when the client sends no more. What it has sent of a line then is no line.
    ///
    /// # Cancel safety
    /// Nothing that was read is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, LineError> {
        loop {
            if let Some(offset) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let (start, end) = (self.start, self.searched + offset);
                self.start = end + 1;
                self.searched = self.start;
                self.deadline = None;
                return self.checked(start, end).map(Some);
            }
            self.searched = self.buffer.len();
            self.checked(self.start, self.searched)?;
            self.forget_returned();
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    fn checked(&self, start: usize, end: usize) -> Result<&[u8], LineError> {
        if end - start > self.longest {
            let text = format!("a line has at most {} bytes", self.longest);
            return Err(LineError::Refused(text));
        }
        Ok(&self.buffer[start..end])
    }

    fn forget_returned(&mut self) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * CHUNK {
            self.buffer = Vec::new();
        }
    }

    async fn fill(&mut self) -> Result<usize, LineError> {
        self.buffer.reserve(CHUNK);
        let read = self.reader.read_buf(&mut self.buffer);
        let read = match self.deadline {
            None => read.await,
            Some(deadline) => timeout_at(deadline, read).await.map_err(|_| {
                LineError::Refused(format!("no complete line came within {} s", self.within.as_secs_f64()))
            })?,
        };
        if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + self.within);
        }
        read.map_err(LineError::Io)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::ReadBuf;

    use super::*;

    const LONGEST: usize = 1 << 20;
    const WITHIN: Duration = Duration::from_secs(60);

    /// Gives a few bytes at a time.
    struct Dripping(Vec<u8>, usize);

    impl AsyncRead for Dripping {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let count = self.1.min(self.0.len());
            let bytes: Vec<_> = self.0.drain(..count).collect();
            buf.put_slice(&bytes);
            Poll::Ready(Ok(()))
        }
    }

    async fn lines_of(bytes: &[u8], at_a_time: usize) -> Vec<String> {
        let mut lines = Lines::new(Dripping(bytes.to_vec(), at_a_time), LONGEST, WITHIN);
        let mut out = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => out.push(String::from_utf8_lossy(line).into_owned()),
                Ok(None) => return out,
                Err(error) => {
                    out.push(format!("{error:?}"));
                    return out;
                }
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn lines_come_out_however_they_come_in() {
        for at_a_time in [1, 2, 3, 100] {
            let lines = lines_of(b"one\ntwo\r\n\nthree\nhalf", at_a_time).await;
            assert_eq!(lines, ["one", "two\r", "", "three"], "{at_a_time} bytes at a time");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn w6_a_line_that_never_ends_does_not_fill_the_memory() {
        let mut longest = vec![b'x'; LONGEST];
        longest.extend(b"\nping\n");
        assert_eq!(lines_of(&longest, 10_000).await.len(), 2);
        let endless = vec![b'x'; LONGEST + 20_000];
        assert_eq!(
            lines_of(&endless, 10_000).await,
            ["Refused(\"a line has at most 1048576 bytes\")"]
        );
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn w6_a_line_has_to_end_in_time() {
        let (_client, server) = tokio::io::duplex(64);
        let mut lines = Lines::new(server, LONGEST, WITHIN);
        let started = Instant::now();
        assert!(matches!(lines.next().await, Err(LineError::Refused(_))));
        assert_eq!(started.elapsed(), WITHIN);
    }
}
