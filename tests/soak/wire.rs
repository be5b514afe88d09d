//! A client that knows of each request whether it has been answered.

use std::{
    collections::{HashMap, VecDeque},
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value as Json;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// What has not been answered by then is lost. A request is answered within 8 s, or says that it will be later, and all that
/// is set in motion has a limit; so much more is for a machine that has other things to do.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Where the host is.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) socket: std::path::PathBuf,
    /// Known once the host has said it.
    pub(crate) tcp: Option<String>,
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ended {
    /// It was answered: action and data.
    Answered(String, Json),
    /// It was refused, or it failed: the error class, and what comes with it.
    Failed(String, Json),
    /// The host closed the connection.
    Cut,
    /// Nothing came. This must never be.
    Lost(String),
}

/// A connection.
pub(crate) struct Wire {
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    waiting: Arc<Mutex<Waiting>>,
    reader: JoinHandle<()>,
    tokens: u64,
}

/// Requests without an answer, by what the answer will begin with.
#[derive(Default)]
struct Waiting {
    by_key: HashMap<String, VecDeque<oneshot::Sender<Ended>>>,
    has_ended: bool,
}

impl Wire {
    /// Connects over the Unix socket, or over TCP. Updates go to `updates`, if somebody wants them.
    pub(crate) async fn connect(
        address: &Address,
        by_tcp: bool,
        updates: Option<mpsc::UnboundedSender<String>>,
    ) -> io::Result<Wire> {
        match (&address.tcp, by_tcp) {
            (Some(tcp), true) => {
                let stream = TcpStream::connect(tcp).await?;
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.into_split();
                Ok(Wire::over(reader, writer, updates))
            }
            _ => {
                let (reader, writer) = unix(&address.socket).await?.into_split();
                Ok(Wire::over(reader, writer, updates))
            }
        }
    }

    fn over(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        updates: Option<mpsc::UnboundedSender<String>>,
    ) -> Wire {
        let waiting = Arc::<Mutex<Waiting>>::default();
        let reader = tokio::spawn(read(BufReader::new(reader), Arc::clone(&waiting), updates));
        Wire {
            writer: Box::new(writer),
            waiting,
            reader,
            tokens: 0,
        }
    }

    /// Sends a request, and gives its answer to come.
    pub(crate) async fn send(&mut self, action: &str, specifier: &str, data: &str) -> Answer {
        let (tell, answer) = oneshot::channel();
        let line = format!("{action} {specifier} {data}").trim_end().to_owned() + "\n";
        {
            let mut waiting = lock(&self.waiting);
            if !waiting.has_ended {
                waiting
                    .by_key
                    .entry(key(action, specifier))
                    .or_default()
                    .push_back(tell);
            }
        }
        // What cannot be sent is not answered, and the reader notices.
        let _ = self.writer.write_all(line.as_bytes()).await;
        Answer { answer, line }
    }

    /// Sends a request of ours, with a token of its own.
    pub(crate) async fn send_own(&mut self, action: &str, data: &str) -> Answer {
        self.tokens += 1;
        let token = format!("t{}", self.tokens);
        self.send(action, &token, data).await
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&mut self, action: &str, specifier: &str, data: &str) -> Ended {
        self.send(action, specifier, data).await.ended().await
    }

    /// Asks with a token of its own and waits for the answer.
    pub(crate) async fn ask_own(&mut self, action: &str, data: &str) -> Ended {
        self.send_own(action, data).await.ended().await
    }

    /// How many requests have no answer yet.
    pub(crate) fn unanswered(&self) -> usize {
        lock(&self.waiting).by_key.values().map(VecDeque::len).sum()
    }
}

impl Drop for Wire {
    /// Vanishes, whatever is still owed.
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// An answer to come.
pub(crate) struct Answer {
    answer: oneshot::Receiver<Ended>,
    line: String,
}

impl Answer {
    pub(crate) async fn ended(self) -> Ended {
        match timeout(ANSWER_WITHIN, self.answer).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => Ended::Cut,
            Err(_) => Ended::Lost(self.line.trim_end().to_owned()),
        }
    }
}

async fn unix(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

async fn read(
    mut lines: impl AsyncBufReadExt + Unpin,
    waiting: Arc<Mutex<Waiting>>,
    updates: Option<mpsc::UnboundedSender<String>>,
) {
    let mut line = String::new();
    while lines.read_line(&mut line).await.is_ok_and(|count| count > 0) {
        take(line.trim_end(), &waiting, updates.as_ref());
        line.clear();
    }
    let mut waiting = lock(&waiting);
    waiting.has_ended = true;
    // Whoever waits hears that nothing comes any more.
    waiting.by_key.clear();
}

/// Gives a line to whoever waits for it.
fn take(line: &str, waiting: &Mutex<Waiting>, updates: Option<&mpsc::UnboundedSender<String>>) {
    let mut parts = line.splitn(3, ' ');
    let mut next = || parts.next().unwrap_or_default();
    let (action, specifier, data) = (next(), next(), next());
    if matches!(action, "update" | "error_update") {
        if let Some(updates) = updates {
            let _ = updates.send(line.to_owned());
        }
        return;
    }
    let data: Json = serde_json::from_str(data).unwrap_or(Json::Null);
    let (key, ended) = match action.strip_prefix("error_") {
        Some(action) => {
            let class = data[0].as_str().unwrap_or("none").to_owned();
            (key(action, specifier), Ended::Failed(class, data))
        }
        None => (key(asked(action), specifier), Ended::Answered(action.to_owned(), data)),
    };
    let mut waiting = lock(waiting);
    if let Some(asked) = waiting.by_key.get_mut(&key) {
        if let Some(tell) = asked.pop_front() {
            let _ = tell.send(ended);
        }
        if asked.is_empty() {
            waiting.by_key.remove(&key);
        }
    }
}

/// What was asked, if the answer begins so.
fn asked(action: &str) -> &str {
    match action {
        "reply" => "read",
        "changed" => "change",
        "done" => "do",
        "pong" => "ping",
        "active" => "activate",
        other => other,
    }
}

/// Requests of ours go by their token alone.
fn key(action: &str, specifier: &str) -> String {
    match action.starts_with('_') {
        true => specifier.to_owned(),
        false => format!("{action} {specifier}"),
    }
}

fn lock(waiting: &Mutex<Waiting>) -> std::sync::MutexGuard<'_, Waiting> {
    waiting.lock().expect("nobody panics with it")
}
