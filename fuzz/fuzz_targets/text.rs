//! What people write: redaction, language, feeling.
#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use crumbtrail_enrich::pii;
use crumbtrail_sentiment::{Scorer, Scratch};

static SCORER: LazyLock<Scorer> = LazyLock::new(|| Scorer::embedded().expect("our own models"));
thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut buffer = String::new();
    let clean = pii::redact(text, &mut buffer).to_owned();
    let _ = pii::redact(&clean, &mut buffer);
    let _ = pii::redact_json(text, Default::default(), &mut buffer);
    SCRATCH.with_borrow_mut(|scratch| {
        let reading = SCORER.read(text, None, scratch);
        assert!((-1.0..=1.0).contains(&reading.score) && (0.0..=1.0).contains(&reading.confidence));
    });
});
