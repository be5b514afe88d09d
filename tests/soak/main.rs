//! A long run of a whole host, with everything going wrong that can: a hundred devices that fail, hang, panic and lose
//! their line at random, and people who come, lock, move, flood, stop, go without a word, and never read.
//!
//! The host is a process of its own, and is spoken to over its sockets alone. In rounds, people use it and then leave; at
//! rest it has to have answered every request, ended every call, got every device back, and use no more threads,
//! descriptors and memory than before.
//!
//! As a test among others it takes some seconds; `cargo test --release -p baton-tests --test soak -- --minutes 30` is the
//! real thing. It fails if a bound is broken, and as a test makes sure of that: three hosts that leak have to be noticed.
#![allow(clippy::print_stdout, reason = "the report is what it is for")]

mod args;
mod dice;
mod host;
mod lab;
mod people;
mod report;
mod rest;
mod tally;
mod wire;

use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::{
    args::{Args, Asked},
    dice::Dice,
    host::{Host, IS_HOST, Usage},
    people::{Person, TRADES, World},
    report::{Report, Round},
    tally::Tally,
    wire::{ANSWER_WITHIN, Address},
};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How long people use the lab in a round, if there is time for several; else there are this many.
const ROUND: Duration = Duration::from_secs(60);
const ROUNDS_MIN: u32 = 3;
/// People who have been told that the round is over may still wait for this many answers in a row.
const LEAVE_WITHIN: Duration = Duration::from_secs(4 * ANSWER_WITHIN.as_secs());

fn main() -> ExitCode {
    if std::env::var_os(IS_HOST).is_some() {
        host::leak();
        return baton_host::cli::main();
    }
    let done = args::read(std::env::args().skip(1)).and_then(|asked| match asked {
        Asked::Soak(args) => soak(&args),
        Asked::Test => test(),
        Asked::Nothing => Ok(true),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The test that this is among others.
fn test() -> Result<bool> {
    if baton_tests::lab::skip_inline("its devices hang") {
        return Ok(true);
    }
    let mut passed = soak(&Args::short())?;
    for leak in ["threads", "descriptors", "memory"] {
        let leaks = Args {
            time: Duration::from_secs(3),
            people: 8,
            leak: Some(leak.to_owned()),
            ..Args::short()
        };
        let report = run(&leaks)?;
        let is_noticed = report.1.iter().any(|sentence| sentence.contains(leak));
        println!(
            "a host that leaks {leak}: {}",
            if is_noticed { "noticed" } else { "NOT NOTICED" }
        );
        passed &= is_noticed;
    }
    println!("test result: {}", if passed { "ok" } else { "FAILED" });
    Ok(passed)
}

fn soak(args: &Args) -> Result<bool> {
    let (text, broken) = run(args)?;
    println!("{text}");
    Ok(broken.is_empty())
}

/// Soaks a host; gives the report, and what was broken.
fn run(args: &Args) -> Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    let (config, devices) = lab::config(args.devices, args.isolated);
    let host = Host::start(folder.path(), &config, args.leak.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let world = World {
        address: Address {
            socket: folder.path().join("host.sock"),
            tcp: None,
        },
        devices,
        tally: Tally::default(),
        host: host.pid(),
    };
    let (world, fresh, rounds) = runtime.block_on(rounds(args, &host, world))?;
    let mut troubles: Vec<String> = host.panics();
    let logged = host.logged();
    if let Err(error) = host.end() {
        troubles.push(error.to_string());
    }
    let report = Report {
        args,
        tally: &world.tally,
        fresh,
        rounds: &rounds,
        troubles,
    };
    let broken = report.broken();
    if !broken.is_empty() && args.leak.is_none() {
        eprintln!(
            "the host's log has {logged} lines and is kept: {}",
            folder.keep().join("host.log").display()
        );
    }
    Ok((
        if args.json {
            format!("{:#}", report.json())
        } else {
            report.text()
        },
        broken,
    ))
}

/// All rounds, one after the other.
async fn rounds(args: &Args, host: &Host, mut world: World) -> Result<(Arc<World>, Usage, Vec<Round>)> {
    world.address.tcp = Some(rest::wait_for_start(&world.address).await?);
    let fresh = host.usage()?;
    let world = Arc::new(world);
    let watcher = tokio::spawn(people::watch(Arc::clone(&world)));
    let length = ROUND.min(args.time / ROUNDS_MIN);
    let (began, mut dice) = (Instant::now(), Dice::new(args.seed));
    let mut rounds = Vec::new();
    while began.elapsed() < args.time || rounds.len() < ROUNDS_MIN as usize {
        let busy = round(args, host, &world, &mut dice, length, began).await?;
        let restless = rest::come_to_rest(&world.address).await;
        rounds.push(Round {
            at: began.elapsed().as_secs_f64(),
            calls: world.tally.calls.load(Ordering::Relaxed),
            faults: world.tally.faults().values().sum(),
            recoveries: world.tally.recoveries.load(Ordering::Relaxed),
            busy,
            rest: host.usage()?,
            restless,
        });
    }
    watcher.abort();
    Ok((world, fresh, rounds))
}

/// People come, use the lab for so long, and go.
async fn round(
    args: &Args,
    host: &Host,
    world: &Arc<World>,
    dice: &mut Dice,
    length: Duration,
    began: Instant,
) -> Result<Usage> {
    let until = Instant::now() + length;
    let mut people = JoinSet::new();
    for trade in TRADES.iter().cycle().take(args.people) {
        let person = Person::new(world, dice.another(), until);
        people.spawn(person.work(*trade));
    }
    let mut most = Usage::default();
    let mut told = Instant::now();
    let all_gone = async {
        while let Some(gone) = people.join_next().await {
            gone.expect("nobody panics");
        }
    };
    let mut all_gone = std::pin::pin!(timeout(length + LEAVE_WITHIN, all_gone));
    loop {
        tokio::select! {
            gone = &mut all_gone => {
                gone.map_err(|_| "people wait for answers for ever")?;
                return Ok(most);
            }
            () = sleep(Duration::from_millis(200)) => most = most.max(host.usage()?),
        }
        let every = if std::io::stderr().is_terminal() { 1 } else { 30 };
        if told.elapsed() > Duration::from_secs(every) {
            told = Instant::now();
            tell(args, world, began, most);
        }
    }
}

/// Shows how far it is.
fn tell(args: &Args, world: &World, began: Instant, most: Usage) {
    let tally = &world.tally;
    let line = format!(
        "{:.0} of {:.0} s: {} calls, {} lost, {} faults, {} recovered, {} threads, {} descriptors, {} MiB",
        began.elapsed().as_secs_f64(),
        args.time.as_secs_f64(),
        tally.calls.load(Ordering::Relaxed),
        tally.lost().len(),
        tally.faults().values().sum::<u64>(),
        tally.recoveries.load(Ordering::Relaxed),
        most.threads,
        most.descriptors,
        most.memory_kib / 1024,
    );
    match std::io::stderr().is_terminal() {
        true => eprint!("\r{line}\x1b[K"),
        false => eprintln!("{line}"),
    }
}
