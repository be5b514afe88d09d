//! Frames: how the numbers that people see of a parameter relate to those of its hardware (D8).
//!
//! ```text
//! user = sign * scale * (hardware - zero)
//! ```
//!
//! A config may set all three. Whatever crosses to the driver or comes from it is turned here, in one place; everything
//! above knows the user's frame alone. Where the scale has a unit of its own, that is the unit of the user's frame: with
//! `scale = "25 mbar"` a gauge that gives volts is read in millibar.

use baton_plugin_api::{Array, Datatype, Value, description::ParameterDescription};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Sign and scale: user's units for one of the hardware's.
    factor: f64,
    /// Where, on the hardware's scale, the user's zero lies.
    zero: f64,
}

impl Frame {
    /// The user's numbers are the hardware's.
    pub const IDENTITY: Frame = Frame { factor: 1.0, zero: 0.0 };

    /// A frame. `factor` is sign times scale and must be finite and not 0; `zero` is on the hardware's scale.
    pub fn new(factor: f64, zero: f64) -> Frame {
        Frame { factor, zero }
    }

    /// Whether user and hardware have the same numbers.
    pub fn is_identity(&self) -> bool {
        *self == Frame::IDENTITY
    }

    /// Sign and scale.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Where, on the hardware's scale, the user's zero lies.
    pub fn zero(&self) -> f64 {
        self.zero
    }

    /// The user's number for one of the hardware's.
    pub fn to_user(&self, hardware: f64) -> f64 {
        if self.is_identity() {
            return hardware;
        }
        // Adding 0 makes a plain zero of the negative one.
        self.factor * (hardware - self.zero) + 0.0
    }

    /// The hardware's number for one of the user's.
    pub fn to_hardware(&self, user: f64) -> f64 {
        if self.is_identity() {
            return user;
        }
        user / self.factor + self.zero
    }

    /// A range of the hardware as the user sees it: where the sign is negative, its ends change places.
    pub fn range_to_user(&self, (lower, upper): (f64, f64)) -> (f64, f64) {
        sorted(self.to_user(lower), self.to_user(upper))
    }

    /// A range of the user as the hardware has it.
    pub fn range_to_hardware(&self, (lower, upper): (f64, f64)) -> (f64, f64) {
        sorted(self.to_hardware(lower), self.to_hardware(upper))
    }

    /// The frame in which what the user calls `now` is called `wanted`.
    pub fn shifted(&self, now: f64, wanted: f64) -> Frame {
        Frame {
            zero: self.zero + (now - wanted) / self.factor,
            ..*self
        }
    }

    /// How far rounding may move numbers of about this size on their way through the frame.
    pub fn rounding(&self, user: f64) -> f64 {
        match self.is_identity() {
            true => 0.0,
            false => crate::units::ROUNDING * user.abs().max((self.factor * self.zero).abs()),
        }
    }

    /// Whether integers of the hardware are integers for the user.
    fn keeps_integers(&self) -> bool {
        self.factor.abs() == 1.0 && self.zero.fract() == 0.0
    }

    /// What the driver returned as the user sees it. What is no number stays as it is.
    pub fn value_to_user(&self, value: Value) -> Value {
        self.turn(value, |x| self.to_user(x))
    }

    fn turn(&self, value: Value, turn: impl Fn(f64) -> f64) -> Value {
        if self.is_identity() {
            return value;
        }
        match value {
            Value::Int(n) if self.keeps_integers() => Value::Int(turn(n as f64) as i64),
            Value::Int(n) => Value::Float(turn(n as f64)),
            Value::Float(x) => Value::Float(turn(x)),
            Value::Array(array) => {
                let numbers: Vec<f64> = array.to_f64().into_iter().map(turn).collect();
                let turned = match array.element_type().is_float() || !self.keeps_integers() {
                    true => Array::from_owner(numbers, &array.shape()),
                    false => Array::from_owner(
                        numbers.into_iter().map(|x| x as i64).collect::<Vec<_>>(),
                        &array.shape(),
                    ),
                };
                Value::Array(turned.expect("it has as many elements as before"))
            }
            other => other,
        }
    }

    /// What a driver says of a parameter, as the user sees it; `unit` is that of the scale, if it has one of its own.
    pub fn describe(&self, hardware: &ParameterDescription, unit: Option<&str>) -> ParameterDescription {
        let mut user = hardware.clone();
        if let Some(unit) = unit {
            user.unit = unit.to_owned();
        }
        if self.is_identity() {
            return user;
        }
        let scale = self.factor.abs();
        user.datatype = self.datatype(&hardware.datatype);
        user.limits = hardware.limits.map(|limits| self.range_to_user(limits));
        user.tolerance = hardware.tolerance.map(|tolerance| tolerance * scale);
        if user.datatype != hardware.datatype && user.writable && !self.keeps_integers() {
            // A number between two steps of the hardware ends at the nearer one.
            user.tolerance = Some(user.tolerance.unwrap_or(0.0).max(0.5 * scale * (1.0 + 1e-9)));
        }
        let finer = -scale.log10().floor();
        user.digits = hardware
            .digits
            .map(|digits| (f64::from(digits) + finer).clamp(0.0, 15.0) as u8);
        user
    }

    fn datatype(&self, hardware: &Datatype) -> Datatype {
        match hardware {
            Datatype::Int { min, max } if self.keeps_integers() => {
                let (min, max) = self.range_to_user((*min as f64, *max as f64));
                // Conversions from a float saturate.
                Datatype::Int {
                    min: min as i64,
                    max: max as i64,
                }
            }
            Datatype::Int { .. } => Datatype::Float,
            Datatype::Array { element, shape } if element.is_numeric() => Datatype::Array {
                element: Box::new(self.datatype(element)),
                shape: shape.clone(),
            },
            other => other.clone(),
        }
    }
}

fn sorted(a: f64, b: f64) -> (f64, f64) {
    if a <= b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d8_sign_scale_and_zero_turn_numbers_and_ranges() {
        let frame = Frame::new(-2.0, 3.0);
        assert_eq!(frame.to_user(4.0), -2.0);
        assert_eq!(frame.to_hardware(-2.0), 4.0);
        assert_eq!(frame.range_to_user((0.0, 10.0)), (-14.0, 6.0));
        assert_eq!(frame.range_to_hardware((-14.0, 6.0)), (0.0, 10.0));
        assert_eq!(frame.shifted(-2.0, 0.0).to_user(4.0), 0.0);
        assert!(frame.to_user(3.0).is_sign_positive());
    }

    #[test]
    fn d8_integers_stay_integers_as_long_as_they_can() {
        let int = Datatype::Int { min: 0, max: 100 };
        assert_eq!(
            Frame::new(-1.0, 10.0).datatype(&int),
            Datatype::Int { min: -90, max: 10 }
        );
        assert_eq!(Frame::new(0.5, 0.0).datatype(&int), Datatype::Float);
        assert_eq!(Frame::new(-1.0, 10.0).value_to_user(Value::Int(3)), Value::Int(7));
        assert_eq!(Frame::new(0.5, 0.0).value_to_user(Value::Int(3)), Value::Float(1.5));
        let array = Value::Array(Array::new(vec![1_u8, 2, 3]));
        let turned = Frame::new(-0.5, 0.0).value_to_user(array);
        assert_eq!(turned.to_json(), serde_json::json!([-0.5, -1.0, -1.5]));
    }

    proptest! {
        #[test]
        fn d8_there_and_back_is_the_same(
            factor in prop::sample::select(vec![1.0, -1.0, 0.0025, -25.0, 1e6]), zero in -1e3..1e3f64, user in -1e6..1e6f64,
        ) {
            let frame = Frame::new(factor, zero);
            let back = frame.to_user(frame.to_hardware(user));
            prop_assert!((back - user).abs() <= frame.rounding(user).max(f64::MIN_POSITIVE), "{} {}", user, back);
        }
    }
}
