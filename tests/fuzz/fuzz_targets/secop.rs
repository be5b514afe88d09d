//! All that one client sends: see `baton_host::fuzzing::dialogue`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_host::fuzzing::dialogue(bytes));
