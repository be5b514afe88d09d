//! From a script to the table of the device.

use std::time::Duration;

use baton_plugin_api::{Context, Datatype, Table, Value};

use crate::{
    Instrument,
    instrument::Write,
    script::{Command, Parameter, Script, Source, Unsolicited},
};

/// How late what an instrument says by itself may be passed on.
const LISTEN: Duration = Duration::from_millis(100);

/// Puts everything of a script into the table.
pub(crate) fn describe(script: Script, table: &mut Table<Instrument>) {
    let limit = script.longest_call();
    table.doc(script.doc);
    let main = script.parameters.iter().position(|p| p.facts.main).unwrap_or(0);
    if script.parameters.is_empty() {
        table.no_main_parameter();
    }
    for (index, parameter) in script.parameters.into_iter().enumerate() {
        let write = Write::of(&parameter, index == main);
        describe_parameter(parameter, write, limit, table);
    }
    for command in script.commands {
        describe_command(command, limit, table);
    }
    if !script.unsolicited.is_empty() {
        table.listen(LISTEN, |instrument, _| instrument.hear());
    }
    for unsolicited in script.unsolicited {
        describe_message(unsolicited, table);
    }
    if let Some(query) = script.status {
        table.status(move |instrument, cx| instrument.status(&query, cx));
    }
    if let Some(stop) = script.stop {
        table.stop(move |instrument, cx| instrument.stop(&stop, cx));
    }
}

fn describe_parameter(parameter: Parameter, write: Option<Write>, limit: Duration, table: &mut Table<Instrument>) {
    let name = parameter.facts.name.clone();
    let mut row = parameter.facts.row(table, limit);
    if let Some(source) = parameter.read {
        if matches!(source, Source::Told) {
            row = row.published();
        }
        row = row.read(move |instrument, cx| instrument.read(&name, &source, cx));
    }
    if let Some(write) = write {
        row.write(move |instrument, value, cx| instrument.write(&write, &value, cx));
    }
}

fn describe_command(command: Command, limit: Duration, table: &mut Table<Instrument>) {
    let mut row = table
        .command(command.name.clone())
        .doc(command.doc.clone())
        .timeout(limit)
        .argument(command.argument.clone())
        .argument_unit(command.argument_unit.clone())
        .result(command.result.clone())
        .result_unit(command.result_unit.clone());
    if command.long {
        row = row.long();
    }
    if command.argument == Datatype::Unit {
        row.run(move |instrument: &mut Instrument, cx: &Context<'_>| instrument.run(&command, &Value::Unit, cx));
    } else {
        row.run(move |instrument: &mut Instrument, argument: Value, cx: &Context<'_>| {
            instrument.run(&command, &argument, cx)
        });
    }
}

fn describe_message(unsolicited: Unsolicited, table: &mut Table<Instrument>) {
    if let Some((name, datatype)) = unsolicited.message {
        table.message_of(name, unsolicited.doc, datatype);
    }
}
