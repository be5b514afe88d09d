//! A parameter, as its author writes it down.

use std::{marker::PhantomData, ops::RangeInclusive, time::Duration};

use super::Table;
use crate::{Context, Datatype, Result, StatusCode, Value, datum::Datum, description::ParameterDescription};

/// A number, whose type the limits of its parameter have.
pub trait Limited: Datum {
    /// The type of a limit.
    type Bound: Into<Bound>;
}

/// A limit as the host keeps it.
pub struct Bound {
    value: f64,
}

macro_rules! limited {
    ($($type:ty),*) => {$(
        impl Limited for $type {
            type Bound = $type;
        }

        impl Limited for Vec<$type> {
            type Bound = $type;
        }

        impl From<$type> for Bound {
            fn from(value: $type) -> Self {
                Bound { value: value as f64 }
            }
        }
    )*};
}

limited!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

impl Limited for crate::Array {
    type Bound = f64;
}

impl Limited for Value {
    type Bound = f64;
}

/// A parameter on its way into the table; every method adds one fact.
pub struct Parameter<'t, D, T> {
    pub(super) table: &'t mut Table<D>,
    pub(super) _type: PhantomData<fn() -> T>,
}

impl<'t, D: 'static, T: Datum> Parameter<'t, D, T> {
    fn row(&mut self) -> &mut ParameterDescription {
        self.table
            .description
            .parameters
            .last_mut()
            .expect("the parameter was added before its builder")
    }

    fn with(mut self, change: impl FnOnce(&mut ParameterDescription)) -> Self {
        change(self.row());
        self
    }

    /// Makes it the main parameter: what the device is about.
    pub fn main(mut self) -> Self {
        let name = self.row().name.clone();
        let before = self.table.description.main.replace(name);
        self.table.second_main = before.filter(|_| self.table.main_chosen);
        self.table.main_chosen = true;
        self
    }

    /// Says in one sentence what it is.
    pub fn doc(self, text: impl Into<String>) -> Self {
        self.with(|row| row.doc = text.into())
    }

    /// The unit of its numbers, in UCUM (`mm/s`, `Cel`) or a lab spelling (`degC`).
    pub fn unit(self, unit: impl Into<String>) -> Self {
        self.with(|row| row.unit = unit.into())
    }

    /// What the hardware takes, both ends included; the host refuses everything else before the driver is called.
    pub fn limits(self, limits: RangeInclusive<T::Bound>) -> Self
    where
        T: Limited,
    {
        let (lower, upper) = limits.into_inner();
        let limits = (lower.into().value, upper.into().value);
        self.with(|row| row.limits = Some(limits))
    }

    /// The datatype, where the Rust type does not say it all: of an [`Array`](crate::Array) or a [`Value`], or of a text
    /// with a greatest length.
    pub fn datatype(self, datatype: Datatype) -> Self {
        self.with(|row| row.datatype = datatype)
    }

    /// How far from the target the readback may be, in the parameter's unit.
    pub fn tolerance(self, tolerance: f64) -> Self {
        self.with(|row| row.tolerance = Some(tolerance))
    }

    /// Digits after the point that are worth showing.
    pub fn digits(self, digits: u8) -> Self {
        self.with(|row| row.digits = Some(digits))
    }

    /// How often the host polls it.
    pub fn poll(self, every: Duration) -> Self {
        self.with(|row| row.poll = Some(every.as_secs_f64()))
    }

    /// The host never polls it.
    pub fn no_poll(self) -> Self {
        self.with(|row| row.poll = Some(0.0))
    }

    /// For so long a reading answers for the hardware.
    pub fn fresh_for(self, duration: Duration) -> Self {
        self.with(|row| row.fresh_for = duration.as_secs_f64())
    }

    /// The driver publishes its readings by itself; the host does not poll it, and the last one answers.
    pub fn published(self) -> Self {
        self.with(|row| row.published = true)
    }

    /// After how long a call is overdue.
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(|row| row.timeout = Some(limit.as_secs_f64()))
    }

    /// After how long a motion is overdue, where [`estimate`](Self::estimate) does not say.
    pub fn motion_timeout(self, limit: Duration) -> Self {
        self.with(|row| row.motion_timeout = Some(limit.as_secs_f64()))
    }

    /// A new write replaces one that is still on its way, instead of being refused as busy.
    pub fn retarget(self) -> Self {
        self.with(|row| row.retarget = true)
    }

    /// It can be written in these states of the device alone; the host refuses everything else before the driver is
    /// called. See [`Command::allowed_in`](super::Command::allowed_in).
    pub fn allowed_in(self, states: impl IntoIterator<Item = StatusCode>) -> Self {
        self.with(|row| row.allowed_in = states.into_iter().collect())
    }

    /// How it is read.
    pub fn read(self, read: impl Fn(&mut D, &Context<'_>) -> Result<T> + Send + Sync + 'static) -> Self {
        let functions = self
            .table
            .rows
            .last_mut()
            .expect("the parameter was added before its builder");
        functions.read = Some(Box::new(move |device, cx| read(device, cx)?.into_value()));
        self.with(|row| row.readable = true)
    }

    /// How it is written: starts and returns. The host then asks for status and readback until it has arrived.
    pub fn write(self, write: impl Fn(&mut D, T, &Context<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        let functions = self
            .table
            .rows
            .last_mut()
            .expect("the parameter was added before its builder");
        functions.write = Some(Box::new(move |device, value, cx| {
            write(device, T::from_value(value)?, cx)
        }));
        self.with(|row| row.writable = true)
    }

    /// How it is written, staying inside until it has arrived; publishes its readings through the context, and asks it
    /// whether it was cancelled. Not for devices of a controller, whose line it would keep.
    pub fn write_blocking(self, write: impl Fn(&mut D, T, &Context<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        self.write(write).with(|row| row.blocking = true)
    }

    /// How long a motion to a given target will take; the host calls it overdue at twice that and some seconds.
    pub fn estimate(self, estimate: impl Fn(&mut D, T) -> Duration + Send + Sync + 'static) -> Self {
        let functions = self
            .table
            .rows
            .last_mut()
            .expect("the parameter was added before its builder");
        functions.estimate = Some(Box::new(move |device, value, _| {
            Ok(Some(estimate(device, T::from_value(value)?)))
        }));
        self.with(|row| row.estimate = true)
    }
}
