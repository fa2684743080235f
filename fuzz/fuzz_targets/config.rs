//! Looks for bytes that break the promises of `fuzzing::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paging::fuzzing::config(bytes));
