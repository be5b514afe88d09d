//! How a parameter is written.

use baton_plugin_api::{Error, Result, Value};

use crate::{
    script::{Exchange, Parameter},
    text::show_value,
};

/// How a parameter is written.
pub(crate) struct Write {
    pub(super) name: String,
    pub(super) exchange: Exchange,
    /// By how much a number that the instrument repeats may differ from the one it was sent; if that is not said, one
    /// part in a million.
    within: Option<f64>,
    /// The limits of an integer, which the host keeps as floats.
    limits: Option<(i64, i64)>,
    /// Whether writing it starts something that the status tells of.
    pub(super) starts: bool,
}

impl Write {
    /// The write of a parameter, if it can be written; `starts` for the main one.
    pub(crate) fn of(parameter: &Parameter, starts: bool) -> Option<Self> {
        Some(Write {
            name: parameter.facts.name.clone(),
            exchange: parameter.write.clone()?,
            within: parameter.facts.tolerance,
            limits: parameter.whole_limits,
            starts,
        })
    }

    /// Refuses an integer that is outside of its limits by less than a float can tell.
    pub(super) fn check(&self, value: &Value) -> Result<()> {
        match (value, self.limits) {
            (Value::Int(n), Some((lower, upper))) if !(lower..=upper).contains(n) => {
                Err(Error::range(format!("{n} is outside the limits {lower} to {upper}")))
            }
            _ => Ok(()),
        }
    }

    /// What the instrument repeats has to be what it was sent.
    pub(super) fn compare(&self, sent: &Value, taken: &Value) -> Result<()> {
        if self.is_same(sent, taken) {
            return Ok(());
        }
        let (sent, taken) = (show_value(sent), show_value(taken));
        Err(Error::hardware(format!(
            "the instrument took {taken} instead of {sent}"
        )))
    }

    fn is_same(&self, sent: &Value, taken: &Value) -> bool {
        match (sent, taken) {
            (Value::Int(sent), Value::Int(taken)) => {
                let within = self.within.unwrap_or(0.0);
                sent == taken || (sent.abs_diff(*taken) as f64) <= within
            }
            _ => match (sent.as_f64(), taken.as_f64()) {
                (Some(sent), Some(taken)) => {
                    // The difference of two floats that lie as far apart as they may is sometimes a little more than that.
                    let within = self.within.map_or(1e-6 * sent.abs(), |within| within * 1.000_001);
                    (sent - taken).abs() <= within + 1e-12 * sent.abs()
                }
                _ => sent == taken,
            },
        }
    }
}
