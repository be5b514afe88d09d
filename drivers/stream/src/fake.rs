//! An instrument for tests: the other end of a TCP connection, in a thread of the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

/// One connection, as the instrument sees it.
pub(crate) struct Served {
    reader: BufReader<TcpStream>,
}

impl Served {
    /// Waits for a connection.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        Served {
            reader: BufReader::new(stream),
        }
    }

    /// The next line that was sent, without its terminator; `None` at the end of the connection.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let line = line.strip_suffix('\n')?;
        Some(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    /// So many bytes that were sent.
    pub(crate) fn hear_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Says something, terminator included.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Says something to somebody who may have gone.
    pub(crate) fn say_into_the_void(&mut self, bytes: &[u8]) {
        let _ = self.reader.get_mut().write_all(bytes);
    }
}
