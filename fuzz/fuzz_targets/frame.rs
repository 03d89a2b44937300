//! A frame of our logs with a checksum that holds, its records, and its tick.
#![no_main]

use crumbtrail_log::frame::{FrameView, parse_tick, peek_kind};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = FrameView::parse(data, &mut Vec::new());
    let mut bytes = data.to_vec();
    if bytes.len() < 20 {
        return;
    }
    let checksum = xxh3_64_with_seed(&bytes[20..], xxh3_64(&bytes[..12]));
    bytes[12..20].copy_from_slice(&checksum.to_le_bytes());
    let tick = parse_tick(&bytes);
    if let Ok(view) = FrameView::parse(&bytes, &mut Vec::new()) {
        assert_eq!(view.records().count(), view.len());
        let _ = peek_kind(&bytes);
        let _ = (view.tick(), tick);
    }
});
