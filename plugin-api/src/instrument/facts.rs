//! What a file says of a parameter, whatever the instrument speaks.

use std::time::Duration;

use crate::{Datatype, Table, Value, table::Parameter};

/// What a file says of a parameter, apart from how it is read and written.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// One sentence about it; empty if there is none.
    pub doc: String,
    /// What kind of value it is.
    pub datatype: Datatype,
    /// Unit of its numbers; empty if there is none.
    pub unit: String,
    /// Whether it is what the instrument is about.
    pub main: bool,
    /// Smallest and greatest number that may be written, in `unit`.
    pub limits: Option<(f64, f64)>,
    /// How far from what was written the readback may be, in `unit`.
    pub tolerance: Option<f64>,
    /// How often it is read when nobody asks: zero for never, `None` for the lab's interval.
    pub poll: Option<Duration>,
    /// How long the instrument may be busy with what was written.
    pub motion_timeout: Option<Duration>,
    /// Digits after the point that are worth showing.
    pub digits: Option<u8>,
}

impl Facts {
    /// Puts the parameter into the table of a device, each of whose calls may take so long. What is left for the driver to
    /// say is how it is read and written.
    pub fn row<D: 'static>(self, table: &mut Table<D>, timeout: Duration) -> Parameter<'_, D, Value> {
        let mut row = table
            .parameter::<Value>(self.name)
            .datatype(self.datatype)
            .doc(self.doc)
            .unit(self.unit)
            .timeout(timeout);
        if self.main {
            row = row.main();
        }
        if let Some((lower, upper)) = self.limits {
            row = row.limits(lower..=upper);
        }
        if let Some(tolerance) = self.tolerance {
            row = row.tolerance(tolerance);
        }
        if let Some(digits) = self.digits {
            row = row.digits(digits);
        }
        if let Some(interval) = self.poll {
            row = row.poll(interval);
        }
        if let Some(limit) = self.motion_timeout {
            row = row.motion_timeout(limit);
        }
        row
    }
}
