//! `sign`, `scale`, `zero` and `dial_limits` of a parameter: how its hardware counts (D8).

use baton_plugin_api::diagnostic::Diagnostic;
use serde_json::Value as Json;

use super::{parameter::Settings, quantity};
use crate::{
    config::{ParameterConfig, Scale, Setting, raw::RawParameter},
    units::{Unit, UnitError},
};

impl Settings<'_, '_> {
    /// What the hardware's frame has to do with it. All else that the config says of the parameter is in the user's
    /// frame, and is understood as such from here on.
    pub(super) fn frame(&mut self, raw: &RawParameter) -> ParameterConfig {
        let dial_limits = raw.dial_limits.as_ref();
        let config = ParameterConfig {
            dial_limits: dial_limits
                .and_then(|(lower, upper)| self.limits("dial_limits", &self.hardware_unit, lower, upper)),
            sign: raw
                .sign
                .filter(|_| self.is_numeric("sign"))
                .and_then(|sign| self.setting("sign", Some(sign))),
            scale: raw.scale.as_ref().and_then(|scale| self.scale(&scale.0)),
            zero: raw.zero.as_ref().and_then(|zero| {
                let number = self.is_numeric("zero").then(|| self.path("zero"));
                let number = number.and_then(|path| self.number_in(&self.hardware_unit, &path, zero, false));
                self.setting("zero", number)
            }),
            ..ParameterConfig::default()
        };
        self.description = config.frame().describe(&self.description, config.unit());
        self.unit = Unit::parse(&self.description.unit);
        config
    }

    fn scale(&self, raw: &Json) -> Option<Setting<Scale>> {
        if !self.is_numeric("scale") {
            return None;
        }
        let error = |message: String| self.section.error(&self.path("scale"), message);
        let name = &self.description.name;
        let (factor, unit) = match raw {
            Json::String(text) => match Unit::split_quantity(text) {
                Ok((factor, unit)) => (factor, Some(unit).filter(|unit| !unit.is_none())),
                Err(UnitError::NotAQuantity { text, .. }) => {
                    let message = format!("the scale of `{name}` is no number: `{text}`");
                    self.report(
                        error(message).help("write `2`, or with the unit that the user is to see, `\"25 mbar\"`"),
                    );
                    return None;
                }
                Err(other) => {
                    self.report(quantity::explain(name, &other).at(self.section.place(&self.path("scale"))));
                    return None;
                }
            },
            number => (number.as_f64()?, None),
        };
        if !(factor.is_finite() && factor > 0.0) {
            let error = error(format!("the scale of `{name}` is not greater than 0"));
            self.report(error.help("to count in the other direction, set `sign = -1`"));
            return None;
        }
        if let Some(unit) = unit.as_ref().filter(|unit| !unit.is_known()) {
            let message = format!("unknown unit `{unit}`: it is not converted, and equals itself alone");
            self.report(Diagnostic::warning(message).at(self.section.place(&self.path("scale"))));
        }
        let unit = unit.map(|unit| unit.to_string());
        self.setting("scale", Some(Scale { factor, unit }))
    }
}
