#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taskwright_fuzz::http(data));
