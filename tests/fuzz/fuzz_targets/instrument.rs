//! An instrument file and a reply: see `baton_driver_stream::fuzzing::instrument`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_driver_stream::fuzzing::instrument(bytes));
