//! A scripted SECoP server: a lab with a motor, a shutter, a pump and a broken gauge, as a host of ours would show it.
//!
//! A motion takes four steps and no time to speak of. A target beyond 10 mm sticks there, still busy, until someone
//! stops it; 13 mm is missed; at 7 mm the server closes the connection half way. So every test waits for events only.

mod answers;
mod locks;
mod logs;
mod messages;
mod settings;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value as Json, json};

use answers::{ACCESSIBLES, description, device, drivers, status, stop_report};

/// Every reading is of this time, 2023-11-14T22:13:20.25Z.
const TIME: f64 = 1_700_000_000.25;

/// The fake at work; it ends with the test process.
pub(crate) struct Fake {
    /// Where it listens.
    pub(crate) address: String,
    /// Says when a motion sticks.
    pub(crate) stuck: Receiver<()>,
}

/// A connection's state, shared by its reader and its motions.
struct Session {
    writer: Mutex<TcpStream>,
    state: Mutex<State>,
    stuck: Sender<()>,
    /// Whether it plays a node that knows nothing of our extensions.
    foreign: bool,
}

#[derive(Default)]
struct State {
    position: f64,
    busy: bool,
    /// Data of `_resolved`, once the call has ended.
    resolved: Option<Json>,
    /// Token of a `_wait` that came before.
    waiting: Option<String>,
    /// Whether a request said how long it may take: that is over at once.
    limited: bool,
    target: f64,
}

/// Starts a server that speaks SECoP with our extensions.
pub(crate) fn start() -> Fake {
    start_as(false)
}

/// Starts a server that speaks SECoP alone.
pub(crate) fn start_foreign() -> Fake {
    start_as(true)
}

fn start_as(foreign: bool) -> Fake {
    let (stuck, stuck_receiver) = mpsc::channel();
    let address = listen(move |stream| {
        let stuck = stuck.clone();
        thread::spawn(move || serve(stream, stuck, foreign));
    });
    Fake {
        address,
        stuck: stuck_receiver,
    }
}

/// Starts a server that says `greeting` and nothing else.
pub(crate) fn start_garbage(greeting: &'static [u8]) -> String {
    listen(move |mut stream| {
        let _ = stream.write_all(greeting);
        // Reading until the client leaves keeps the connection open as long as the client wants it.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    })
}

/// Lets the server at `address` be reached by one client at the socket `path`.
pub(crate) fn bridge(path: &Path, address: &str) {
    let listener = UnixListener::bind(path).unwrap();
    let mut server = TcpStream::connect(address).unwrap();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || {
            let copied = std::io::copy(&mut from_server, &mut to_client);
            // The client is to know that the server has ended; it may have left itself.
            let _ = to_client.shutdown(std::net::Shutdown::Both);
            copied
        });
        drop(listener);
        std::io::copy(&mut client, &mut server)
    });
}

fn listen(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

fn serve(stream: TcpStream, stuck: Sender<()>, foreign: bool) {
    let session = Arc::new(Session {
        writer: Mutex::new(stream.try_clone().unwrap()),
        state: Mutex::default(),
        stuck,
        foreign,
    });
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let mut parts = line.splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (action, on, data) = (next(), next(), next());
        let data = serde_json::from_str(&data).unwrap_or(Json::Null);
        session.answer(&action, &on, data);
    }
}

impl Session {
    fn answer(self: &Arc<Session>, action: &str, on: &str, data: Json) {
        match (action, on) {
            ("*IDN?", _) => self.raw("ISSE&SINE2020,SECoP,V2019-09-16,v1.0"),
            (action, on) if self.foreign && action.starts_with('_') => {
                self.send(
                    &format!("error_{action}"),
                    on,
                    json!(["ProtocolError", "unknown request", {}]),
                );
            }
            ("describe", _) => self.send("describing", ".", description(self.foreign)),
            ("activate", on) => self.activate(on),
            ("read", "stage:target_limits") => self.send("reply", on, settings::known_limits()),
            ("read", on) => match self.value(on) {
                Ok(value) => self.send("reply", on, qualified(value)),
                Err(error) => self.send("error_read", on, error),
            },
            ("change", "stage:target") => self.begin(on, target(&data)),
            ("change", "shutter:target") if data == 1 => {
                let detail = json!({ "locked_by": "ann@lab2" });
                self.send(
                    "error_change",
                    on,
                    json!(["IsBusy", "shutter is locked by ann@lab2 since 14:02", detail]),
                );
            }
            ("change", "stage:_velocity") => self.send("changed", on, self.taken(data)),
            ("do", "stage:_home") => self.begin(on, 0.0),
            ("do", "stage:stop") => self.stop(on),
            ("_cancel", token) => self.cancel(token),
            ("_stop", token) => self.stop_hard(token),
            ("_timeout", token) => {
                self.state.lock().unwrap().limited = data["seconds"] == json!(0.2);
                self.send("_timeout_is", token, data);
            }
            ("do", "pump:_dispense") if data["volume"] == 9 => {
                self.send(
                    "error_do",
                    on,
                    json!(["TimeoutError", "pump.dispense is still running", { "_call": 3 }]),
                );
            }
            ("do", "pump:_dispense") => self.send("done", on, self.taken(json!(7))),
            ("_wait", token) => self.wait(token, &data),
            ("_wait_for", token) => self.wait_for(token, &data),
            ("_introduce", token) => {
                assert!(data["program"].is_string(), "{data}");
                assert!(
                    data["pid"].is_u64() && data["user"].is_string() && data["host"].is_string(),
                    "{data}"
                );
                self.send("_introduced", token, json!({ "owner": {}, "token": "c0ffee" }));
            }
            ("_join", token) if data["token"] == "c0ffee" => self.send("_joined", token, json!({ "owner": {} })),
            ("_join", token) => {
                let text = "no session has this token; it ends with the connection that founded it";
                self.send("error__join", token, json!(["Impossible", text, {}]));
            }
            ("_lock" | "_unlock" | "_who" | "_break" | "_protect" | "_unprotect", token) => {
                for (action, data) in locks::answers(action, &data) {
                    self.send(&action, token, data);
                }
            }
            ("_log" | "_audit", token) => {
                for (action, data) in logs::answers(action, &data) {
                    self.send(&action, token, data);
                }
            }
            ("_subscribe" | "_send" | "_history", token) => {
                for (action, token, data) in messages::answers(action, token, &data) {
                    self.send(&action, &token, data);
                }
            }
            ("_set_zero" | "_reopen", token) => {
                let (action, data) = settings::answer(action, &data);
                self.send(action, token, data);
            }
            ("change", "stage:target_limits") => {
                let (action, data) = settings::limits(&data);
                self.send(action, on, data);
            }
            ("_stop_all", token) => self.send("_stopped", token, stop_report()),
            ("_status", token) => self.send("_status_is", token, status()),
            ("_device", token) => self.send("_device_is", token, device(data["device"].as_str().unwrap())),
            ("_drivers", token) => self.send("_drivers_are", token, drivers()),
            _ => self.send(&format!("error_{action}"), on, json!(["ProtocolError", "what?", {}])),
        }
    }

    /// The stage is at 2 mm, and never anywhere else; the shutter is not there.
    fn wait_for(&self, token: &str, data: &Json) {
        assert_eq!(data["progress"], true, "{data}");
        let going = |value: f64, held: f64| json!({ "call": 3, "reading": qualified(json!(value)), "distance": 2.0 - value, "held": held });
        match (data["path"].as_str(), &data["value"]) {
            (Some("stage.position"), value) if *value == json!(2.0) || *value == json!("2000 um") => {
                assert_eq!((&data["within"], &data["is"]), (&json!("10 um"), &json!("=")), "{data}");
                self.send("_waiting", token, going(1.0, 0.0));
                self.send("_waiting", token, going(2.0, 1.5));
                let reached =
                    json!({ "path": "stage.position", "reading": qualified(json!(2.0)), "held": 3.0, "elapsed": 4.5 });
                self.send("_reached", token, reached);
            }
            (Some("stage.status"), value) => {
                assert_eq!(value, "idle");
                let reached = json!({ "path": "stage.status", "reading": qualified(json!([100, ""])), "held": 0.0, "elapsed": 0.5 });
                self.send("_reached", token, reached);
            }
            (path, _) => {
                let text = format!("{} was not open within 10.0 min; it is closed", path.unwrap());
                self.send("error__wait_for", token, json!(["TimeoutError", text, {}]));
            }
        }
    }

    /// What a `changed` or `done` carries: the value, and the call that it began.
    fn taken(&self, value: Json) -> Json {
        match self.foreign {
            true => qualified(value),
            false => json!([value, { "t": TIME, "_call": 3 }]),
        }
    }

    fn activate(&self, module: &str) {
        for on in ACCESSIBLES
            .iter()
            .filter(|on| module.is_empty() || on.split(':').next() == Some(module))
        {
            match self.value(on) {
                Ok(value) => self.send("update", on, qualified(value)),
                Err(error) => self.send("error_update", on, error),
            }
        }
        self.raw(format!("active {module}").trim_end());
        if module == "gauge" {
            self.recover_and_leave();
        }
    }

    /// A gauge works again, says the same twice, grows stale, and the host ends.
    fn recover_and_leave(&self) {
        let on = "gauge:value";
        self.send("update", on, json!([12.5, { "t": TIME + 1.0 }]));
        self.send("update", on, json!([12.5, { "t": TIME + 2.0 }]));
        self.send("update", on, json!([12.5, { "t": TIME + 2.0, "q": "stale" }]));
        self.leave();
    }

    fn leave(&self) {
        let writer = self.writer.lock().unwrap();
        writer.shutdown(std::net::Shutdown::Both).unwrap();
    }

    fn value(&self, on: &str) -> Result<Json, Json> {
        let state = self.state.lock().unwrap();
        Ok(match on {
            "stage:value" | "stage:target" => json!(state.position),
            "stage:status" if state.busy => json!([300, "moving"]),
            "stage:target_limits" => json!([0.0, 45.0]),
            "stage:_velocity" => json!(5.0),
            "shutter:value" | "shutter:target" => json!(0),
            "pump:value" => json!(1.25),
            "gauge:status" => json!([400, "no reply within 2 s"]),
            "gauge:value" => return Err(json!(["CommunicationFailed", "no reply within 2 s", { "t": TIME }])),
            on if on.ends_with(":status") => json!([100, ""]),
            _ => return Err(json!(["NoSuchParameter", format!("no {on}"), {}])),
        })
    }

    /// Takes a call, and moves on a thread of its own.
    fn begin(self: &Arc<Session>, on: &str, target: f64) {
        if !(0.0..=45.0).contains(&target) {
            let text = format!("stage.position: {target:.3} mm is outside the limits 0 to 45 mm of lab.toml:12");
            let action = if on.ends_with("target") {
                "error_change"
            } else {
                "error_do"
            };
            return self.send(action, on, json!(["RangeError", text, {}]));
        }
        let start = self.state.lock().unwrap().position;
        self.state.lock().unwrap().busy = true;
        self.state.lock().unwrap().target = target;
        self.send("update", "stage:status", qualified(json!([300, "moving"])));
        let (action, value) = if on.ends_with("target") {
            ("changed", json!(target))
        } else {
            ("done", Json::Null)
        };
        self.send(action, on, self.taken(value));
        let session = self.clone();
        thread::spawn(move || session.travel(start, target));
    }

    fn travel(&self, start: f64, target: f64) {
        for step in 1..=4 {
            let position = start + (target - start) * f64::from(step) / 4.0;
            self.state.lock().unwrap().position = position.min(10.0);
            self.send("update", "stage:value", qualified(json!(position.min(10.0))));
            if target == 7.0 {
                return self.leave();
            }
        }
        if target == 13.0 {
            let text = "stage.position: the readback is 10.000 mm, 3.000 mm short of 13.000 mm (tolerance 0.010 mm)";
            self.resolve("failed", Some(json!(["HardwareError", text, {}])));
        } else if target > 10.0 && self.state.lock().unwrap().limited {
            let text = "stage.position: the write has not ended 200 ms after it began; its limit is 200 ms, set by the request";
            self.resolve("timeout", Some(json!(["TimeoutError", text, {}])));
        } else if target > 10.0 {
            self.stuck.send(()).unwrap();
        } else {
            self.resolve("done", None);
        }
    }

    /// What goes to 41 mm and beyond cannot be interrupted.
    fn cancel(&self, token: &str) {
        let data = match self.state.lock().unwrap().target {
            41.0.. => {
                json!({ "call": 3, "how": "cannot be interrupted", "text": "stage: its driver is inside the write" })
            }
            _ => json!({ "call": 3, "how": "stopping", "text": null }),
        };
        self.send("_cancelled", token, data);
    }

    /// What goes to 42 mm does not hear of anything any more.
    fn stop_hard(&self, token: &str) {
        if self.state.lock().unwrap().target == 42.0 {
            return self.stuck.send(()).unwrap();
        }
        let row = |device: &str, outcome: &str| json!({ "device": device, "outcome": outcome, "error": null, "elapsed": 0.0 });
        let devices = [row("stage", "no answer"), row("pump", "stopped")];
        self.send("_stopped", token, json!({ "devices": devices }));
    }

    fn stop(&self, on: &str) {
        if self.state.lock().unwrap().target >= 41.0 {
            return self.stuck.send(()).unwrap();
        }
        self.send("done", on, qualified(Json::Null));
        self.resolve("stopped", Some(json!(["Impossible", "stage.position was stopped", {}])));
    }

    fn resolve(&self, outcome: &str, error: Option<Json>) {
        let position = {
            let mut state = self.state.lock().unwrap();
            state.busy = false;
            state.position
        };
        let status = match &error {
            Some(error) if outcome == "failed" => json!([400, error[1]]),
            _ => json!([100, ""]),
        };
        self.send("update", "stage:status", qualified(status));
        let reading = qualified(json!(position));
        let resolved = json!({ "call": 3, "outcome": outcome, "reading": reading, "error": error, "elapsed": 0.1 });
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.resolved = Some(resolved.clone());
            state.waiting.take()
        };
        if let Some(token) = waiting {
            self.send("_resolved", &token, resolved);
        }
    }

    fn wait(&self, token: &str, data: &Json) {
        assert_eq!(data["call"], 3);
        let mut state = self.state.lock().unwrap();
        let resolved = match (&state.resolved, state.busy) {
            (Some(resolved), _) => resolved.clone(),
            // What never was busy is done already; 9 is the result of a command that took its time.
            (None, false) => {
                json!({ "call": 3, "outcome": "done", "reading": [9, { "t": TIME }], "error": null, "elapsed": 0.0 })
            }
            (None, true) => {
                state.waiting = Some(token.to_owned());
                return;
            }
        };
        drop(state);
        self.send("_resolved", token, resolved);
    }

    fn send(&self, action: &str, on: &str, data: Json) {
        self.raw(&format!("{action} {on} {data}"));
    }

    fn raw(&self, line: &str) {
        // The client may have left.
        let _ = self.writer.lock().unwrap().write_all(format!("{line}\n").as_bytes());
    }
}

fn qualified(value: Json) -> Json {
    json!([value, { "t": TIME }])
}

/// The number of a target, in mm.
fn target(data: &Json) -> f64 {
    match data.as_str() {
        Some(text) => text.strip_suffix(" um").unwrap().parse::<f64>().unwrap() / 1000.0,
        None => data.as_f64().unwrap(),
    }
}
