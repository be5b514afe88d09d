//! A template of an instrument file and a reply: see `baton_driver_stream::fuzzing::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_driver_stream::fuzzing::template(bytes));
