//! All devices of a lab, by name.

use std::sync::Arc;

use super::{Device, path};
use crate::failure::Refusal;

/// The devices of a lab in the order of its config.
#[derive(Debug, Default)]
pub struct Registry {
    devices: Vec<Arc<Device>>,
}

impl Registry {
    pub(crate) fn new(devices: Vec<Arc<Device>>) -> Self {
        Registry { devices }
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<Device>] {
        &self.devices
    }

    /// The device of that name; case does not count.
    ///
    /// # Errors
    /// [`Refusal::NoSuchDevice`], with the name that was probably meant.
    pub fn device(&self, name: &str) -> Result<&Arc<Device>, Refusal> {
        self.devices
            .iter()
            .find(|device| device.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let suggestion = path::suggest(name, self.devices.iter().map(|d| &**d.name()));
                Refusal::NoSuchDevice {
                    name: name.to_owned(),
                    suggestion,
                }
            })
    }
}
