//! Instruments from files whose answers tell several parameters at once.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use baton_tests::lab::{lab, number};

const FILE: &str = r#"
[instrument]
name = "Supply"
[line]
terminator = "\n"
reply_timeout = "10 s"
[readings.all]
send = "ALL?"
expect = "{voltage:f},{current:f},{power:f}"
[parameters.voltage]
poll = "1 h"
[parameters.current]
poll = "1 h"
[parameters.power]
poll = "0 s"
"#;

/// An instrument that answers each question with the number of it, and how many there were.
fn instrument() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                let n = counter.fetch_add(1, Ordering::SeqCst) + 1;
                writeln!(stream.get_mut(), "{n},{n},{n}").unwrap();
                line.clear();
            }
        }
    });
    (address, asked)
}

/// One answer serves all parameters of a round of polls, and `get` asks for an answer of its own (D1).
#[test]
fn d1_what_one_answer_tells_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("supply.toml");
    std::fs::write(&file, FILE).unwrap();
    let (address, asked) = instrument();
    let lab = lab(&format!(
        "[devices.supply]\ndriver = \"stream\"\ntype = \"instrument\"\noptions = {{ file = {file:?}, address = \"{address}\" }}\n"
    ));
    let me = lab.owner("test");
    assert_eq!(number(me.get("supply.voltage")), 2.0);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "one for the polls after opening, one for `get`"
    );
    assert_eq!(number(me.get("supply.power")), 3.0);
    assert_eq!(number(me.get("supply.current")), 4.0);
}
