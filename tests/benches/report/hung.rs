//! A device that is well, beside many that hang.

use std::fmt::Write as _;

use baton_host::{
    config::Execution,
    lab::{Lab, Owner},
};
use baton_tests::lab::{WATCHDOG, done, lab_in};

use crate::measure::{Report, each};

/// So many hang.
const MANY: usize = 600;
/// Calls of a block.
const TIMES: u32 = 500;
const HEALTHY: &str = "[devices.r]\ndriver = \"bench\"\ntype = \"register\"\n";

/// Measures calls of a device beside others that hang, over those of one that is alone.
pub(crate) fn measure(report: &mut Report) {
    let what = "a healthy device beside 600 hung ones, over alone";
    if !report.wants(what) {
        return;
    }
    let (alone, beside) = (lab_in(Execution::Threaded, HEALTHY), hung());
    let (me, among) = (alone.owner("benchmark"), beside.owner("benchmark"));
    let read = |me: &Owner| {
        each(TIMES, || {
            let call = me.get("r").expect("a register can be read");
            call.wait(WATCHDOG).expect("a register can be read");
        })
    };
    report.ratio(what, "≤ 1.3", &mut || read(&among), &mut || read(&me));
    done(among.call("last.release", ()));
    alone.close();
    beside.close();
}

/// A lab of which all but two devices hang, and have been given up.
fn hung() -> Lab {
    let mut text =
        format!("poll = \"0 s\"\ntimeout = \"1 s\"\n{HEALTHY}[devices.last]\ndriver = \"puppet\"\ntype = \"mule\"\n");
    for n in 0..MANY {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "[devices.m{n}]\ndriver = \"puppet\"\ntype = \"mule\"\n");
    }
    let lab = lab_in(Execution::Threaded, &text);
    let me = lab.owner("benchmark");
    let hang = |n| me.call(&format!("m{n}.hang"), ()).expect("it may hang");
    let calls: Vec<_> = (0..MANY).map(hang).collect();
    for call in calls {
        call.wait(WATCHDOG).expect_err("it hangs, and is given up");
    }
    lab
}
