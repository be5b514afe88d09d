//! What an author can get wrong in a table without the compiler's noticing.

use std::collections::HashSet;

use crate::{StatusCode, Table, table::Row};

/// Names that the host, or SECoP, uses itself (RULES.md D5).
pub const RESERVED: [&str; 5] = ["value", "target", "status", "stop", "pollinterval"];

/// Messages that the host sends of every device; no driver may.
pub const HOST_MESSAGES: [&str; 11] = [
    "status",
    "connected",
    "disconnected",
    "locked_by",
    "lock",
    "call",
    "flooded",
    "stop",
    "stuck",
    "came_back",
    "left_behind",
];

/// What a device may be while a command goes on.
const LASTING: [StatusCode; 2] = [StatusCode::Warn, StatusCode::Busy];

/// Whether a name can be one of a device, parameter or command: `[A-Za-z_][A-Za-z0-9_]*`, at most 63 characters.
pub fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(crate) fn find<D>(owner: &str, table: &Table<D>, mistakes: &mut Vec<String>) {
    names(owner, table, mistakes);
    messages(owner, table, mistakes);
    if let (Some(one), Some(other)) = (&table.second_main, &table.description.main) {
        mistakes.push(format!("{owner} has two main parameters, {one} and {other}"));
    }
    for (parameter, Row { read, write, estimate }) in table.description.parameters.iter().zip(&table.rows) {
        let name = format!("{owner}.{}", parameter.name);
        if read.is_none() && write.is_none() && !parameter.published {
            mistakes.push(format!("{name} can neither be read nor written nor is it published"));
        }
        if estimate.is_some() && write.is_none() {
            mistakes.push(format!("{name} has an estimate but cannot be written"));
        }
        if !parameter.allowed_in.is_empty() && write.is_none() {
            mistakes.push(format!(
                "{name} has states in which it is allowed but cannot be written"
            ));
        }
        if let Some((lower, upper)) = parameter.limits
            && (lower > upper || lower.is_nan() || upper.is_nan())
        {
            mistakes.push(format!("{name} has the limits {lower} to {upper}, which are reversed"));
        }
        if parameter.limits.is_some() && !parameter.datatype.is_numeric() {
            mistakes.push(format!("{name} has limits but is no number"));
        }
        if parameter.datatype == crate::Datatype::Unit {
            mistakes.push(format!("{name} has no datatype; say which with `.datatype(…)`"));
        }
        for (what, seconds) in [("tolerance", parameter.tolerance), ("poll interval", parameter.poll)] {
            if seconds.is_some_and(|x| !x.is_finite() || x < 0.0) {
                mistakes.push(format!("{name} has a negative {what}"));
            }
        }
    }
    for (command, run) in table.description.commands.iter().zip(&table.runs) {
        if run.is_none() {
            mistakes.push(format!(
                "{owner}.{} has no function; give it one with `.run(…)`",
                command.name
            ));
        }
        if let Some(state) = command.leads_to.filter(|state| !LASTING.contains(state)) {
            mistakes.push(format!(
                "{owner}.{} leads to {}, which is no state of something that goes on: busy or warn",
                command.name,
                state.word()
            ));
        }
        for touched in &command.touches {
            if !table.description.parameters.iter().any(|p| p.name == *touched) {
                mistakes.push(format!(
                    "{owner}.{} touches `{touched}`, which is no parameter",
                    command.name
                ));
            }
        }
    }
}

fn messages<D>(owner: &str, table: &Table<D>, mistakes: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for name in table.description.messages.iter().map(|message| &message.name) {
        let name_in_lower_case = name.to_ascii_lowercase();
        if !is_name(name) {
            mistakes.push(format!(
                "the message {owner}.{name} has no valid name: letters, digits and _, at most 63"
            ));
        }
        if HOST_MESSAGES.contains(&name_in_lower_case.as_str()) {
            mistakes.push(format!("the message {owner}.{name} is one that the host sends itself"));
        }
        if !seen.insert(name_in_lower_case) {
            mistakes.push(format!("the message {owner}.{name} appears twice; case does not count"));
        }
    }
}

fn names<D>(owner: &str, table: &Table<D>, mistakes: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let parameters = table.description.parameters.iter().map(|p| &p.name);
    let commands = table.description.commands.iter().map(|c| &c.name);
    for name in parameters.chain(commands) {
        if !is_name(name) {
            mistakes.push(format!(
                "{owner}.{name} is no valid name: letters, digits and _, at most 63"
            ));
        }
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            mistakes.push(format!("{owner}.{name} is a name that the host needs itself"));
        }
        if !seen.insert(name.to_ascii_lowercase()) {
            mistakes.push(format!("{owner}.{name} appears twice; case does not count"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Result};

    fn read(_: &mut (), _: &Context) -> Result<f64> {
        Ok(1.0)
    }

    #[test]
    fn only_one_parameter_can_be_the_main_one() {
        let mut table = Table::<()>::new();
        table.parameter("voltage").main().read(read);
        table.parameter("current").main().read(read);
        let mut mistakes = Vec::new();
        find("supply", &table, &mut mistakes);
        assert_eq!(mistakes, ["supply has two main parameters, voltage and current"]);
    }
}
