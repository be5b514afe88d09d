//! `baton watch`: the values now, and a line for each change.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::cli::client::{Client, Node, Reading};
use crate::cli::failure::Failure;
use crate::cli::names::{self, Place};
use crate::cli::output::{self, Output};
use crate::cli::readings;

/// How often we look whether anybody still reads our output.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is watched.
struct Watched<'a> {
    /// In the order in which the user named them.
    places: Vec<Place<'a>>,
    /// The reading that was shown last, by specifier.
    shown: HashMap<String, Reading>,
    output: Output,
}

/// Follows what matches `patterns` until the host, the reader of the output or the user has had enough.
pub(super) fn run(client: &mut Client, patterns: &[String], output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let mut watched = Watched {
        places: find(&node, patterns)?,
        shown: HashMap::new(),
        output,
    };
    let mut modules: Vec<&str> = Vec::new();
    for (device, _) in &watched.places {
        if !modules.contains(&device.name.as_str()) {
            client.activate(Some(&device.name))?;
            modules.push(&device.name);
        }
    }
    for (device, parameter) in watched.places.clone() {
        let on = device.on(&parameter.wire);
        if let Some(reading) = client.latest(&on).cloned() {
            watched.show(&on, reading)?;
        }
    }
    follow(client, &mut watched)
}

/// Each parameter once, however many patterns it matches.
fn find<'a>(node: &'a Node, patterns: &[String]) -> Result<Vec<Place<'a>>, Failure> {
    let mut places: Vec<Place<'a>> = Vec::new();
    for pattern in patterns {
        for place in names::matching(node, pattern)? {
            if !places.iter().any(|(_, parameter)| std::ptr::eq(*parameter, place.1)) {
                places.push(place);
            }
        }
    }
    Ok(places)
}

fn follow(client: &mut Client, watched: &mut Watched<'_>) -> Result<(), Failure> {
    while !output::reader_has_gone() {
        match client.next(Some(Instant::now() + LOOK_EVERY)) {
            Ok(Some(update)) => {
                let on = format!("{}:{}", update.module, update.accessible);
                watched.show(&on, update.reading)?;
            }
            Ok(None) => {}
            Err(Failure::Timeout(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

impl Watched<'_> {
    /// Writes a reading, if it is of a watched parameter and says something new.
    fn show(&mut self, on: &str, reading: Reading) -> Result<(), Failure> {
        let place = self
            .places
            .iter()
            .find(|(device, parameter)| device.on(&parameter.wire) == on);
        let Some((device, parameter)) = place else {
            return Ok(());
        };
        if self.shown.get(on).is_some_and(|shown| !shown.differs(&reading)) {
            return Ok(());
        }
        let path = device.path(&parameter.name);
        let line = match self.output.json {
            true => readings::to_json(&path, parameter, &reading).to_string(),
            false => readings::timed_line(&path, parameter, &reading),
        };
        self.shown.insert(on.to_owned(), reading);
        self.output.line(&line)
    }
}
