//! A detector: a reading that takes an exposure and depends on where a motor is, so that a scan shows a peak.

use std::time::Duration;

use baton_plugin_api::{
    Array, Context, Datatype, Device, Element, Host, ParameterRef, Result, Status, Table,
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

use crate::{
    checks::positive,
    faults::{self, FaultOptions, Faults, Simulated},
    noise::Noise,
};

/// Options of a detector.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DetectorOptions {
    /// What moves the sample through the beam: a position in mm. Without one the detector always sees the peak.
    motor: Option<ParameterRef>,
    /// Position of the peak; 20 mm if not given.
    #[schemars(extend("unit" = "mm"))]
    peak: f64,
    /// Width of the peak, as its standard deviation; 2 mm if not given.
    #[schemars(extend("unit" = "mm"))]
    width: f64,
    /// Rate of counts at the peak, above the background; 100 kHz if not given.
    #[schemars(extend("unit" = "Hz"))]
    rate: f64,
    /// Rate of counts everywhere; 500 Hz if not given.
    #[schemars(extend("unit" = "Hz"))]
    background: f64,
    /// Exposure, until the parameter changes it; 0.1 s if not given.
    #[schemars(extend("unit" = "s"))]
    exposure: f64,
    /// Pixels along each side of a frame, up to 4096; 128 if not given.
    #[schemars(range(min = 1, max = 4096))]
    frame_size: u32,
    /// Seed of the noise.
    seed: u64,
    #[serde(flatten)]
    faults: FaultOptions,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        DetectorOptions {
            motor: None,
            peak: 20.0,
            width: 2.0,
            rate: 100_000.0,
            background: 500.0,
            exposure: 0.1,
            frame_size: 128,
            seed: 1,
            faults: FaultOptions::default(),
        }
    }
}

pub(crate) struct Detector {
    options: DetectorOptions,
    noise: Noise,
    faults: Faults,
}

const CHANNELS: usize = 1024;
const MAX_FRAME_SIZE: u32 = 4096;
const MAX_EXPOSURE: f64 = 60.0;

impl Device for Detector {
    type Options = DetectorOptions;
    const TYPE: &'static str = "detector";

    fn open(options: DetectorOptions, host: Host) -> Result<Self> {
        let faults = Faults::open(&options.faults, &host)?;
        positive("width", options.width)?;
        positive("exposure", options.exposure)?;
        positive("frame_size", options.frame_size.into())?;
        Ok(Detector {
            noise: Noise::new(options.seed),
            options: DetectorOptions {
                frame_size: options.frame_size.min(MAX_FRAME_SIZE),
                ..options
            },
            faults,
        })
    }

    fn table(t: &mut Table<Self>) {
        // An exposure is a part of the read, and must not make it overdue.
        let timeout = Duration::from_secs_f64(MAX_EXPOSURE + 5.0);
        t.doc("A simulated detector; each reading takes one exposure");
        t.simulated();
        t.parameter("counts")
            .doc("Counts in one exposure")
            .timeout(timeout)
            .read(Self::counts);
        t.parameter("exposure")
            .doc("Time over which each reading counts")
            .unit("s")
            .limits(0.001..=MAX_EXPOSURE)
            .read(|detector, _| Ok(detector.options.exposure))
            .write(|detector, exposure: f64, _| {
                detector.options.exposure = exposure;
                Ok(())
            });
        t.parameter("spectrum")
            .doc("Counts in one exposure, by energy in 1024 channels")
            .datatype(array_of::<u32>(&[CHANNELS as u64]))
            .timeout(timeout)
            .no_poll()
            .read(Self::spectrum);
        t.parameter("frame")
            .doc("Image of one exposure, row by row")
            .datatype(array_of::<u16>(&[MAX_FRAME_SIZE.into(); 2]))
            .timeout(timeout)
            .no_poll()
            .read(Self::frame);
        t.status(|_, _| Ok(Status::idle()));
        faults::add(t);
    }
}

fn array_of<T: Element>(shape: &[u64]) -> Datatype {
    let (min, max) = T::RANGE.expect("the elements are integers");
    Datatype::Array {
        element: Box::new(Datatype::Int { min, max }),
        shape: shape.to_vec(),
    }
}

impl Simulated for Detector {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Detector {
    /// Exposes; the counts to be expected from the peak and from the background.
    fn expose(&mut self, cx: &Context) -> Result<(f64, f64)> {
        let options = &self.options;
        let position: f64 = match &options.motor {
            Some(motor) => cx
                .get(motor)
                .map_err(|error| error.context(format!("reading the motor {motor}")))?,
            None => options.peak,
        };
        cx.sleep(Duration::from_secs_f64(options.exposure))?;
        let height = bell(position - options.peak, options.width);
        Ok((
            options.rate * options.exposure * height,
            options.background * options.exposure,
        ))
    }

    fn counts(&mut self, cx: &Context) -> Result<u32> {
        let (peak, background) = self.expose(cx)?;
        Ok(self.noise.counts(peak + background, cx.now(), 0))
    }

    /// Two lines on a flat background.
    fn spectrum(&mut self, cx: &Context) -> Result<Array> {
        let (peak, background) = self.expose(cx)?;
        let (now, noise) = (cx.now(), self.noise);
        let line = |channel: usize, at: f64, width: f64| bell(channel as f64 - at, width) / (width * SQRT_TAU);
        let counts = (0..CHANNELS).map(|channel| {
            let lines = 0.7 * line(channel, 400.0, 8.0) + 0.3 * line(channel, 460.0, 8.0);
            noise.counts(peak * lines + background / CHANNELS as f64, now, channel as u64)
        });
        Ok(Array::new(counts.collect()))
    }

    /// A round spot in the middle. The pixels go to whoever reads them as they lie here, without a copy.
    fn frame(&mut self, cx: &Context) -> Result<Array> {
        let (peak, background) = self.expose(cx)?;
        let (now, noise) = (cx.now(), self.noise);
        let size = self.options.frame_size as usize;
        let (middle, width) = ((size - 1) as f64 / 2.0, size as f64 / 10.0);
        let profile: Vec<f64> = (0..size)
            .map(|pixel| bell(pixel as f64 - middle, width) / (width * SQRT_TAU))
            .collect();
        let background = background / (size * size) as f64;
        let mut pixels = Vec::with_capacity(size * size);
        for row in &profile {
            for column in &profile {
                let counts = noise.counts(peak * row * column + background, now, pixels.len() as u64);
                pixels.push(u16::try_from(counts).unwrap_or(u16::MAX));
            }
        }
        Array::from_owner(pixels, &[size, size])
    }
}

/// The square root of 2 pi, by which a bell of height 1 and width 1 is too large for an area of 1.
const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

/// Gauss's bell curve with height 1.
fn bell(distance: f64, width: f64) -> f64 {
    (-0.5 * (distance / width).powi(2)).exp()
}

#[cfg(test)]
mod tests;
