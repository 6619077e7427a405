#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kipod_fuzz::run("podman", bytes));
