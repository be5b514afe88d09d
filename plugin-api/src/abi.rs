//! The stable ABI.

pub mod array;
