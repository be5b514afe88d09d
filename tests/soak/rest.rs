//! Whether the host has come to rest.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use super::{
    Result,
    wire::{Address, Ended, Wire},
};

/// How long the host may take to start.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long until all that people left behind has ended: the longest motion, a hang, and the longest back-off, twice.
const REST_WITHIN: Duration = Duration::from_secs(90);

/// Waits until the host serves and every device is there; gives its TCP address.
pub(crate) async fn wait_for_start(address: &Address) -> Result<String> {
    let began = Instant::now();
    while began.elapsed() < START_WITHIN {
        if let Some(status) = status(address).await
            && all_up(&status)
        {
            let listen = status["listen"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str);
            let tcp = listen
                .filter(|address| !address.starts_with("unix:"))
                .map(str::to_owned)
                .next();
            return tcp.ok_or_else(|| "the host serves no TCP".into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("the host does not start".into())
}

/// How often it is said what the host is waited for.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Waits until nothing is left to do; gives what is, if that takes too long.
pub(crate) async fn come_to_rest(address: &Address) -> String {
    let (began, mut told) = (Instant::now(), Instant::now());
    loop {
        let left = left_to_do(address).await;
        if told.elapsed() > TELL_EVERY && !left.is_empty() {
            told = Instant::now();
            eprintln!("not at rest after {:.0} s: {left}", began.elapsed().as_secs_f64());
        }
        if left.is_empty() || began.elapsed() > REST_WITHIN {
            return left;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn left_to_do(address: &Address) -> String {
    let Some(status) = status(address).await else {
        return "it does not answer".to_owned();
    };
    let mut left = Vec::new();
    if status["calls"]["pending"] != 0 {
        left.push(format!(
            "{} calls are pending, inside {}",
            status["calls"]["pending"], status["inside"]
        ));
    }
    if status["locks"] != 0 {
        left.push(format!("{} locks are held", status["locks"]));
    }
    if !all_up(&status) {
        left.push(format!(
            "{} of {} devices are up; down: {}",
            status["devices"]["up"], status["devices"]["total"], status["down"]
        ));
    }
    if status["stuck"].as_array().is_some_and(|stuck| !stuck.is_empty()) {
        left.push(format!("stuck: {}", status["stuck"]));
    }
    // The watcher and whoever asks.
    if status["connections"].as_u64().is_some_and(|count| count > 2) {
        left.push(format!("{} connections are open", status["connections"]));
    }
    left.join("; ")
}

fn all_up(status: &Json) -> bool {
    status["devices"]["up"] == status["devices"]["total"] && status["devices"]["total"] != 0
}

async fn status(address: &Address) -> Option<Json> {
    let mut wire = Wire::connect(address, false, None).await.ok()?;
    match wire.ask_own("_status", "").await {
        Ended::Answered(_, status) => Some(status),
        _ => None,
    }
}
