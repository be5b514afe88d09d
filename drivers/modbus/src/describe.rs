//! The table of a device, from the script of its file.

use std::time::Duration;

use baton_plugin_api::{Context, Datatype, Result, Table, Value};

use crate::{
    Instrument,
    script::{Argument, Command, Parameter, Script},
};

/// Puts everything of a script into the table.
pub(crate) fn describe(script: Script, connect_timeout: Duration, table: &mut Table<Instrument>) {
    let limit = script.longest_call(connect_timeout);
    table.doc(script.doc);
    let main = script.parameters.iter().position(|p| p.facts.main).unwrap_or(0);
    let has_status = script.status.is_some();
    for (index, parameter) in script.parameters.into_iter().enumerate() {
        describe_parameter(parameter, index, index == main, has_status, limit, table);
    }
    for command in script.commands {
        describe_command(command, limit, table);
    }
    if let Some(query) = script.status {
        table.status(move |instrument, cx| instrument.status(&query, cx));
    }
    if let Some(stop) = script.stop {
        table.stop(move |instrument, cx| instrument.stop(&stop, cx));
    }
}

fn describe_parameter(
    parameter: Parameter,
    index: usize,
    is_main: bool,
    has_status: bool,
    limit: Duration,
    table: &mut Table<Instrument>,
) {
    let mut row = parameter.facts.row(table, limit);
    if parameter.read.is_some() {
        row = row.read(move |instrument, cx| instrument.read(index, is_main, cx));
    }
    if let Some(write) = parameter.write {
        let starts = is_main && has_status;
        row.write(move |instrument, value, cx| instrument.write(&write, &value, starts, cx));
    }
}

fn describe_command(command: Command, limit: Duration, table: &mut Table<Instrument>) {
    let steps = command.steps;
    let row = table.command(command.name).doc(command.doc).timeout(limit);
    match command.argument {
        None => row.run(move |instrument: &mut Instrument, cx: &Context<'_>| instrument.run(&steps, &Value::Unit, cx)),
        Some(argument) => row
            .argument(narrowed(&argument))
            .argument_unit(argument.unit.clone())
            .run(
                move |instrument: &mut Instrument, value: Value, cx: &Context<'_>| -> Result<()> {
                    argument.check(&value)?;
                    instrument.run(&steps, &value, cx)
                },
            ),
    };
}

/// The limits of a whole number are a part of its kind.
fn narrowed(argument: &Argument) -> Datatype {
    match (&argument.datatype, argument.limits) {
        (Datatype::Int { .. }, Some((lower, upper))) => Datatype::Int {
            min: lower as i64,
            max: upper as i64,
        },
        (datatype, _) => datatype.clone(),
    }
}
