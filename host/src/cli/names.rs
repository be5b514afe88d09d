//! From what the user types to what the node describes.
//!
//! `stage`, `stage.position`, `stage:position` and `stage:value` are one parameter. Names match without regard to case
//! where that is clear; a name that does not exist is answered with the nearest that does.

use super::client::{Command, Device, Node, Parameter};
use super::failure::Failure;

/// A parameter and the device that has it.
pub(crate) type Place<'a> = (&'a Device, &'a Parameter);

/// The device of that name.
///
/// # Errors
/// Names the nearest device, or all of them.
pub(crate) fn device<'a>(node: &'a Node, name: &str) -> Result<&'a Device, Failure> {
    let devices = node.devices.iter();
    find(devices.clone(), name, |device| &device.name).ok_or_else(|| {
        let names: Vec<&str> = devices.map(|device| device.name.as_str()).collect();
        Failure::Request(format!("no device {name:?}{}", suggest(name, &names, "devices")))
    })
}

/// The parameter at `path`; of a device alone, its main parameter.
///
/// # Errors
/// Names the nearest device or parameter; of a command, how to call it.
pub(crate) fn parameter<'a>(node: &'a Node, path: &str) -> Result<Place<'a>, Failure> {
    let (device_name, name) = split(path);
    let device = device(node, device_name)?;
    let Some(name) = name else {
        let main = device.main().ok_or_else(|| no_main(device))?;
        return Ok((device, main));
    };
    if let Some(parameter) = find_parameter(device, name) {
        return Ok((device, parameter));
    }
    if let Some(command) = find_command(device, name) {
        let message = format!(
            "{path} is a command; call it with: baton call {} {}",
            device.name, command.name
        );
        return Err(Failure::Request(message));
    }
    let names: Vec<&str> = device
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let hint = suggest(name, &names, "parameters");
    Err(Failure::Request(format!(
        "{} has no parameter {name:?}{hint}",
        device.name
    )))
}

/// The command `name` of `device`.
///
/// # Errors
/// Names the nearest command, or all of them.
pub(crate) fn command<'a>(device: &'a Device, name: &str) -> Result<&'a Command, Failure> {
    find_command(device, name).ok_or_else(|| {
        let names: Vec<&str> = device.commands.iter().map(|command| command.name.as_str()).collect();
        let hint = suggest(name, &names, "commands");
        Failure::Request(format!("{} has no command {name:?}{hint}", device.name))
    })
}

/// The parameters whose paths match a pattern: `*` stands for any text, `?` for one character. A pattern without
/// either is a path.
///
/// # Errors
/// As [`parameter`], or that nothing matches.
pub(crate) fn matching<'a>(node: &'a Node, pattern: &str) -> Result<Vec<Place<'a>>, Failure> {
    if !pattern.contains(['*', '?']) {
        return Ok(vec![parameter(node, pattern)?]);
    }
    let dotted = pattern.replacen(':', ".", 1);
    let all = node
        .devices
        .iter()
        .flat_map(|device| device.parameters.iter().map(move |parameter| (device, parameter)));
    let found: Vec<_> = all
        .filter(|(device, parameter)| glob(&dotted, &device.path(&parameter.name)))
        .collect();
    if found.is_empty() {
        return Err(Failure::Request(format!(
            "no parameter matches {pattern:?}; see: baton list"
        )));
    }
    Ok(found)
}

/// Device and, if there is one, the name behind the dot or colon.
pub(crate) fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once(['.', ':']) {
        Some((device, name)) => (device, Some(name)),
        None => (path, None),
    }
}

/// A parameter by its own name, then by the wire's, with or without underscore.
pub(crate) fn find_parameter<'a>(device: &'a Device, name: &str) -> Option<&'a Parameter> {
    find(device.parameters.iter(), name, |parameter| &parameter.name)
        .or_else(|| find(device.parameters.iter(), name, |parameter| &parameter.wire))
}

fn find_command<'a>(device: &'a Device, name: &str) -> Option<&'a Command> {
    find(device.commands.iter(), name, |command| &command.name)
        .or_else(|| find(device.commands.iter(), name, |command| &command.wire))
}

/// The item of exactly that name, or else the first whose name differs in case alone.
fn find<'a, T>(items: impl Iterator<Item = &'a T> + Clone, name: &str, of: impl Fn(&T) -> &str) -> Option<&'a T> {
    let exact = items.clone().find(|item| of(item) == name);
    exact.or_else(|| items.clone().find(|item| of(item).eq_ignore_ascii_case(name)))
}

fn no_main(device: &Device) -> Failure {
    let names: Vec<&str> = device
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let message = format!(
        "{} has no main parameter; its parameters: {}",
        device.name,
        names.join(", ")
    );
    Failure::Request(message)
}

/// How a message about an unknown name ends: with the nearest name, or, if they are few, with all.
pub(crate) fn suggest(name: &str, names: &[&str], noun: &str) -> String {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&candidate.to_lowercase(), &name.to_lowercase());
    let nearest = names.iter().min_by_key(|candidate| distance(candidate));
    match nearest {
        Some(nearest) if distance(nearest) <= 1 + name.chars().count() / 4 => format!("; did you mean {nearest:?}?"),
        Some(_) if names.len() <= 20 => {
            format!("; its {noun}: {}", names.join(", ")).replace("its devices", "there are")
        }
        _ => String::new(),
    }
}

/// Whether `text` matches `pattern`, without regard to case.
fn glob(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
            (Some(('?', rest)), Some((_, tail))) => matches(rest, tail),
            (Some((p, rest)), Some((t, tail))) => p.eq_ignore_ascii_case(t) && matches(rest, tail),
            _ => false,
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    // Two stars in a row match what one does, at an exponential price.
    let mut pattern = chars(pattern);
    pattern.dedup_by(|a, b| (*a, *b) == ('*', '*'));
    matches(&pattern, &chars(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_a_question_mark_for_one_character() {
        assert!(glob("*", "stage.position"));
        assert!(glob("stage.*", "stage.position"));
        assert!(glob("st?ge.p*n", "Stage.position"));
        assert!(glob("**", ""));
        assert!(!glob("stage.*", "stages.position"));
        assert!(!glob("?", ""));
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_lists_all() {
        assert_eq!(
            suggest("stge", &["stage", "pump"], "devices"),
            "; did you mean \"stage\"?"
        );
        assert_eq!(
            suggest("laser", &["stage", "pump"], "devices"),
            "; there are: stage, pump"
        );
        assert_eq!(suggest("x", &[], "commands"), "");
    }
}
