//! What stands between a number on the line and the value that it means: value = number · scale + offset.

use super::Number;

/// The scale of a number with a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) factor: f64,
    pub(crate) offset: f64,
}

/// The scale of a whole number, which is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeScale {
    /// Not zero.
    pub(crate) factor: i64,
    pub(crate) offset: i64,
}

impl Scale {
    /// The number itself.
    pub(crate) const NONE: Scale = Scale {
        factor: 1.0,
        offset: 0.0,
    };

    /// What a number on the line means.
    pub(crate) fn value(&self, number: Number) -> f64 {
        let x = match number {
            Number::Whole(n) => n as f64,
            Number::Fraction(x) => x,
        };
        // `0.1` is no number that a computer has, but 10 is: 3 on the line is to be 0.3, not 0.30000000000000004.
        match self.divisor() {
            Some(divisor) => x / divisor + self.offset,
            None => x * self.factor + self.offset,
        }
    }

    /// The number on the line that means a value.
    pub(crate) fn number(&self, value: f64) -> f64 {
        match self.divisor() {
            Some(divisor) => (value - self.offset) * divisor,
            None => (value - self.offset) / self.factor,
        }
    }

    /// Digits after the point of a value, where the number on the line has so many; `None` if the scale is no power of
    /// ten.
    pub(crate) fn digits(&self, precision: u8) -> Option<u8> {
        let places = (0_u8..=17).find(|n| (self.factor.abs() * 10_f64.powi(i32::from(*n)) - 1.0).abs() < 1e-9);
        let offset_is_whole = self.offset.fract() == 0.0;
        places
            .filter(|_| offset_is_whole)
            .and_then(|places| precision.checked_add(places))
    }

    fn divisor(&self) -> Option<f64> {
        let inverse = (1.0 / self.factor).round();
        (self.factor.abs() < 1.0 && inverse.is_finite() && 1.0 / inverse == self.factor).then_some(inverse)
    }
}

impl WholeScale {
    /// The number itself.
    pub(crate) const NONE: WholeScale = WholeScale { factor: 1, offset: 0 };

    /// What a number on the line means, if that is an integer of 64 bits.
    pub(crate) fn value(&self, n: i128) -> Option<i64> {
        let value = n.checked_mul(self.factor.into())?.checked_add(self.offset.into())?;
        i64::try_from(value).ok()
    }

    /// The number on the line that means a value, if there is one.
    pub(crate) fn number(&self, value: i64) -> Option<i128> {
        let (rest, factor) = (i128::from(value) - i128::from(self.offset), i128::from(self.factor));
        (rest % factor == 0).then(|| rest / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_as_exact_as_what_people_write() {
        let tenth = Scale {
            factor: 0.1,
            offset: -273.15,
        };
        assert_eq!(Scale { offset: 0.0, ..tenth }.value(Number::Whole(3)), 0.3);
        assert_eq!(tenth.number(-273.15), 0.0);
        assert_eq!(
            (tenth.digits(0), Scale { offset: 5.0, ..tenth }.digits(1)),
            (None, Some(2))
        );
        let odd = Scale {
            factor: 2.5,
            offset: 1.0,
        };
        assert_eq!(
            (odd.value(Number::Fraction(2.0)), odd.number(6.0), odd.digits(0)),
            (6.0, 2.0, None)
        );
        let steps = WholeScale { factor: 5, offset: 1 };
        assert_eq!(
            (steps.value(3), steps.number(16), steps.number(17)),
            (Some(16), Some(3), None)
        );
        assert_eq!(WholeScale::NONE.value(i128::from(i64::MAX)), Some(i64::MAX));
        assert_eq!(WholeScale::NONE.value(i128::from(u64::MAX)), None);
    }
}
