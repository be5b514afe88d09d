//! `parameters.NAME` of a device.

use baton_plugin_api::Value;

use super::{Comparison, Way, options::HIDDEN};
use crate::{
    config::{DeviceConfig, Limits, ParameterConfig, RampConfig, Scale, Setting},
    device::format_value,
};

/// Compares the settings of a parameter that at least one of the two mentions.
pub(super) fn compare(found: &mut Comparison<'_>, name: &str, old: &DeviceConfig, new: &DeviceConfig) {
    let none = ParameterConfig::default();
    let of = |config: &'_ DeviceConfig| config.parameters.get(name).cloned().unwrap_or_else(|| none.clone());
    let (before, after) = (of(old), of(new));
    // Who adds a setting has to say here how it comes about.
    let ParameterConfig {
        limits,
        dial_limits,
        sign,
        scale,
        zero,
        tolerance,
        poll,
        timeout,
        motion_timeout,
        fresh_for,
        history,
        ramp,
        initial,
        restore,
    } = &after;
    let unit = |config: &DeviceConfig| {
        let index = config.table.parameters.iter().position(|p| p.name == name);
        index.map(|index| config.describe(index).unit).unwrap_or_default()
    };
    let hardware_unit = new
        .table
        .parameters
        .iter()
        .find(|p| p.name == name)
        .map(|p| p.unit.clone());
    let (unit, dial_unit) = (unit(new), hardware_unit.unwrap_or_default());
    let key = |setting: &str| format!("parameters.{name}.{setting}");
    let narrows = narrows(&old.limits(name), &new.limits(name));
    let way = if narrows { Way::AtOnce } else { Way::WhenFree };
    let range = |unit: &str| {
        let unit = unit.to_owned();
        move |(lower, upper): &(f64, f64)| with_unit(&format!("[{lower}, {upper}]"), &unit)
    };
    let number = |unit: &str| {
        let unit = unit.to_owned();
        move |x: &f64| with_unit(&x.to_string(), &unit)
    };
    let time = |x: &f64| seconds(*x);
    setting(
        found,
        key("limits"),
        way,
        before.limits.as_ref(),
        limits.as_ref(),
        range(&unit),
    );
    setting(
        found,
        key("dial_limits"),
        way,
        before.dial_limits.as_ref(),
        dial_limits.as_ref(),
        range(&dial_unit),
    );
    let free = Way::WhenFree;
    setting(
        found,
        key("sign"),
        free,
        before.sign.as_ref(),
        sign.as_ref(),
        f64::to_string,
    );
    setting(
        found,
        key("scale"),
        free,
        before.scale.as_ref(),
        scale.as_ref(),
        shown_scale,
    );
    setting(
        found,
        key("zero"),
        free,
        before.zero.as_ref(),
        zero.as_ref(),
        number(&dial_unit),
    );
    setting(
        found,
        key("tolerance"),
        free,
        before.tolerance.as_ref(),
        tolerance.as_ref(),
        number(&unit),
    );
    let now = Way::AtOnce;
    setting(found, key("poll"), now, before.poll.as_ref(), poll.as_ref(), time);
    setting(
        found,
        key("timeout"),
        now,
        before.timeout.as_ref(),
        timeout.as_ref(),
        time,
    );
    setting(
        found,
        key("motion_timeout"),
        now,
        before.motion_timeout.as_ref(),
        motion_timeout.as_ref(),
        time,
    );
    setting(
        found,
        key("fresh_for"),
        now,
        before.fresh_for.as_ref(),
        fresh_for.as_ref(),
        time,
    );
    setting(
        found,
        key("history"),
        now,
        before.history.as_ref(),
        history.as_ref(),
        usize::to_string,
    );
    setting(
        found,
        key("restore"),
        now,
        before.restore.as_ref(),
        restore.as_ref(),
        bool::to_string,
    );
    setting(found, key("ramp"), free, before.ramp.as_ref(), ramp.as_ref(), |r| {
        shown_ramp(r, &unit)
    });
    // What is not asked for any more stays as it is.
    let way = if initial.is_some() { free } else { now };
    let is_hidden = [old, new]
        .iter()
        .any(|config| config.sources.hide(&format!("/parameters/{name}/initial")));
    let value = |value: &Value| match is_hidden {
        true => HIDDEN.to_owned(),
        false => format_value(value, &unit, None),
    };
    setting(
        found,
        key("initial"),
        way,
        before.initial.as_ref(),
        initial.as_ref(),
        value,
    );
}

/// One setting that may be there or not.
pub(super) fn setting<T: PartialEq>(
    found: &mut Comparison<'_>,
    key: String,
    way: Way,
    old: Option<&Setting<T>>,
    new: Option<&Setting<T>>,
    shown: impl Fn(&T) -> String,
) {
    let value = |setting: Option<&Setting<T>>| setting.map(|setting| shown(&setting.value));
    if old.map(|setting| &setting.value) != new.map(|setting| &setting.value) {
        found.push(key, way, value(old), value(new), new.map(|setting| &setting.origin));
    }
}

/// Whether nothing is allowed that was not.
fn narrows(old: &Limits, new: &Limits) -> bool {
    let value = |bound: &Option<crate::config::Bound>, none| bound.as_ref().map_or(none, |bound| bound.value);
    let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
    value(&new.lower, low) >= value(&old.lower, low) && value(&new.upper, high) <= value(&old.upper, high)
}

/// Seconds as the config has them.
pub(super) fn seconds(x: f64) -> String {
    format!("{x} s")
}

fn with_unit(text: &str, unit: &str) -> String {
    match unit {
        "" => text.to_owned(),
        unit => format!("{text} {unit}"),
    }
}

fn shown_scale(scale: &Scale) -> String {
    with_unit(&scale.factor.to_string(), scale.unit.as_deref().unwrap_or(""))
}

fn shown_ramp(ramp: &RampConfig, unit: &str) -> String {
    let step = ramp
        .step
        .map(|step| format!("step {}", with_unit(&step.to_string(), unit)));
    let rate = ramp
        .rate
        .map(|rate| format!("rate {}/s", with_unit(&rate.to_string(), unit)));
    let settle = (ramp.settle > 0.0).then(|| format!("settle {}", seconds(ramp.settle)));
    let said: Vec<String> = [step, rate, settle].into_iter().flatten().collect();
    said.join(", ")
}
