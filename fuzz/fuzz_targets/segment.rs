//! Segment messages, through intake and sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crumbtrail_fuzz::record(crumbtrail_intake::SourceShape::Segment, data));
