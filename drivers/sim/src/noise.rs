//! Noise that is the same in every run: a function of the seed, of the time on the lab's clock, and of what is measured.

use baton_plugin_api::Time;

/// A source of noise.
#[derive(Clone, Copy)]
pub(crate) struct Noise {
    seed: u64,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Noise { seed }
    }

    /// A number with mean 0 and standard deviation 1. How often it was asked before does not matter, so a poll more or
    /// less changes no reading.
    pub(crate) fn normal(self, time: Time, channel: u64) -> f64 {
        let hash = scramble(scramble(self.seed ^ scramble(time.as_nanoseconds())) ^ channel);
        // Box and Muller's transform of two uniform numbers, the first of which must not be 0.
        let (radius, angle) = (1.0 - uniform(hash), uniform(scramble(hash)));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// How many events are counted where `expected` are on average.
    pub(crate) fn counts(self, expected: f64, time: Time, channel: u64) -> u32 {
        // Poisson's distribution is close to a normal one, and an integer at or above 0; `as` keeps it there.
        (expected + expected.max(0.0).sqrt() * self.normal(time, channel)).round() as u32
    }
}

/// From 0 to just below 1.
fn uniform(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes half of the output.
fn scramble(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_mean_0_and_deviation_1_and_depends_on_seed_time_and_channel() {
        let noise = Noise::new(1);
        let samples: Vec<f64> = (0..10_000)
            .map(|n| noise.normal(Time::from_nanoseconds(n), 0))
            .collect();
        let mean = samples.iter().sum::<f64>() / 10_000.0;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 10_000.0;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05,
            "mean {mean}, variance {variance}"
        );

        let at = Time::from_nanoseconds(5);
        assert_eq!(noise.normal(at, 0), Noise::new(1).normal(at, 0));
        assert_ne!(noise.normal(at, 0), noise.normal(at, 1));
        assert_ne!(noise.normal(at, 0), Noise::new(2).normal(at, 0));
    }

    #[test]
    fn there_are_never_less_than_no_counts() {
        let noise = Noise::new(7);
        assert!((0..1000).all(|n| noise.counts(0.2, Time::from_nanoseconds(n), 0) < 5));
    }
}
