//! What clients send to the HTTP facade: statements, form data, compressed blocks. The first byte says which.
#![no_main]

use std::io::Read as _;

use crumbtrail_embedded::statement;

#[path = "../../crates/embedded/src/facade/multipart.rs"]
#[allow(dead_code)]
mod multipart;
#[path = "../../crates/embedded/src/facade/native_block.rs"]
#[allow(dead_code)]
mod native_block;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    match which % 3 {
        0 => {
            let _ = (statement::named_format(data), statement::is_select(data), statement::has_word(data, "INTO"));
            let _ = (statement::session_change(data), statement::split_insert(data, true));
            let _ = statement::split_insert(data, false);
        }
        1 => {
            let text = String::from_utf8_lossy(data);
            let (kind, body) = text.split_once('\n').unwrap_or(("", &text));
            if let Some(boundary) = multipart::boundary(kind) {
                let _ = multipart::fields(body.as_bytes(), &boundary);
            }
        }
        _ => {
            let mut packed = Vec::new();
            native_block::write_lz4_block(data, &mut packed);
            let mut back = Vec::new();
            native_block::NativeBlockReader::new(&packed[..]).read_to_end(&mut back).expect("what was packed unpacks");
            assert_eq!(back, data);
            // Sizes are kept small: a block may ask for as much as the largest allowed.
            if data.get(17..25).is_some_and(|sizes| sizes[2..4] == [0, 0] && sizes[6..8] == [0, 0]) {
                let _ = native_block::NativeBlockReader::new(data).read_to_end(&mut back);
            }
        }
    }
});
