//! Looks for bytes that break the promises of `fuzzing::ingress`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paging::fuzzing::ingress(bytes));
