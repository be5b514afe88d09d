//! Where a worker's devices come from: a library that is open here, or one that is open in a process of its own.

use std::sync::Arc;

use baton_plugin_api::{
    Error,
    abi::{BoxController, BoxDevice, BoxHost},
};

use crate::{plugin::Library, process::Home};

/// See the module. To the worker they are the same (P4).
#[derive(Clone)]
pub(crate) enum Source {
    Here(Library),
    Process(Arc<Home>),
}

impl Source {
    /// Opens a device that stands alone. Blocks for as long as the driver likes.
    ///
    /// # Errors
    /// What the driver says, or why its process is gone.
    pub(super) fn open_device(&self, kind: &str, options: &str, host: BoxHost) -> Result<BoxDevice, Error> {
        match self {
            Source::Here(library) => library.open_device(kind, options, host),
            Source::Process(home) => home.open_device(kind, options, host),
        }
    }

    /// Opens a controller. Blocks for as long as the driver likes.
    ///
    /// # Errors
    /// As for [`open_device`](Self::open_device).
    pub(super) fn open_controller(&self, kind: &str, options: &str, host: BoxHost) -> Result<BoxController, Error> {
        match self {
            Source::Here(library) => library.open_controller(kind, options, host),
            Source::Process(home) => home.open_controller(kind, options, host),
        }
    }

    /// The process, if there is one.
    pub(crate) fn home(&self) -> Option<&Arc<Home>> {
        match self {
            Source::Here(_) => None,
            Source::Process(home) => Some(home),
        }
    }
}
