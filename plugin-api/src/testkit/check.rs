//! What a host checks before and after it calls a driver.

use crate::{Datatype, Error, ErrorKind, Result, Value, description::ParameterDescription};

pub(super) fn check(row: &ParameterDescription, value: Value) -> Result<Value> {
    let name = &row.name;
    if !row.writable {
        return Err(Error::new(ErrorKind::ReadOnly, format!("{name} cannot be written")));
    }
    let value = conform(value, &row.datatype, name)?;
    match (value.as_f64(), row.limits) {
        (Some(x), _) if !x.is_finite() => Err(Error::range(format!("{name}: {x} is no finite number"))),
        (Some(x), Some((lower, upper))) if !(lower..=upper).contains(&x) => Err(Error::range(format!(
            "{name}: {x} is outside the limits {lower} to {upper}"
        ))),
        _ => Ok(value),
    }
}

pub(super) fn conform(value: Value, datatype: &Datatype, name: &str) -> Result<Value> {
    let wrong = |what| Error::new(ErrorKind::WrongType, format!("{name}: {what}"));
    value.conform(datatype).map_err(wrong)
}

pub(super) fn returned(value: Value, datatype: &Datatype, name: &str) -> Result<Value> {
    let wrong = |what| {
        Error::new(
            ErrorKind::InternalError,
            format!("{name} returned another kind of value: {what}"),
        )
    };
    value.conform(datatype).map_err(wrong)
}
