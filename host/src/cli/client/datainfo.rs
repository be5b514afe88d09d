//! What kind of value an accessible has, as SECoP's `datainfo` says it.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A datainfo. What we do not know is `Other`: it is shown as the JSON it is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Datainfo {
    Double(Number),
    Int(Number),
    Scaled(Number),
    Bool,
    Enum {
        /// Name and number of each member.
        members: Map<String, Json>,
    },
    String,
    Blob,
    Array {
        members: Box<Datainfo>,
        #[serde(default)]
        unit: String,
    },
    Tuple {
        members: Vec<Datainfo>,
    },
    Struct {
        members: Map<String, Json>,
        #[serde(default)]
        optional: Vec<String>,
    },
    Command {
        #[serde(default)]
        argument: Option<Box<Datainfo>>,
        #[serde(default)]
        result: Option<Box<Datainfo>>,
    },
    #[serde(other)]
    Other,
}

/// What is said of a number.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Number {
    #[serde(default)]
    pub(crate) unit: String,
    /// Smallest value; of a scaled number, in steps of `scale`.
    #[serde(default)]
    pub(crate) min: Option<f64>,
    #[serde(default)]
    pub(crate) max: Option<f64>,
    /// As C's `printf` has it: `%.3f`.
    #[serde(default)]
    pub(crate) fmtstr: Option<String>,
    /// Size of one step of a scaled number.
    #[serde(default = "one")]
    pub(crate) scale: f64,
}

fn one() -> f64 {
    1.0
}

impl Datainfo {
    /// Reads a datainfo; what is not well-formed becomes `Other`.
    pub(crate) fn parse(json: &Json) -> Datainfo {
        serde_json::from_value(json.clone()).unwrap_or(Datainfo::Other)
    }

    /// Unit of its numbers; empty if they have none.
    pub(crate) fn unit(&self) -> &str {
        match self {
            Datainfo::Double(number) | Datainfo::Int(number) | Datainfo::Scaled(number) => &number.unit,
            Datainfo::Array { members, unit } if unit.is_empty() => members.unit(),
            Datainfo::Array { unit, .. } => unit,
            _ => "",
        }
    }

    /// What the innermost items of an array are; of anything else, the value itself.
    pub(crate) fn element(&self) -> &Datainfo {
        match self {
            Datainfo::Array { members, .. } => members.element(),
            other => other,
        }
    }

    /// Smallest and largest value in `unit`, where there is a bound. An integer's whole range is no bound.
    pub(crate) fn limits(&self) -> (Option<f64>, Option<f64>) {
        // A driver that sets no bound has those of its integer type, which tell a reader nothing.
        let real = |bound: Option<f64>| bound.filter(|bound| bound.abs() < 1e9);
        match self {
            Datainfo::Double(number) => (number.min, number.max),
            Datainfo::Int(number) => (real(number.min), real(number.max)),
            Datainfo::Scaled(number) => {
                let step = |bound: Option<f64>| bound.map(|steps| steps * number.scale);
                (step(number.min), step(number.max))
            }
            Datainfo::Array { members, .. } => members.limits(),
            _ => (None, None),
        }
    }

    /// The kind in a few words, as the user is to give it.
    pub(crate) fn noun(&self) -> String {
        match self {
            Datainfo::Double(_) | Datainfo::Scaled(_) => "number".to_owned(),
            Datainfo::Int(_) => "integer".to_owned(),
            Datainfo::Bool => "bool".to_owned(),
            Datainfo::Enum { members } => members.keys().cloned().collect::<Vec<_>>().join("|"),
            Datainfo::String => "text".to_owned(),
            Datainfo::Blob => "base64".to_owned(),
            Datainfo::Array { members, .. } => format!("array of {}", members.noun()),
            Datainfo::Tuple { members } => {
                let members: Vec<_> = members.iter().map(Datainfo::noun).collect();
                format!("({})", members.join(", "))
            }
            Datainfo::Struct { .. } => format!("{{{}}}", self.fields().join(", ")),
            Datainfo::Command { .. } => "command".to_owned(),
            Datainfo::Other => "JSON".to_owned(),
        }
    }

    /// `name: kind unit` for each field of a struct; those that may be left out have a question mark.
    pub(crate) fn fields(&self) -> Vec<String> {
        let Datainfo::Struct { members, optional } = self else {
            return Vec::new();
        };
        members
            .iter()
            .map(|(name, datainfo)| {
                let datainfo = Datainfo::parse(datainfo);
                let mark = if optional.contains(name) { "?" } else { "" };
                format!("{name}{mark}: {} {}", datainfo.noun(), datainfo.unit())
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_has_a_noun_and_the_unknown_is_json() {
        let noun = |json: Json| Datainfo::parse(&json).noun();
        assert_eq!(noun(json!({"type": "double", "unit": "mm"})), "number");
        assert_eq!(noun(json!({"type": "enum", "members": {"off": 0, "on": 1}})), "off|on");
        assert_eq!(
            noun(
                json!({"type": "struct", "members": {"v": {"type": "double", "unit": "mL"}, "n": {"type": "int"}}, "optional": ["n"]})
            ),
            "{v: number mL, n?: integer}"
        );
        assert_eq!(
            noun(json!({"type": "tuple", "members": [{"type": "bool"}, {"type": "string"}]})),
            "(bool, text)"
        );
        assert_eq!(noun(json!({"type": "matrix", "elementtype": "<f8"})), "JSON");
        assert_eq!(noun(json!({"type": "enum"})), "JSON");
    }
}
