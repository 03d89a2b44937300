//! Support entries as Avro, Confluent's frame and single objects, through intake and sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crumbtrail_fuzz::record(crumbtrail_intake::SourceShape::SupportAvro, data));
