//! What subscribers see, and in which order (RULES.md M2, M5).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use baton_tests::lab::{Follower, done, lab, number, skip_inline};

const LAB: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    [devices.pump]
    driver = "sim"
    type = "pump"
"#;

#[test]
fn m2_busy_comes_first_then_the_final_value_then_idle() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage"]);
    let mut from = follower.take().len();
    for n in 1..=5 {
        assert_eq!(number(me.set("stage", f64::from(n))), f64::from(n));
        let taken = follower.until_after(from, &format!("stage.position := {n}"));
        let busy = follower.until_after(from, "stage is Busy");
        let idle = follower.until_after(busy, "stage is Idle");
        let last = follower.lines[busy..idle]
            .iter()
            .rfind(|line| line.starts_with("stage.position "));
        assert_eq!(last, Some(&format!("stage.position {n}")));
        assert!(taken < idle);
        from = idle + 1;
    }
}

#[test]
fn m5_whoever_joins_during_writes_ends_with_the_current_value() {
    if skip_inline("there is one thread") {
        return;
    }
    let lab = lab(LAB);
    let (over, me) = (Arc::new(AtomicBool::new(false)), lab.owner("test"));
    let writer = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut n = 1.0;
            while !over.load(Ordering::Relaxed) {
                done(me.set("pump.flow", n));
                n = n % 49.0 + 1.0;
            }
            number(me.get("pump.flow"))
        }
    });
    let mut followers: Vec<_> = (0..50)
        .map(|_| {
            std::thread::yield_now();
            Follower::new(&lab, &["pump"])
        })
        .collect();
    over.store(true, Ordering::Relaxed);
    let last = writer.join().unwrap();
    for follower in &mut followers {
        let seen: Vec<f64> = follower
            .take()
            .iter()
            .filter_map(|line| line.strip_prefix("pump.flow ")?.parse().ok())
            .collect();
        assert_eq!(seen.last(), Some(&last));
        // It joined somewhere, and has missed nothing since.
        let mut distinct = seen.clone();
        distinct.dedup();
        assert!(
            distinct.windows(2).all(|pair| pair[1] == pair[0] % 49.0 + 1.0),
            "{seen:?}"
        );
    }
}
