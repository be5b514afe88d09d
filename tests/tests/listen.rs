//! What instruments say by themselves, while nobody asks them anything.

use baton_tests::lab::{Follower, done, lab};

const WIRE: &str = r#"
    [controllers.wire]
    driver = "puppet"
    type = "wire"
    [devices.chatty]
    controller = "wire"
    type = "station"
    options = { words = 3 }
    parameters.count.poll = "0 s"
    parameters.other.poll = "0 s"
    [devices.quiet]
    controller = "wire"
    type = "station"
    parameters.count.poll = "0 s"
    parameters.other.poll = "0 s"
"#;

#[test]
fn what_a_device_says_by_itself_is_heard_without_a_poll() {
    let lab = lab(WIRE);
    let mut follower = Follower::new(&lab, &["chatty"]);
    for word in ["3", "2", "1"] {
        follower.until(&format!("chatty says word {word}"));
    }
}

#[test]
fn a_line_that_ends_is_noticed_although_nobody_asks() {
    let lab = lab(WIRE);
    let mut follower = Follower::new(&lab, &["chatty", "quiet"]);
    let cut = follower.until("chatty is Error: not connected: the wire is cut");
    follower.until("quiet is Error: not connected: the wire is cut");
    // It was opened again, and begins anew.
    follower.until_after(cut, "chatty says word 3");
    done(lab.owner("test").get("quiet"));
}
