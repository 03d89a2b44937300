//! User agents.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = crumbtrail_enrich::Agent::read(text);
});
