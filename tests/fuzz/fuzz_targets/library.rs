//! The file of a driver library: see `baton_host::fuzzing::library`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_host::fuzzing::library(bytes));
