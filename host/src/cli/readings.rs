//! A reading as the commands write it: terse, in one line, wide, or as JSON.

use serde_json::{Value as Json, json};

use super::args::Form;
use super::client::{Client, Datainfo, Device, Parameter, Reading};
use super::format;

/// `2.000 mm`; of a long array the beginning and its shape, for nobody reads a frame in a line.
pub(crate) fn with_unit(parameter: &Parameter, value: &Json) -> String {
    let text = format::one_line(&format::value(parameter, value));
    let text = match parameter.datainfo {
        Datainfo::Array { .. } => format::abridged(text, value),
        _ => text,
    };
    let unit = if value.is_null() { "" } else { parameter.unit() };
    format!("{text} {unit}").trim_end().to_owned()
}

/// Who has locked a device, or parts of it; `None` if nobody has, as far as the host has said.
pub(crate) fn locked_by<'a>(client: &'a Client, device: &Device) -> Option<&'a str> {
    let owner = client.latest(&device.on(LOCKED_BY))?.value.as_str()?;
    (!owner.is_empty()).then_some(owner)
}

/// The parameter by which a host of ours says who has locked a device.
pub(crate) const LOCKED_BY: &str = "_locked_by";

/// A reading in the form that the user asked for; `status` belongs to the wide one.
pub(crate) fn line(form: Form, path: &str, parameter: &Parameter, reading: &Reading, status: Option<&str>) -> String {
    if form.terse {
        return format::value(parameter, &reading.value);
    }
    let value = with_unit(parameter, &reading.value);
    if !form.wide {
        return format!("{path} {value}");
    }
    let time = format::local_time(reading.timestamp);
    let quality = &reading.quality;
    format!("{path} {time} {value} {quality} {}", status.unwrap_or("-"))
}

/// `timestamp path value unit`, and the quality if it is not good; an error where there is no value.
pub(crate) fn timed_line(path: &str, parameter: &Parameter, reading: &Reading) -> String {
    let time = format::local_time(reading.timestamp);
    match &reading.error {
        Some(error) => format!(
            "{time} {path} error: {} ({})",
            format::one_line(&error.text),
            error.class
        ),
        None if reading.quality == "good" => format!("{time} {path} {}", with_unit(parameter, &reading.value)),
        None => format!(
            "{time} {path} {} ({})",
            with_unit(parameter, &reading.value),
            reading.quality
        ),
    }
}

/// The form for programs. `text` is the value as people read it, without its unit; where there is none, `error` says why.
pub(crate) fn to_json(path: &str, parameter: &Parameter, reading: &Reading) -> Json {
    let mut object = json!({ "path": path, "value": reading.value });
    match &reading.error {
        Some(error) => object["error"] = json!({ "class": error.class, "text": error.text }),
        None => object["text"] = json!(format::value(parameter, &reading.value)),
    }
    object["unit"] = json!(parameter.unit());
    object["timestamp"] = format::rfc3339(reading.timestamp);
    object["quality"] = json!(reading.quality);
    object
}

/// A device's status: SECoP's code and text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Status {
    pub(crate) code: i64,
    pub(crate) text: String,
}

impl Status {
    /// The status that a reading of it holds; one that cannot be read is an error.
    pub(crate) fn of(reading: &Reading) -> Status {
        match &reading.error {
            Some(error) => Status {
                code: 400,
                text: error.text.clone(),
            },
            None => Status::parse(&reading.value),
        }
    }

    /// Reads `[code, "text"]`; what is no status is an error.
    pub(crate) fn parse(value: &Json) -> Status {
        Status {
            code: value.get(0).and_then(Json::as_i64).unwrap_or(400),
            text: value.get(1).and_then(Json::as_str).unwrap_or_default().to_owned(),
        }
    }

    /// Our word for SECoP's hundreds.
    pub(crate) fn word(&self) -> &'static str {
        match self.code {
            0..=99 => "disabled",
            100..=199 => "idle",
            200..=299 => "warn",
            300..=399 => "busy",
            _ => "error",
        }
    }

    /// Whether something is going on.
    pub(crate) fn is_busy(&self) -> bool {
        self.word() == "busy"
    }

    /// Word and text; the text only where it says more than the word.
    pub(crate) fn label(&self) -> String {
        let redundant = self.text.is_empty() || self.text.eq_ignore_ascii_case(self.word());
        match redundant || self.word() == "idle" {
            true => self.word().to_owned(),
            false => format!("{}: {}", self.word(), self.text),
        }
    }

    /// The form for programs.
    pub(crate) fn to_json(&self) -> Json {
        json!({ "state": self.word(), "code": self.code, "text": self.text })
    }
}

/// What `limits` says: `0 to 50`, `at least 0`, or nothing.
pub(crate) fn limits(parameter: &Parameter, effective: Option<&Reading>) -> String {
    let bound = |bound: Option<f64>| {
        // Limits are in the unit that people see; a scaled number on the wire is not.
        let number = match parameter.datainfo.element() {
            Datainfo::Scaled(_) => Datainfo::Double(Default::default()),
            other => other.clone(),
        };
        bound
            .filter(|bound| bound.is_finite())
            .map(|bound| format::text(&number, parameter.digits, &json!(bound)))
    };
    let own = parameter.target_datainfo.limits();
    let of = |index: usize| {
        effective
            .and_then(|reading| reading.value.get(index))
            .and_then(Json::as_f64)
    };
    match (bound(of(0).or(own.0)), bound(of(1).or(own.1))) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => String::new(),
    }
}

/// Name on the wire of the parameter that holds the effective limits of `parameter`, if the device has one.
pub(crate) fn limits_wire(device: &Device, parameter: &Parameter) -> Option<String> {
    let written = parameter.wire_target.as_deref().unwrap_or(&parameter.wire);
    let wire = format!("{written}_limits");
    device.accessible(&wire).map(|_| wire)
}
