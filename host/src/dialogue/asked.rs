//! What an action is for one device: its names looked up, its values checked.

use std::sync::Arc;

use baton_plugin_api::{Datatype, Error, Status, Value, diagnostic::Diagnostic};

use super::{Action, parse_value, show_value, value::is_same};
use crate::{
    device::{Command, Device, Parameter},
    executor::Solo,
    failure::Refusal,
    units::Unit,
};

/// An action of a device that is there.
#[derive(Debug)]
pub struct Asked {
    device: Arc<Device>,
    what: What,
}

#[derive(Debug)]
enum What {
    Read(usize),
    /// With the value, or why it is refused: nothing is sent then.
    Write(usize, Result<Value, Error>),
    Call(usize, Result<Value, Error>),
    Status,
    Stop,
    /// Nothing is asked, as it was opened already, or speaks by itself.
    Nothing,
}

/// A name that the device does not have.
#[derive(Debug)]
pub struct Unknown {
    /// What was looked for: `parameter`.
    pub what: &'static str,
    /// The name.
    pub name: String,
    /// Those that there are.
    pub names: Vec<String>,
}

impl Unknown {
    /// As a diagnostic without a place.
    pub fn diagnostic(&self) -> Diagnostic {
        let Unknown { what, name, names } = self;
        let kinds = format!("{what}s");
        Diagnostic::error(format!("there is no {what} `{name}`")).help_names(
            name,
            &kinds,
            names.iter().map(String::as_str),
        )
    }
}

impl Asked {
    /// Looks up what an action names.
    ///
    /// # Errors
    /// If the device does not have it. A value that is refused is no such error: it is how the action ends.
    pub fn new(action: &Action, device: &Arc<Device>) -> Result<Asked, Unknown> {
        let what = match action {
            Action::Read(name) => What::Read(parameter(device, name)?.index()),
            Action::Write(name, text) => {
                let parameter = parameter(device, name)?;
                let value = parse_value(text, &parameter.description().datatype, parameter.unit());
                What::Write(
                    parameter.index(),
                    checked(parameter.path(), value, |value| parameter.check(value)),
                )
            }
            Action::Call(name, text) => {
                let command = command(device, name)?;
                let description = command.description();
                let unit = Unit::parse(&description.argument_unit);
                let value = parse_value(text.as_deref().unwrap_or_default(), &description.argument, &unit);
                What::Call(
                    command.index(),
                    checked(command.path(), value, |value| command.check(value)),
                )
            }
            Action::Status => What::Status,
            Action::Stop => What::Stop,
            Action::Open | Action::Listen | Action::Close => What::Nothing,
        };
        Ok(Asked {
            device: Arc::clone(device),
            what,
        })
    }

    /// Why nothing will be sent, if that is so.
    pub fn refused(&self) -> Option<&Error> {
        match &self.what {
            What::Write(_, Err(error)) | What::Call(_, Err(error)) => Some(error),
            _ => None,
        }
    }

    /// Asks it. Blocks for as long as the instrument takes.
    ///
    /// # Errors
    /// What the driver says, or that a value was refused.
    pub fn ask(&self, solo: &mut Solo) -> Result<Value, Error> {
        let cannot = |what: &str| Error::impossible(format!("the device {what}"));
        match &self.what {
            What::Read(index) => solo.read(&self.device.parameters()[*index]),
            What::Write(index, value) => {
                solo.write(&self.device.parameters()[*index], value.clone()?)?;
                Ok(Value::Unit)
            }
            What::Call(index, argument) => solo.run(&self.device.commands()[*index], argument.clone()?),
            What::Status => Ok(Value::Text(show_status(
                &solo.status().ok_or_else(|| cannot("has no status"))??,
            ))),
            What::Stop => solo
                .stop()
                .ok_or_else(|| cannot("has nothing to stop it"))?
                .map(|()| Value::Unit),
            What::Nothing => Ok(Value::Unit),
        }
    }

    /// Kind and unit of what comes back.
    fn result(&self) -> (Datatype, String) {
        match &self.what {
            What::Read(index) => {
                let description = self.device.parameters()[*index].description();
                (description.datatype.clone(), description.unit.clone())
            }
            What::Call(index, _) => {
                let description = self.device.commands()[*index].description();
                (description.result.clone(), description.result_unit.clone())
            }
            What::Status => (Datatype::Text { max_chars: None }, String::new()),
            What::Write(..) | What::Stop | What::Nothing => (Datatype::Unit, String::new()),
        }
    }

    /// What came back, with all its digits.
    pub fn show(&self, value: &Value) -> String {
        show_value(value, &self.result().1)
    }

    /// Unit of what comes back; empty if it has none.
    pub fn unit(&self) -> String {
        self.result().1
    }

    /// What came back as people like to read it.
    pub fn format(&self, value: &Value) -> String {
        match &self.what {
            What::Read(index) => self.device.parameters()[*index].format(value),
            _ => self.show(value),
        }
    }

    /// Whether what came back is what a text says.
    ///
    /// # Errors
    /// If the text is no value of this kind.
    pub fn is(&self, expected: &str, value: &Value) -> Result<bool, String> {
        if let (What::Status, Value::Text(status)) = (&self.what, value) {
            return Ok(status == expected || status.split(':').next() == Some(expected));
        }
        let (datatype, unit) = self.result();
        if datatype == Datatype::Unit {
            return Err("nothing comes back from this".to_owned());
        }
        Ok(is_same(&parse_value(expected, &datatype, &Unit::parse(&unit))?, value))
    }
}

/// Kind and unit of a parameter, or of what a message carries; `None` if the device has neither of that name.
pub(super) fn kind_of(device: &Device, name: &str) -> Option<(Datatype, String)> {
    let parameters = device.parameters().iter().map(|parameter| parameter.description());
    let parameters = parameters.map(|of| (&of.name, &of.datatype, of.unit.as_str()));
    let messages = device
        .config()
        .table
        .messages
        .iter()
        .map(|of| (&of.name, &of.payload, ""));
    let (_, datatype, unit) = parameters.chain(messages).find(|(found, ..)| *found == name)?;
    Some((datatype.clone(), unit.to_owned()))
}

/// `idle`, or `busy: moving`.
fn show_status(status: &Status) -> String {
    match status.text.as_str() {
        "" => status.code.word().to_owned(),
        text => format!("{}: {text}", status.code.word()),
    }
}

fn checked(
    path: &str,
    value: Result<Value, String>,
    check: impl FnOnce(Value) -> Result<Value, Refusal>,
) -> Result<Value, Error> {
    let wrong = |why| Refusal::WrongType {
        path: path.to_owned(),
        why,
    };
    value
        .map_err(wrong)
        .and_then(check)
        .map_err(|refusal| refusal.to_error())
}

fn parameter<'d>(device: &'d Device, name: &str) -> Result<&'d Parameter, Unknown> {
    let all = device.parameters();
    all.iter()
        .find(|parameter| **parameter.name() == *name)
        .ok_or_else(|| Unknown {
            what: "parameter",
            name: name.to_owned(),
            names: all.iter().map(|parameter| parameter.name().to_string()).collect(),
        })
}

fn command<'d>(device: &'d Device, name: &str) -> Result<&'d Command, Unknown> {
    let all = device.commands();
    all.iter()
        .find(|command| **command.name() == *name)
        .ok_or_else(|| Unknown {
            what: "command",
            name: name.to_owned(),
            names: all.iter().map(|command| command.name().to_string()).collect(),
        })
}
