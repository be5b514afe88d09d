//! The lab that is soaked: simulated devices of every type, alone, as parts of others, and several on one line.

use std::fmt::Write;

/// Axes of one motion controller.
const AXES: usize = 5;

/// What a device is, and so what can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Motor,
    Shutter,
    Pump,
    Oven,
    Supply,
    Detector,
    Slit,
}

/// A device of the lab.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Of so many devices, in turn; a slit has two motors of its own.
const TURNS: [&[Kind]; 10] = [
    &[Kind::Motor],
    &[Kind::Supply],
    &[Kind::Detector],
    &[Kind::Motor, Kind::Motor, Kind::Slit],
    &[Kind::Shutter],
    &[Kind::Motor],
    &[Kind::Pump],
    &[Kind::Supply],
    &[Kind::Oven],
    &[Kind::Motor; AXES],
];

/// One in so many devices or controllers has a process of its own, where there are any.
const ISOLATED: usize = 4;

/// A config of so many devices, and what they are.
pub(crate) fn config(count: usize, isolated: bool) -> (String, Vec<Device>) {
    let mut text = String::from(
        "[lab]\nname = \"soak\"\n[host]\nlisten = \"127.0.0.1:0\"\nsocket = \"host.sock\"\naudit = \"audit.jsonl\"\n\
         poll = \"500 ms\"\ntimeout = \"1 s\"\nmotion_timeout = \"5 s\"\n",
    );
    let mut devices = Vec::new();
    for (turn, kinds) in TURNS.iter().cycle().enumerate() {
        let room = count - devices.len();
        if room == 0 {
            break;
        }
        let isolation = if isolated && turn % ISOLATED == 1 {
            "isolation = \"process\"\n"
        } else {
            ""
        };
        let first = devices.len();
        devices.extend(kinds.iter().take(room).zip(first..).map(|(kind, n)| Device {
            name: format!("d{n:03}"),
            kind: *kind,
        }));
        write_turn(&mut text, &devices[first..], isolation);
    }
    (text, devices)
}

/// Writes devices that belong together.
fn write_turn(text: &mut String, devices: &[Device], isolation: &str) {
    let hang = "hang_for = \"2500 ms\"";
    let motor =
        "velocity = \"90 mm/s\", acceleration = \"4000 mm/s2\", travel_min = \"-5 mm\", travel_max = \"105 mm\"";
    // Several motors without a slit are axes on one line.
    let is_line = devices.len() > 2 && devices.iter().all(|device| device.kind == Kind::Motor);
    if is_line {
        let line = &devices[0].name;
        put(
            text,
            format_args!(
                "[controllers.line_{line}]\ndriver = \"sim\"\ntype = \"motion\"\noptions = {{ {hang} }}\n{isolation}"
            ),
        );
    }
    for (index, Device { name, kind }) in devices.iter().enumerate() {
        put(text, format_args!("[devices.{name}]\n"));
        if is_line {
            let line = &devices[0].name;
            put(
                text,
                format_args!(
                    "controller = \"line_{line}\"\ntype = \"axis\"\noptions = {{ axis = {index}, {motor}, {hang} }}\n"
                ),
            );
            continue;
        }
        let (kind, options) = match kind {
            Kind::Motor => ("motor", motor.to_owned()),
            Kind::Shutter => ("shutter", "travel_time = \"100 ms\"".to_owned()),
            Kind::Pump => ("pump", "flow = \"40 ml/min\"".to_owned()),
            Kind::Oven => ("oven", "time_constant = \"300 ms\"".to_owned()),
            Kind::Supply => ("supply", String::new()),
            Kind::Detector => ("detector", "exposure = \"20 ms\", frame_size = 16".to_owned()),
            Kind::Slit => (
                "slit",
                format!("left = \"{}\", right = \"{}\"", devices[0].name, devices[1].name),
            ),
        };
        let comma = if options.is_empty() { "" } else { ", " };
        put(
            text,
            format_args!("driver = \"sim\"\ntype = \"{kind}\"\noptions = {{ {options}{comma}{hang} }}\n{isolation}"),
        );
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes all that is written");
}

impl Device {
    /// A request that reads something.
    pub(crate) fn read(&self, dice: u64) -> String {
        let parameters: &[&str] = match self.kind {
            Kind::Motor => &["value", "status", "_velocity"],
            Kind::Shutter | Kind::Slit => &["value", "status"],
            Kind::Pump => &["value", "_on", "_volume"],
            Kind::Oven => &["value", "status"],
            Kind::Supply => &["value", "_current"],
            Kind::Detector => &["value", "_spectrum"],
        };
        format!("{}:{}", self.name, pick(parameters, dice))
    }

    /// A write, as path and value.
    pub(crate) fn write(&self, dice: u64) -> (String, String) {
        let number = |most: u64| format!("{}.5", dice / 7 % most);
        let (parameter, value) = match self.kind {
            Kind::Motor if dice.is_multiple_of(5) => ("_velocity", "\"80 mm/s\"".to_owned()),
            Kind::Motor => ("target", number(20)),
            Kind::Shutter => ("target", format!("{}", dice / 7 % 2)),
            Kind::Pump => ("target", number(30)),
            Kind::Oven => ("target", number(100)),
            Kind::Supply => ("target", number(8)),
            Kind::Detector => ("_exposure", "\"10 ms\"".to_owned()),
            Kind::Slit => ("target", number(5)),
        };
        (format!("{}:{parameter}", self.name), value)
    }

    /// A command, as path and argument.
    pub(crate) fn command(&self, dice: u64) -> (String, String) {
        let (command, argument) = match self.kind {
            Kind::Pump if dice.is_multiple_of(2) => ("_dispense", "0.02"),
            Kind::Pump => ("_reset_volume", "null"),
            Kind::Motor if dice.is_multiple_of(3) => ("_home", "null"),
            _ => ("stop", "null"),
        };
        (format!("{}:{command}", self.name), argument.to_owned())
    }
}

/// One of several, by chance.
pub(crate) fn pick<T>(of: &[T], dice: u64) -> &T {
    &of[(dice % of.len() as u64) as usize]
}
