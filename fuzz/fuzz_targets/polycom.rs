//! Looks for bytes that break the promises of `fuzzing::polycom`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paging::fuzzing::polycom(bytes));
