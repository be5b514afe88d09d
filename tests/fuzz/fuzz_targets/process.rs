//! All that a driver's process sends: see `baton_host::fuzzing::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_host::fuzzing::frames(bytes));
