//! How far a motion has come, as a bar on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use super::client::{Parameter, Reading};
use super::format;

/// Steps of the bar; more than a terminal has columns.
const STEPS: u64 = 1000;

/// A bar from where a motion began to its target, fed with readbacks. Where no person looks, nothing is drawn.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    start: f64,
    target: f64,
}

impl Progress {
    /// A bar that is never drawn.
    pub(crate) fn none() -> Progress {
        Progress {
            bar: None,
            start: 0.0,
            target: 0.0,
        }
    }

    /// A bar for the motion of a parameter; none if either end is not a number.
    pub(crate) fn begin(path: &str, start: Option<&Reading>, target: &Json) -> Progress {
        let ends = start.and_then(|start| start.value.as_f64()).zip(target.as_f64());
        let Some((start, end)) = ends.filter(|(start, end)| start != end) else {
            return Progress::none();
        };
        let style = "{prefix} {wide_bar} {msg}";
        let style = ProgressStyle::with_template(style).expect("the template is well-formed");
        let bar = ProgressBar::new(STEPS).with_style(style).with_prefix(path.to_owned());
        Progress {
            bar: Some(bar),
            start,
            target: end,
        }
    }

    /// Shows a readback.
    pub(crate) fn show(&self, parameter: &Parameter, reading: &Reading) {
        let (Some(bar), Some(value)) = (&self.bar, reading.value.as_f64()) else {
            return;
        };
        bar.set_position((STEPS as f64 * self.fraction(value)) as u64);
        bar.set_message(format!(
            "{} {}",
            format::value(parameter, &reading.value),
            parameter.unit()
        ));
    }

    /// The way that is done, from 0 to 1; what lies outside the way is one of its ends.
    fn fraction(&self, value: f64) -> f64 {
        ((value - self.start) / (self.target - self.start)).clamp(0.0, 1.0)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_measured_from_where_the_motion_began_in_either_direction() {
        let progress = |start, target| Progress {
            bar: None,
            start,
            target,
        };
        assert_eq!(progress(0.0, 4.0).fraction(1.0), 0.25);
        assert_eq!(progress(4.0, 0.0).fraction(1.0), 0.75);
        assert_eq!(progress(0.0, 4.0).fraction(4.1), 1.0);
    }
}
