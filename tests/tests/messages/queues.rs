//! Queues: what is lost, and who is told (M4).

use std::sync::Arc;

use baton_host::dispatcher::{Bounds, Ended, Message, Queue, Taken, Terms};
use baton_tests::lab::{WATCHDOG, lab};

use super::{Heard, LAB, int, next};

const SMALL: Bounds = Bounds {
    entries: 100,
    bytes: 1 << 20,
};

/// Checks that `lost` is the gap in the numbers, and gives how much was lost.
fn lost(messages: impl IntoIterator<Item = Message>, mut last: u64) -> u64 {
    let mut lost = 0;
    for message in messages {
        assert_eq!(message.n(), last + 1 + message.lost());
        (last, lost) = (message.n(), lost + message.lost());
    }
    lost
}

#[test]
fn m4_a_subscriber_that_never_reads_costs_a_constant_and_nobody_else() {
    let lab = lab(LAB);
    let ana = lab.owner("ana");
    let mut never = lab
        .messages_with("client:ana", "*", &Terms::default().bounded(SMALL))
        .unwrap();
    let fast = Heard::default();
    let _fast = lab.subscribe("client:ana", "*", fast.handler()).unwrap();
    let mut loads = Vec::new();
    for n in 0..10_000 {
        ana.send("tick", n).unwrap();
        if n % 1000 == 999 {
            loads.push(never.waiting());
            // Who reads is given the time to: it has room for all that comes meanwhile.
            assert!(lab.flush(WATCHDOG));
        }
    }
    assert!(loads.windows(2).all(|pair| pair[0] == pair[1]), "{loads:?}");
    assert_eq!(loads[0].0, 100);
    assert_eq!((lost(fast.all(), 0), fast.all().len()), (0, 10_000));
    let taken: Vec<_> = std::iter::from_fn(|| never.try_next()).collect();
    assert_eq!(taken.len(), 100);
    assert_eq!(lost(taken, 0), 9_900);
}

#[test]
fn m4_latest_keeps_one_of_each_name() {
    let lab = lab(LAB);
    let ana = lab.owner("ana");
    let mut latest = lab.messages_with("client:ana", "*", &Terms::latest()).unwrap();
    for n in 0..10 {
        ana.send("tick", n).unwrap();
        ana.send("tock", n).unwrap();
    }
    let taken: Vec<_> = std::iter::from_fn(|| latest.try_next())
        .map(|message| (message.message().to_string(), int(&message), message.lost()))
        .collect();
    assert_eq!(taken, [("tick".to_owned(), 9, 9), ("tock".to_owned(), 9, 9)]);
}

#[test]
fn m4_lossless_loses_nothing_and_cuts_off_who_is_too_slow() {
    let lab = lab(LAB);
    let ana = lab.owner("ana");
    let terms = Terms::lossless().bounded(SMALL);
    let mut stream = lab.messages_with("client:ana", "*", &terms).unwrap();
    for n in 0..100 {
        ana.send("tick", n).unwrap();
    }
    assert_eq!(stream.ended(), None);
    ana.send("tick", 100).unwrap();
    let Some(Ended::Full { messages: 100, .. }) = stream.ended() else {
        panic!("{:?}", stream.ended());
    };
    ana.send("tick", 101).unwrap();
    let taken: Vec<_> = std::iter::from_fn(|| stream.wait_next(WATCHDOG)).collect();
    assert_eq!(taken.iter().map(int).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    assert_eq!(lost(taken, 0), 0);
}

#[test]
fn m4_who_floods_a_queue_that_others_share_loses_its_own() {
    let lab = lab(LAB);
    let (loud, quiet) = (lab.owner("loud"), lab.owner("quiet"));
    let mut all = lab
        .messages_with("client:*", "*", &Terms::default().bounded(SMALL))
        .unwrap();
    for n in 0..10_000 {
        loud.send("tick", n).unwrap();
        if n % 1000 == 0 {
            quiet.send("hello", n / 1000).unwrap();
        }
    }
    let (quiet, loud): (Vec<_>, Vec<_>) =
        std::iter::from_fn(|| all.try_next()).partition(|message| **message.sender() == *"client:quiet");
    assert_eq!(quiet.iter().map(int).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!((lost(quiet, 0), lost(loud, 0)), (0, 9_910));
}

#[test]
fn w2_several_subscriptions_share_a_queue_with_replies_and_each_message_says_whose_it_is() {
    let lab = lab(LAB);
    let ana = lab.owner("ana");
    let queue = Arc::new(Queue::<&str>::new(SMALL));
    let latest = lab
        .subscribe_queue("client:ana", "tick", &Terms::latest(), &queue)
        .unwrap();
    let all = lab
        .subscribe_queue("client:ana", "*", &Terms::default(), &queue)
        .unwrap();
    for n in 0..3 {
        ana.send("tick", n).unwrap();
    }
    queue.reply("reply", 5);
    ana.send("tick", 3).unwrap();
    drop(all);
    ana.send("tick", 4).unwrap();
    let shown: Vec<_> = queue
        .take_all()
        .map(|taken| match taken {
            Taken::Reply(reply) => reply.to_owned(),
            Taken::Message(message) if message.subscription() == latest.id() => format!("latest {}", int(&message)),
            Taken::Message(message) => format!("all {}", int(&message)),
        })
        .collect();
    assert_eq!(
        shown,
        ["all 0", "all 1", "latest 2", "all 2", "reply", "all 3", "latest 4"]
    );
}

#[tokio::test]
async fn a_stream_gives_what_comes_while_it_is_awaited() {
    let lab = lab(LAB);
    let (mut stream, ana) = (lab.messages("client:ana", "*").unwrap(), lab.owner("ana"));
    let mut changed = lab.messages("pump.flow", "target").unwrap();
    next(&mut changed);
    let sending = async {
        for n in 0..100 {
            ana.send("tick", n).unwrap();
            tokio::task::yield_now().await;
        }
        ana.set("pump", 9.0).unwrap().await.unwrap();
    };
    let receiving = async {
        for n in 0..100 {
            assert_eq!(int(&stream.next().await.expect("one more")), n);
        }
        changed.next().await.expect("the target").payload().to_json()
    };
    let both = async { tokio::join!(sending, receiving).1 };
    let target = tokio::time::timeout(WATCHDOG, both).await.expect("it comes");
    assert_eq!(target["value"], 9.0);
}
