//! Several instruments on one line, among them one that is dead.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use baton_host::failure::Failure;
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{Follower, failure, lab, number};
use tempfile::TempDir;

/// What the stations do, and how often each was asked.
#[derive(Default)]
struct Stations {
    asked: HashMap<String, usize>,
    dead: Vec<&'static str>,
    /// These answer together with the next who does.
    slow: Vec<&'static str>,
    /// Everything that was said to the line.
    heard: Vec<String>,
    /// Said before the next answer, whoever gives that.
    late: String,
}

/// A line on which `#NN?` is answered by `NN V`, where V is the station's number and how often it was asked.
struct Bus {
    stations: Arc<Mutex<Stations>>,
    folder: TempDir,
    address: String,
}

const ADDRESSED: &str = r##"
    [instrument]
    name = "Thermometer"
    [line]
    terminator = "\r"
    reply_timeout = "100 ms"
    [settings.station]
    type = "integer"
    [parameters.temperature]
    read = { send = "#{$station:02d}?", expect = "{$station:02d} {:f}" }
    poll = "50 ms"
"##;

const SELECTED: &str = r##"
    [instrument]
    name = "Multimeter"
    [line]
    terminator = "\r"
    reply_timeout = "100 ms"
    [parameters.voltage]
    read = { send = "V?", expect = "{:f}" }
    poll = "50 ms"
"##;

impl Bus {
    fn new(file: &str, dead: &[&'static str]) -> Bus {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stations = Arc::new(Mutex::new(Stations {
            dead: dead.to_vec(),
            ..Stations::default()
        }));
        let shared = Arc::clone(&stations);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut selected = String::new();
                let reader = BufReader::new(stream.try_clone().unwrap());
                for line in reader.split(b'\r') {
                    let Ok(line) = line else { break };
                    let line = String::from_utf8(line).unwrap();
                    let answer = shared.lock().unwrap().hear(&line, &mut selected);
                    if (&stream).write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.toml"), file).unwrap();
        Bus {
            stations,
            folder,
            address,
        }
    }

    /// A lab with these stations on the line.
    fn config(&self, line: &str, stations: &[(&str, u32)]) -> String {
        let file = self.folder.path().join("station.toml");
        let mut text = format!(
            "[controllers.bus]\ndriver = \"stream\"\ntype = \"line\"\noptions = {{ address = \"{}\" {line} }}\n",
            self.address
        );
        for (name, station) in stations {
            text.push_str(&format!(
                "[devices.{name}]\ncontroller = \"bus\"\ntype = \"instrument\"\n\
                 options = {{ file = \"{}\", station = {station} }}\n",
                file.display()
            ));
        }
        text
    }

    fn stations(&self) -> std::sync::MutexGuard<'_, Stations> {
        self.stations.lock().unwrap()
    }
}

impl Stations {
    fn hear(&mut self, line: &str, selected: &mut String) -> String {
        self.heard.push(line.to_owned());
        let (station, prefix) = match (line.strip_prefix("++addr "), line.strip_prefix('#')) {
            (Some(station), _) => {
                *selected = station.to_owned();
                return String::new();
            }
            (None, Some(question)) => {
                let station = question.trim_end_matches('?').to_owned();
                (station.clone(), format!("{station} "))
            }
            (None, None) => (selected.clone(), String::new()),
        };
        let count = self.asked.entry(station.clone()).or_default();
        *count += 1;
        let count = *count;
        let answer = format!("{prefix}{station}{count:04}\r");
        if self.dead.contains(&station.as_str()) {
            return String::new();
        }
        if self.slow.contains(&station.as_str()) {
            self.late = answer;
            return String::new();
        }
        std::mem::take(&mut self.late) + &answer
    }

    fn asked(&self, station: &str) -> usize {
        self.asked.get(station).copied().unwrap_or_default()
    }
}

#[test]
fn a_dead_station_does_not_take_its_neighbour_along() {
    let bus = Bus::new(ADDRESSED, &["04"]);
    let lab = lab(&bus.config("", &[("alive", 3), ("dead", 4)]));
    let mut follower = Follower::new(&lab, &["alive", "dead"]);
    follower.until("dead is Error: no reply to `#04?` within 100ms");
    // Numbers are skipped: in doubt a station is asked twice.
    follower.until("alive.temperature 3002");
    let dead = bus.stations().asked("04");
    assert!((1..=8).contains(&dead), "asked {dead} times");
    let lines = follower.lines.join("\n");
    assert!(!lines.contains("alive is Error"), "{lines}");
    // A request of somebody still asks, and is told why not.
    let me = lab.owner("test");
    let failed = failure(me.get("dead"));
    assert!(
        matches!(&failed, Failure::Driver { error, .. } if error.kind() == ErrorKind::Timeout),
        "{failed}"
    );
    assert!(number(me.get("alive")) >= 30_020.0);
    // It comes back by itself.
    bus.stations().dead.clear();
    let from = follower.lines.len();
    follower.until_after(from, "dead is Idle");
}

#[test]
fn a_late_answer_of_one_is_not_taken_for_that_of_another() {
    for (file, line) in [
        (ADDRESSED, ""),
        (SELECTED, ", select = \"++addr {station:02}\", terminator = \"\\r\""),
    ] {
        let bus = Bus::new(file, &[]);
        let lab = lab(&bus.config(line, &[("one", 3), ("two", 4)]));
        let mut follower = Follower::new(&lab, &["one", "two"]);
        follower.until("two is Idle");
        for _ in 0..5 {
            let from = follower.take().len();
            bus.stations().slow = vec!["04"];
            follower.until_after(from, "two is Error");
            bus.stations().slow.clear();
            let back = follower.until_after(from, "two is Idle");
            follower.until_after(back, "one.");
            follower.until_after(back, "two.");
        }
        let told: Vec<&String> = follower.lines.iter().filter(|line| line.starts_with("one.")).collect();
        assert!(told.len() > 5);
        for line in told {
            assert!(line.split(' ').nth(1).unwrap().starts_with('3'), "{line}");
        }
    }
}

#[test]
fn a_line_that_is_lost_takes_all_along_and_brings_all_back() {
    let bus = Bus::new(ADDRESSED, &[]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap().to_string();
    let config = bus
        .config("", &[("one", 3), ("two", 4)])
        .replace(&bus.address, &address);
    // Accepts, and hangs up at once; then passes on to the bus.
    let target = bus.address.clone();
    thread::spawn(move || {
        drop(gone.accept());
        for near in gone.incoming() {
            let near = near.unwrap();
            let far = std::net::TcpStream::connect(&target).unwrap();
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            thread::spawn(move || std::io::copy(&mut &far, &mut &near));
        }
    });
    let lab = lab(&config);
    let mut follower = Follower::new(&lab, &["one", "two"]);
    let down = follower.until("is Error: not connected");
    follower.until_after(down, "one is Idle");
    follower.until_after(down, "two is Idle");
    let me = lab.owner("test");
    assert!(number(me.get("one")) >= 30_000.0 && number(me.get("two")) >= 40_000.0);
}

#[test]
fn an_adapter_is_told_whom_one_speaks_to_only_when_that_changes() {
    let bus = Bus::new(SELECTED, &[]);
    let line = ", select = \"++addr {station}\", terminator = \"\\r\", init = [\"++mode 1\", \"++auto 1\"]";
    let lab = lab(&bus.config(line, &[("one", 3), ("two", 14)]));
    let me = lab.owner("test");
    for _ in 0..3 {
        assert!((30_000.0..40_000.0).contains(&number(me.get("one"))));
        assert!((140_000.0..150_000.0).contains(&number(me.get("two"))));
        assert!((140_000.0..150_000.0).contains(&number(me.get("two"))));
    }
    let heard = bus.stations().heard.clone();
    assert_eq!(heard[..3], ["++mode 1", "++auto 1", "++addr 3"]);
    let told = heard
        .windows(2)
        .any(|pair| pair[0].starts_with("++addr") && pair[0] == pair[1]);
    assert!(!told, "{heard:?}");
    let mut last = String::new();
    for line in heard.iter().filter(|line| line.starts_with("++addr")) {
        assert_ne!(*line, last);
        last = line.clone();
    }
}
