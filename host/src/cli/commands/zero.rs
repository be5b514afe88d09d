//! `baton zero`: what the place where a parameter is is called; and `baton reopen`, the last way out.

use serde_json::{Value as Json, json};

use super::unless_unknown;
use crate::cli::client::{Client, Reading};
use crate::cli::failure::Failure;
use crate::cli::format::brief_time;
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

/// Closes a device and opens it again; with `abandon`, whatever its driver does.
pub(super) fn reopen(client: &mut Client, device: &str, abandon: bool, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let device = names::device(&node, device)?;
    let name = &device.name;
    let wanted = match abandon {
        true => json!({ "device": name, "abandon": true }),
        false => json!({ "device": name }),
    };
    let request = client.send_custom("_reopen", wanted, name)?;
    let answer = client.answer(&request).inspect_err(|failure| {
        if let Failure::Remote { error, .. } = failure {
            tell_what_was_done(&error.detail, output);
        }
    });
    let Some(answer) = unless_unknown(answer)? else {
        let text = format!("{} is no Baton host, and opens nothing again", client.address());
        return Err(Failure::Request(text));
    };
    if output.json {
        return output.object(answer);
    }
    tell_what_was_done(&answer, output);
    output.note(&format!("{name} is open"));
    Ok(())
}

/// What was left behind or killed, which is so whether or not the device could be opened then.
fn tell_what_was_done(done: &Json, output: Output) {
    if let Some(behind) = done.get("left_behind").filter(|behind| behind.is_object()) {
        let text = |key: &str| behind.get(key).and_then(Json::as_str).unwrap_or_default();
        let since = brief_time(behind.get("since").and_then(Json::as_f64));
        output.note(&format!(
            "{}: left behind in the {}, where it has been since {since}",
            text("worker"),
            text("inside")
        ));
    }
    if done.get("killed") == Some(&Json::Bool(true)) {
        output.note("its process was killed");
    }
}
