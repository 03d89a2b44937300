//! A snapshot's file whose checksum holds: it is refused with a word, or opened. The first byte says how much of it is foreign.
#![no_main]

use crumbtrail_events::wire::put_bytes;
use crumbtrail_log::position::Offset;
use crumbtrail_scratch::Block;
use xxhash_rust::xxh3::xxh3_128;

#[path = "../../crates/runtime/src/snapshot/envelope.rs"]
mod envelope;

/// As `crumbtrail_runtime::snapshot::State`, which the file above names.
struct State {
    bytes: Vec<u8>,
    blocks: Vec<(u64, Block)>,
}

fn open(bytes: &[u8]) -> Option<(Vec<u8>, Vec<envelope::Named>)> {
    envelope::open("journey", 1, Offset(7), bytes).ok()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    if which % 4 == 0 {
        // What is sealed is opened; with any byte of it foreign it is not.
        let state = State { bytes: data.to_vec(), blocks: vec![(3, Block::new(data.to_vec()))] };
        let mut sealed = envelope::seal("journey", 1, Offset(7), &state);
        let (bytes, named) = open(&sealed).expect("what was sealed can be opened");
        assert_eq!((bytes, named[0].hash), (state.bytes, state.blocks[0].1.hash()));
        let at = usize::from(*which) * sealed.len() / 256;
        sealed[at] ^= 1 + which / 4;
        assert!(open(&sealed).is_none());
        return;
    }
    let _ = open(data);
    let mut bytes = Vec::new();
    if which % 4 > 1 {
        bytes.extend_from_slice(b"CRUMBSN");
        bytes.push(1 + which % 2);
        put_bytes(&mut bytes, b"journey");
        bytes.extend_from_slice(&[1, 7]);
    }
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&xxh3_128(&bytes).to_le_bytes());
    let _ = open(&bytes);
});
