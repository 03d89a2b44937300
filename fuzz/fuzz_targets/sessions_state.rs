//! The state of a sessionize partition, as a snapshot holds it.
#![no_main]

use crumbtrail_events::EventTime;
use crumbtrail_fuzz::Nowhere;
use crumbtrail_sessions::{RuleBook, Sessions};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(mut sessions) = Sessions::load(RuleBook::default(), data) {
        let ticked = sessions.tick(EventTime(1_750_000_000_000), 1_750_000_000_000, &mut Nowhere);
        ticked.expect("nothing lies on disk");
        sessions.save(&mut Vec::new()).expect("nothing lies on disk");
    }
});
