//! `baton zero`: what the place where a parameter is is called; and `baton reopen`, the last way out.

use serde_json::json;

use super::unless_unknown;
use crate::cli::client::{Client, Reading};
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::names;
use crate::cli::output::Output;
use crate::cli::readings;

/// Gives the place a name, and writes the reading that it is now.
pub(super) fn run(client: &mut Client, path: &str, value: &str, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let (device, parameter) = names::parameter(&node, path)?;
    let path = device.path(&parameter.name);
    let value = input::encode(&path, &parameter.datainfo, value, node.is_baton())?;
    let request = client.send_custom("_set_zero", json!({ "path": path, "value": value }), &path)?;
    let Some(answer) = unless_unknown(client.answer(&request))? else {
        return Err(Failure::Request(format!(
            "{} is no Baton host, and gives no zeros",
            client.address()
        )));
    };
    let reading = Reading::parse(&answer["reading"]);
    match output.json {
        true => output.object(json!({
            "path": path,
            "zero": answer["zero"],
            "reading": readings::to_json(&path, parameter, &reading),
        })),
        false => output.line(&format!("{path} {}", readings::with_unit(parameter, &reading.value))),
    }
}

/// Closes a device and opens it again.
pub(super) fn reopen(client: &mut Client, device: &str, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let device = names::device(&node, device)?;
    let request = client.send_custom("_reopen", json!({ "device": device.name }), &device.name)?;
    let Some(answer) = unless_unknown(client.answer(&request))? else {
        return Err(Failure::Request(format!(
            "{} is no Baton host, and opens nothing again",
            client.address()
        )));
    };
    match output.json {
        true => output.object(answer),
        false => {
            output.note(&format!("{} is open", device.name));
            Ok(())
        }
    }
}
