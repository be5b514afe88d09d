//! The server over real sockets, with real drivers (RULES.md W).

#[path = "wire/client.rs"]
mod client;
#[path = "wire/deadlines.rs"]
mod deadlines;
#[path = "wire/device.rs"]
mod device;
#[path = "wire/faces.rs"]
mod faces;
#[path = "wire/gate.rs"]
mod gate;
#[path = "wire/locks.rs"]
mod locks;
#[path = "wire/logs.rs"]
mod logs;
#[path = "wire/messages.rs"]
mod messages;
#[path = "wire/motion.rs"]
mod motion;
#[path = "wire/owners.rs"]
mod owners;
#[path = "wire/robustness.rs"]
mod robustness;
#[path = "wire/settings.rs"]
mod settings;
#[path = "wire/talk.rs"]
mod talk;
#[path = "wire/waiting.rs"]
mod waiting;
