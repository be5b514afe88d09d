//! A driver that takes its process along, as vendors' libraries do: while it is opened, or when it is asked what it offers.
//!
//! As it is built it behaves. A test that wants otherwise writes what into the file, in the place of the blanks of
//! [`CONDUCT`]: `open=segv`, `ask=exit`, and so on. So each conduct is a content of its own, with a hash of its own.

use baton_plugin_api::{
    Context, Device, Host, Result, Table, export_driver,
    schemars::{self, JsonSchema},
};
use rustix::process::{Signal, getpid, kill_process};

/// What the driver does, behind a mark by which it is found in the file.
#[used]
static CONDUCT: [u8; 32] = *b"CONDUCT:                       .";

/// Does what is written in the file for this moment.
fn misbehave(moment: &str) {
    let conduct = std::hint::black_box(&CONDUCT);
    let text = str::from_utf8(&conduct[8..31]).unwrap_or_default().trim();
    match text.strip_prefix(moment).and_then(|text| text.strip_prefix('=')) {
        // The first is taken by Rust's own handler, which looks for stack overflows and then steps aside.
        Some("segv") => loop {
            let _ = kill_process(getpid(), Signal::SEGV);
        },
        Some("abort") => std::process::abort(),
        Some("exit") => std::process::exit(0),
        Some("kill") => drop(kill_process(getpid(), Signal::KILL)),
        Some("hang") => loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        },
        Some("panic") => panic!("the vendor did not think of this"),
        _ => {}
    }
}

extern "C" fn constructor() {
    misbehave("open");
}

// SAFETY: what stands in this section is called once when the library is opened, with the C calling convention; its
// arguments may be ignored.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Harmless, once one gets as far as this.
struct Lamb;

impl Device for Lamb {
    type Options = Nothing;
    const TYPE: &str = "lamb";

    fn open(_: Nothing, _: Host) -> Result<Self> {
        Ok(Lamb)
    }

    fn table(t: &mut Table<Self>) {
        misbehave("ask");
        t.parameter("legs").doc("How many it stands on.").read(Self::legs);
    }
}

impl Lamb {
    fn legs(&mut self, _: &Context) -> Result<i64> {
        Ok(4)
    }
}

export_driver!(Lamb);
