//! What holds of whatever a client sends.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use baton_plugin_api::{Datatype, Field, source::Source};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncRead, ReadBuf},
    runtime::Runtime,
};

use super::{
    Server, Shared,
    lines::{LineError, Lines},
    reply::Line,
    request::Request,
    session::Session,
    value,
};
use crate::{
    cli::fuzzing::message,
    config::{Execution, Files, NoDrivers, System, resolve},
    dispatcher::Taken,
    lab::Lab,
    owner::Identity,
    plugin::Drivers,
};

/// What is said without having been asked for at that moment.
const TOLD: [&str; 6] = ["_message", "_logged", "_audited", "_lost", "_waiting", "log"];
/// The longest line, more than there are bytes, and one that is soon too long.
const LONGEST: usize = 1 << 20;
const SHORT: usize = 30;
/// Most bytes of the reply to a line that cannot be understood.
const ERROR_MAX: usize = 8 << 10;

/// Takes bytes as all that one client sends.
///
/// However they are cut into packets, they are the same lines. Each line asks for nothing, or is a request that is the same
/// after it was written and read again, or is refused; and each that asks gets one answer, on one line, that our own client
/// understands. A value that is taken for a datatype is the same value after a round over the wire.
pub fn dialogue(bytes: &[u8]) {
    thread_local! {
        static SERVER: (Runtime, Arc<Shared>) = (runtime(), shared());
    }
    SERVER.with(|(runtime, shared)| {
        let _entered = runtime.enter();
        let lines = cut(bytes, bytes.len().max(1), LONGEST);
        assert_eq!(
            cut(bytes, 1 + bytes.len() % 7, LONGEST),
            lines,
            "lines depend on packets"
        );
        let short = lines.iter().take_while(|line| line.len() <= SHORT);
        assert!(
            short.eq(&cut(bytes, 1 + bytes.len() % 5, SHORT)),
            "a line is longer than it may be"
        );
        let mut session = Session::new(shared, Identity::default());
        for line in &lines {
            request_holds(line);
            answers_hold(&mut session, line);
        }
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread")
}

/// A server of a lab without devices.
fn shared() -> Arc<Shared> {
    let files = Files::from_sources("/lab", [Source::new("lab.toml", "[lab]\nname = \"empty\"\n")]);
    let mut config = resolve(&files, &NoDrivers, &System, None).config.expect("it is sound");
    config.host.execution = Execution::Inline;
    let lab = Lab::open(config, Drivers::default()).expect("there is nothing to open");
    let server = Server::bind(&lab, None, None).expect("there is no address to bind");
    server.shared
}

/// The lines in bytes that come so many at a time, up to one that is too long.
fn cut(bytes: &[u8], at_a_time: usize, longest: usize) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(Packets { bytes, at_a_time }, longest, Duration::from_secs(60));
    let mut found = Vec::new();
    loop {
        match ready(lines.next()).expect("nothing waits") {
            Ok(Some(line)) => found.push(line.to_vec()),
            Ok(None) | Err(LineError::Refused(_)) => return found,
            Err(LineError::Io(error)) => panic!("nothing fails: {error}"),
        }
    }
}

struct Packets<'a> {
    bytes: &'a [u8],
    at_a_time: usize,
}

impl AsyncRead for Packets<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = self.at_a_time.min(self.bytes.len()).min(buf.remaining());
        let (now, later) = self.bytes.split_at(count);
        buf.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

/// What a future gives at once.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn request_holds(line: &[u8]) {
    match Request::parse(line) {
        Ok(None) => assert!(String::from_utf8_lossy(line).trim().is_empty()),
        Ok(Some(request)) => {
            let written = Line::new(request.action, request.specifier, request.data);
            let written = one_line(written.as_str());
            assert_eq!(Request::parse(written.as_bytes()), Ok(Some(request)));
            match request.json() {
                Ok(json) => datatypes().iter().for_each(|datatype| value_holds(&json, datatype)),
                Err(report) => assert_eq!(report.to_json()[0], "BadJSON"),
            }
        }
        Err(malformed) => {
            assert!(malformed.action.bytes().all(|byte| byte.is_ascii_graphic()));
            let line = Line::error(&malformed.action, "", &malformed.report);
            assert!(one_line(line.as_str()).len() < ERROR_MAX);
        }
    }
}

/// The text without its end; there is one, and it is at the end.
fn one_line(text: &str) -> &str {
    let line = text.strip_suffix('\n').expect("a line has an end");
    assert!(!line.contains('\n'), "two lines: {text:?}");
    line
}

/// One datatype of each kind, and some put together.
fn datatypes() -> Vec<Datatype> {
    let array = |element, shape: &[u64]| Datatype::Array {
        element: Box::new(element),
        shape: shape.to_vec(),
    };
    let colours = || Datatype::enumeration(["red", "green"]);
    let field = |name: &str, datatype, optional| Field {
        name: name.to_owned(),
        datatype,
        unit: String::new(),
        limits: None,
        optional,
    };
    let fields = vec![
        field("n", Datatype::Float, false),
        field("colours", array(colours(), &[2]), true),
    ];
    vec![
        Datatype::Unit,
        Datatype::Bool,
        Datatype::Float,
        Datatype::ANY_INT,
        Datatype::Int { min: -3, max: 200 },
        Datatype::Text { max_chars: Some(40) },
        Datatype::Bytes { max_bytes: 40 },
        array(Datatype::Float, &[8]),
        array(Datatype::ANY_INT, &[2, 3]),
        array(Datatype::Bytes { max_bytes: 9 }, &[3]),
        Datatype::Record { fields },
        colours(),
    ]
}

/// A value that is taken once is taken again, and is the same.
fn value_holds(json: &Json, datatype: &Datatype) {
    let take = |json: Json| value::parse(json, datatype)?.conform(datatype);
    let Ok(taken) = take(json.clone()) else { return };
    let sent = value::to_string(&taken, datatype);
    assert!(!sent.contains('\n'));
    let again = serde_json::from_str(&sent).unwrap_or_else(|error| panic!("{error} in {sent} for {datatype:?}"));
    assert_eq!(take(again), Ok(taken), "{sent} for {datatype:?}");
}

/// Whoever asks gets one answer, or waits for it.
fn answers_hold(session: &mut Session, line: &[u8]) {
    let owed = session.has_pending();
    session.handle(line);
    while let Some(next) = ready(session.next()) {
        session.deliver(next);
    }
    let answers: Vec<_> = session
        .queue()
        .take_all()
        .filter_map(|taken| match taken {
            Taken::Reply(line) => Some(line),
            Taken::Message(_) => None,
        })
        .collect();
    for answer in &answers {
        message(one_line(answer.as_str()));
    }
    let is_told = |line: &Line| TOLD.contains(&line.as_str().split([' ', '\n']).next().unwrap_or_default());
    let answers: Vec<_> = answers.iter().filter(|line| !is_told(line)).collect();
    let asks = !matches!(Request::parse(line), Ok(None));
    let is_help = Request::parse(line).is_ok_and(|request| request.is_some_and(|request| request.action == "help"));
    let waits = owed || session.has_pending();
    assert!(
        is_help || waits || answers.len() == usize::from(asks),
        "{} answers to {:?}",
        answers.len(),
        String::from_utf8_lossy(line)
    );
}
