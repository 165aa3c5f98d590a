#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::api_token::check(input));
