//! What can be wrong with a quantity.

use baton_plugin_api::diagnostic::nearest;

use super::{Unit, dimension, spelling::COMMON};

/// Why a text is no quantity of the unit that is due.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// It does not begin with a finite number.
    #[error("`{text}` is no number{}", if unit.is_empty() { "" } else { " with a unit" })]
    NotAQuantity {
        /// The text.
        text: String,
        /// The unit that is due.
        unit: String,
    },
    /// It is a number alone.
    #[error("`{number}` has no unit")]
    MissingUnit {
        /// The number as it was written.
        number: String,
        /// The unit that is due.
        unit: String,
    },
    /// Its unit is not known.
    #[error("unknown unit `{unit}`")]
    UnknownUnit {
        /// Its unit.
        unit: String,
        /// The unit that is due.
        declared: String,
        /// A unit that was probably meant.
        meant: Option<String>,
    },
    /// Its unit is of another kind.
    #[error("{}", wrong_dimension(unit, declared, what))]
    WrongDimension {
        /// Its unit.
        unit: String,
        /// The unit that is due.
        declared: String,
        /// What the two measure, where that has a name.
        what: Option<(&'static str, &'static str)>,
    },
}

fn wrong_dimension(unit: &str, declared: &str, what: &Option<(&'static str, &'static str)>) -> String {
    match (what, declared) {
        (Some((is, due)), _) if is != due => format!("`{unit}` is {is}, not {due}"),
        (_, "") => format!("`{unit}` is a unit, where a plain number is due"),
        _ => format!("`{unit}` cannot be converted to `{declared}`"),
    }
}

impl UnitError {
    pub(super) fn unknown(unit: &Unit, declared: &Unit) -> UnitError {
        let meant = nearest(
            unit.as_str(),
            COMMON.into_iter().filter(|common| fits(common, declared)),
        );
        UnitError::UnknownUnit {
            unit: unit.to_string(),
            declared: declared.to_string(),
            meant: meant.map(str::to_owned),
        }
    }

    pub(super) fn wrong_dimension(unit: &Unit, declared: &Unit) -> UnitError {
        let name = |unit: &Unit| dimension::name(unit.kind().filter(|kind| !kind.amount)?.dimension);
        UnitError::WrongDimension {
            unit: unit.to_string(),
            declared: declared.to_string(),
            what: name(unit).zip(name(declared)),
        }
    }

    /// What to write instead, in lower case without a full stop.
    pub fn help(&self) -> Option<String> {
        match self {
            UnitError::NotAQuantity { unit, .. } if unit.is_empty() => None,
            UnitError::NotAQuantity { unit, .. } => {
                Some(format!("write a number with its unit, such as `\"5 {unit}\"`"))
            }
            UnitError::MissingUnit { number, unit } => Some(format!("write `\"{number} {unit}\"`")),
            UnitError::UnknownUnit { meant: Some(unit), .. } => Some(format!("did you mean `{unit}`?")),
            UnitError::UnknownUnit { declared, .. } | UnitError::WrongDimension { declared, .. }
                if declared.is_empty() =>
            {
                Some("write the number without a unit".to_owned())
            }
            // The coulomb where degrees are meant is the classic.
            UnitError::WrongDimension { unit, declared, .. }
                if ["C", "F"].contains(&unit.as_str()) && Unit::parse(declared).is_temperature() =>
            {
                Some(format!("degrees are written `deg{unit}`"))
            }
            UnitError::WrongDimension { unit, declared, .. }
                if unit == "m" && Unit::parse(declared).kind() == Unit::parse("s").kind() =>
            {
                Some("minutes are written `min`".to_owned())
            }
            UnitError::UnknownUnit { declared, .. } | UnitError::WrongDimension { declared, .. }
                if !Unit::parse(declared).is_known() =>
            {
                Some(format!("write it in `{declared}`"))
            }
            UnitError::UnknownUnit { declared, .. } | UnitError::WrongDimension { declared, .. } => {
                Some(format!("write it in `{declared}`, or in a unit that converts to it"))
            }
        }
    }
}

fn fits(unit: &str, declared: &Unit) -> bool {
    Unit::parse(unit).kind() == declared.kind()
}

impl Unit {
    fn is_temperature(&self) -> bool {
        self.kind() == Unit::parse("K").kind()
    }
}
