//! The config: TOML files that describe a lab, and what they come to.
//!
//! 1. [`Files::read`] takes one file or a folder of them into memory; [`Files::driver_folders`] says at once where the
//!    drivers are, because the rest cannot be understood without them.
//! 2. [`resolve()`] checks the files against the schema of the keys ([`raw`]), then against the drivers (a
//!    [`Catalogue`]) and against each other, and gives a [`LabConfig`] in which nothing is left to look up: quantities
//!    are numbers in the declared unit, files are absolute, devices come after their members.
//! 3. [`render`] draws what is wrong as rustc would.
//!
//! Resolving reports everything at once, and a config with any error gives no result. It is pure but for three questions
//! to its [`Surroundings`]: environment variables, the text of files with secrets, and whether a file exists.

mod catalogue;
mod clients;
pub mod diff;
mod files;
mod frame;
mod isolation;
mod lab;
mod limits;
pub mod raw;
pub mod render;
mod resolve;
pub mod schema;

pub(crate) use catalogue::not_there;
pub use catalogue::{Catalogue, NoDrivers, Surroundings, System};
pub use clients::{ClientLimits, Secret};
pub use files::Files;
pub use frame::Frame;
pub use isolation::Isolation;
pub use lab::{
    ControllerConfig, DeviceConfig, Execution, HostConfig, LabConfig, MemberConfig, OnDisconnect, OnExit, Origin,
    ParameterConfig, RampConfig, Scale, Setting, Sources,
};
pub use limits::{Bound, Limits, StatedLimits, Whose};
pub use resolve::{Resolution, resolve};
