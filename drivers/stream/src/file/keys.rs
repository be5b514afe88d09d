//! The parts of an instrument file.

mod exchange;
mod line;
mod parameter;
mod setting;
mod status;
mod trouble;

pub use exchange::{
    CommandEntry, Manners, Question, ReadEntry, ReadingEntry, Talk, UnsolicitedEntry, ValueEntry, WriteEntry,
};
pub use line::{Encoding, LengthEntry, LineEntry, TerminatorEntry, Terminators};
pub use parameter::{BitsEntry, Kind, ParameterEntry};
pub use setting::{SettingEntry, SettingValue};
pub use status::{Answers, Meaning, State, StatusEntry};
pub use trouble::{CodeEntry, ErrorQueryEntry, Trouble, TroubleEntry};
