//! `step`, `rate` and `settle` of a parameter: how a write is taken to its target.

use baton_plugin_api::{Datatype, diagnostic::Diagnostic};
use serde_json::Value as Json;

use super::{parameter::Settings, quantity};
use crate::{
    config::{
        RampConfig, Setting,
        raw::{RawParameter, RawQuantity},
    },
    units::{Unit, UnitError},
};

impl Settings<'_, '_> {
    /// The ramp; `None` if there is none or something is wrong with it, which is reported.
    pub(super) fn ramp(&self, raw: &RawParameter) -> Option<Setting<RampConfig>> {
        let given = [
            ("step", raw.step.is_some()),
            ("rate", raw.rate.is_some()),
            ("settle", raw.settle.is_some()),
        ];
        let (first, _) = given.into_iter().find(|(_, is_given)| *is_given)?;
        if let Some(error) = self.no_ramp(first) {
            self.report(error);
            return None;
        }
        if first == "settle" {
            let message = format!("`{}` has no steps that could settle", self.description.name);
            let error = self.section.key_error(&self.path("settle"), message);
            self.report(error.help("say how far a step goes, `step = \"…\"`, or how fast they go, `rate = \"…\"`"));
            return None;
        }
        // Both, so that what is wrong with either is reported.
        let step = raw
            .step
            .as_ref()
            .map(|step| self.positive("step", self.number_in(&self.unit, &self.path("step"), step, true)));
        let rate = raw.rate.as_ref().map(|rate| self.positive("rate", self.rate(rate)));
        let ramp = RampConfig {
            step: valid(step)?,
            rate: valid(rate)?,
            settle: raw.settle.unwrap_or(0.0),
        };
        self.setting(first, Some(ramp))
    }

    /// Why a parameter cannot be ramped at all.
    fn no_ramp(&self, key: &str) -> Option<Diagnostic> {
        let name = &self.description.name;
        let message = if !self.description.writable {
            format!("`{name}` cannot be written, so there is no {key}")
        } else if !matches!(self.description.datatype, Datatype::Float | Datatype::Int { .. }) {
            let kind = self.description.datatype.noun();
            format!("`{name}` has no {key}: it is no number but of kind {kind}")
        } else {
            return None;
        };
        Some(self.section.key_error(&self.path(key), message))
    }

    fn positive(&self, key: &str, number: Option<f64>) -> Option<f64> {
        let number = number?;
        if number > 0.0 {
            return Some(number);
        }
        let message = format!("a {key} is more than zero, in either direction");
        self.report(self.section.error(&self.path(key), message));
        None
    }

    /// `"2 K/min"` in the parameter's unit per second: what is before the last `/` is a difference, what is behind it a
    /// time.
    fn rate(&self, raw: &RawQuantity) -> Option<f64> {
        let text = match &raw.0 {
            Json::String(text) => text.clone(),
            // A plain number has a plain rate, per second.
            number if self.unit.is_none() => return number.as_f64(),
            number => number.to_string(),
        };
        let place = || self.section.place(&self.path("rate"));
        let Some((difference, time)) = text.rsplit_once('/') else {
            let message = format!("`rate`: `{text}` is no rate");
            let help = format!("write a difference per time: `\"1 {}/min\"`", self.description.unit);
            self.report(Diagnostic::error(message).at(place()).help(help));
            return None;
        };
        let explain = |error: UnitError| self.report(quantity::explain("rate", &error).at(place()));
        let seconds = Unit::parse("s").quantity(&format!("1 {}", time.trim()));
        let difference = self.unit.difference(difference);
        // Both, so that what is wrong with either is reported.
        let (difference, seconds) = (difference.map_err(explain).ok(), seconds.map_err(explain).ok());
        Some(difference? / seconds?)
    }
}

/// Nothing if something is wrong, which is not the same as nothing given.
fn valid(number: Option<Option<f64>>) -> Option<Option<f64>> {
    match number {
        None => Some(None),
        Some(number) => number.map(Some),
    }
}
