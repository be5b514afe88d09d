//! What has to hold of every instrument file, template and reply, for tests and for the targets in `tests/fuzz` alone.
//!
//! Each function takes any bytes and panics if a promise is broken.

use baton_plugin_api::{
    Value,
    diagnostic::{self, Diagnostic, Place},
    source::Source,
};

use crate::{
    bus::Station,
    file::{Encoding, Given, Kind, Subject, Wrong, bound, read_source},
    script::{Exchange, Script},
    select,
    template::{Format, Given as Values, Slip, Slot, WholeScale, parse},
};

/// Takes bytes as a template and a reply to it, on two lines. The first two bytes say which kind of value it is of, and how
/// characters become bytes.
///
/// A template is right, or has slips that lie within it. A reply fits, or does not from one of its bytes on. And what was
/// read can be written so that it is read again.
pub fn template(bytes: &[u8]) {
    let [kind, encoding, rest @ ..] = bytes else { return };
    let mut lines = rest.splitn(2, |byte| *byte == b'\n');
    let Ok(text) = std::str::from_utf8(lines.next().unwrap_or_default()) else {
        return;
    };
    let reply = lines.next().unwrap_or_default();
    let encoding = [Encoding::Utf8, Encoding::Ascii, Encoding::Latin1, Encoding::Bytes][usize::from(*encoding) % 4];
    select_holds(text);
    match parse(text, encoding) {
        Err(slips) => slips_hold(text, &slips),
        Ok(_) => {
            if let Some(format) = bind(text, encoding, &subject(*kind)) {
                reply_holds(&format, reply);
                round_holds(&format, reply);
            }
        }
    }
}

/// Takes bytes as an instrument file and, behind a zero, a reply.
///
/// A file is right, or everything that is wrong lies within it and can be passed on. In one that is right, every name leads
/// somewhere; and no reply is more than a mismatch.
pub fn instrument(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let reply = parts.next().unwrap_or_default();
    let source = Source::new("box.toml", text.as_ref());
    let given = Given::from([("station".to_owned(), 3.into())]);
    match read_source(&source, &given) {
        Err(Wrong::File(found)) => {
            assert!(found.iter().any(Diagnostic::is_error), "{found:?}");
            for diagnostic in &found {
                let places = diagnostic.place.as_deref().into_iter().chain(&diagnostic.related);
                places.for_each(|place| place_holds(&source, place));
            }
            assert_eq!(diagnostic::from_error(&diagnostic::to_error(&found)), found);
        }
        Err(Wrong::Given(error)) => panic!("every file takes a station: {}", error.message()),
        Ok(script) => exchanges(&script).for_each(|exchange| exchange_holds(&script, exchange, reply)),
    }
}

/// One kind of value each, with members or a scale where that makes a difference.
fn subject(choice: u8) -> Subject {
    let kinds = [
        Kind::Number,
        Kind::Integer,
        Kind::Text,
        Kind::Bytes,
        Kind::Bool,
        Kind::Enum,
        Kind::Number,
        Kind::Integer,
    ];
    let choice = usize::from(choice) % kinds.len();
    let mut subject = Subject::plain(kinds[choice]);
    let members: &[(&str, &str)] = match kinds[choice] {
        Kind::Bool => &[("false", "0"), ("true", "1")],
        Kind::Enum => &[("off", "0"), ("on", "1"), ("boost", "10")],
        _ => &[],
    };
    subject.members = members
        .iter()
        .map(|(name, bytes)| (name.to_string(), bytes.as_bytes().to_vec()))
        .collect();
    match choice {
        6 => subject.scale.factor = 0.1,
        7 => subject.whole = WholeScale { factor: 5, offset: 1 },
        _ => {}
    }
    subject
}

/// The template as one of a parameter's, if it can be and it is clear where its parts end.
fn bind(text: &str, encoding: Encoding, subject: &Subject) -> Option<Format> {
    let format = bound(text, encoding, subject).ok()?;
    let terminator = b"\r".to_vec();
    format.unclear().is_none().then_some(Format { terminator, ..format })
}

fn slips_hold(text: &str, slips: &[Slip]) {
    assert!(!slips.is_empty());
    for slip in slips {
        assert!(text.get(slip.span.clone()).is_some(), "{slip:?} is not in {text:?}");
        assert!(!slip.message.is_empty());
    }
}

/// A line that selects a station has it in it.
fn select_holds(text: &str) {
    let Ok(template) = select::Template::parse(text) else {
        return;
    };
    let number = |n| template.print(&Station::Number(n)).expect("a number can be laid out");
    assert_eq!(template.needs_station(), number(7) != number(8), "{text:?}");
    let _ = template.print(&Station::Text("A".to_owned()));
}

fn reply_holds(format: &Format, reply: &[u8]) {
    if let Err(mismatch) = format.scan(reply) {
        assert!(mismatch.at <= reply.len(), "{mismatch:?}");
        assert!(mismatch.explain(format, reply).starts_with("expected "));
    }
}

/// What a format reads, it can write so that it reads the same again, if it can write it at all.
fn round_holds(format: &Format, reply: &[u8]) {
    // Of two texts that are the same value, the second may have in it what ends the first; no file may have two.
    let is_own = format.fields().map(|field| &field.slot).eq([&Slot::Own]);
    let Ok(Some(value)) = format.scan(reply).map(|scanned| scanned.own) else {
        return;
    };
    let Ok(line) = format
        .print(Values::own(&value))
        .map_err(|error| assert!(!error.message().is_empty()))
    else {
        return;
    };
    if !is_own {
        return;
    }
    assert!(
        format.size().is_none_or(|size| size == line.len()),
        "{line:?} has another size than {}",
        format.text
    );
    let again = format
        .scan(&line)
        .unwrap_or_else(|mismatch| panic!("{value:?}: {}", mismatch.explain(format, &line)));
    let again = again.own.expect("there is a value");
    match (&value, &again) {
        (Value::Float(x), Value::Float(y)) => {
            let notation = format.fields().last().and_then(|field| field.codec.notation());
            // A scale may come in between, of a tenth here.
            let rounding = notation
                .and_then(|notation| notation.rounding(Some(x.abs() * 10.0)))
                .unwrap_or(0.0);
            assert!(
                (x - y).abs() <= rounding * 1.000_001 + x.abs() * 1e-6,
                "{x} became {y} in {}",
                format.text
            );
        }
        _ => assert_eq!(value, again, "{} of {line:?}", format.text),
    }
}

fn place_holds(source: &Source, place: &Place) {
    let text = source.text();
    assert!(text.get(place.span.clone()).is_some(), "{place:?} is not in the file");
    assert_eq!((place.line, place.column), source.position(place.span.start));
    let excerpt = text.get(place.excerpt_start..).expect("it lies in the file");
    assert!(excerpt.starts_with(&place.excerpt), "{place:?}");
}

/// All that is ever said to the instrument.
fn exchanges(script: &Script) -> impl Iterator<Item = &Exchange> {
    use crate::script::Source::Asked;
    let reads = script.parameters.iter().filter_map(|parameter| match &parameter.read {
        Some(Asked { exchange, .. }) => Some(&**exchange),
        _ => None,
    });
    let writes = script
        .parameters
        .iter()
        .filter_map(|parameter| parameter.write.as_ref());
    let commands = script.commands.iter().map(|command| &command.exchange);
    let others = script.init.iter().chain(&script.exit).chain(&script.stop);
    reads.chain(writes).chain(commands).chain(others)
}

fn exchange_holds(script: &Script, exchange: &Exchange, reply: &[u8]) {
    let formats = [Some(&exchange.send), exchange.expect.as_ref()].into_iter().flatten();
    for format in formats {
        reply_holds(format, reply);
        let mut names = format.others();
        assert!(
            names.all(|name| script.parameter(name).is_some()),
            "{} leads nowhere",
            format.text
        );
    }
    let around = exchange.first.iter().chain(&exchange.then);
    around.for_each(|exchange| exchange_holds(script, exchange, reply));
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Feeds all files of a target's corpus to it.
    fn replay(target: &str, property: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fuzz/corpus")
            .join(target);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("its entries can be read").path();
            // Only a test that fails shows it.
            eprintln!("{}", path.display());
            property(&fs::read(&path).expect("a file of the corpus can be read"));
            count += 1;
        }
        assert!(count > 0, "there is nothing in {}", folder.display());
    }

    #[test]
    fn templates_and_replies_that_came_once_are_still_borne() {
        replay("template", super::template);
    }

    #[test]
    fn instrument_files_that_came_once_are_still_borne() {
        replay("instrument", super::instrument);
    }
}
