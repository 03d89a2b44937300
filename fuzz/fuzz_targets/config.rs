//! The configuration file, as a command loads it: it is taken, or refused with a word.
#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;

// The binary's own: it has no library to depend on.
#[path = "../../crates/crumbtrail/src/config/mod.rs"]
#[allow(dead_code, unused_imports, reason = "commands use what loading does not")]
mod config;

thread_local! {
    static PLACE: RefCell<tempfile::NamedTempFile> = RefCell::new(tempfile::NamedTempFile::new().expect("a file"));
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    PLACE.with_borrow_mut(|place| {
        let mut file = File::create(place.path()).expect("the file is ours");
        file.write_all(data).expect("there is room");
        match config::load(Some(place.path())) {
            Ok(config) => drop(config::session_rules(&config).expect("checked when it was loaded")),
            Err(refused) => assert!(refused.to_string().contains(&place.path().display().to_string())),
        }
    });
});
