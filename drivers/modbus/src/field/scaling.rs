//! From what is in a register to the number that is meant, and back: value = raw × scale + offset.

/// How a number follows from the register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    scale: f64,
    /// One over the scale, where that is a whole number: 10 for a scale of 0.1, which has no exact form itself.
    per_unit: Option<f64>,
    offset: f64,
}

impl Scaling {
    /// No scaling at all.
    pub(crate) const NONE: Scaling = Scaling {
        scale: 1.0,
        per_unit: None,
        offset: 0.0,
    };

    /// `scale` is neither zero nor infinite.
    pub(crate) fn new(scale: f64, offset: f64) -> Self {
        let inverse = scale.recip().round();
        let is_inverse = inverse.abs() > 1.0 && inverse.recip() == scale;
        Scaling {
            scale,
            per_unit: is_inverse.then_some(inverse),
            offset,
        }
    }

    /// The number that a register stands for.
    pub(super) fn value_of(&self, raw: f64) -> f64 {
        let value = match self.per_unit {
            Some(per_unit) => raw / per_unit,
            None => raw * self.scale,
        };
        if self.offset == 0.0 { value } else { value + self.offset }
    }

    /// What the register has to be for a number, before rounding.
    pub(super) fn raw_of(&self, value: f64) -> f64 {
        let value = if self.offset == 0.0 { value } else { value - self.offset };
        match self.per_unit {
            Some(per_unit) => value * per_unit,
            None => value / self.scale,
        }
    }

    /// What registers from `min` to `max` stand for.
    pub(super) fn range(&self, min: i128, max: i128) -> (f64, f64) {
        let (one, other) = (self.value_of(min as f64), self.value_of(max as f64));
        (one.min(other), one.max(other))
    }

    /// The distance of two numbers that follow each other.
    pub(super) fn step(&self) -> f64 {
        self.scale.abs()
    }

    /// Digits after the point that tell two such numbers apart.
    pub(super) fn digits(&self) -> Option<u8> {
        let text = format!("{}", self.scale);
        let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
        u8::try_from(digits).ok().filter(|digits| *digits <= 9)
    }
}
