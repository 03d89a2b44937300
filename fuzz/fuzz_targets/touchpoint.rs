//! Bytes of a by-visitor or by-person log as touchpoints.
#![no_main]

use crumbtrail_events::touchpoint::{Ids, pass_on};
use crumbtrail_events::{EventTime, Key, Touchpoint};
use crumbtrail_fuzz::Nowhere;
use crumbtrail_sessions::{RuleBook, Sessions};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let decoded = Touchpoint::decode(data);
    let _ = Ids::peek(data);
    let _ = Sessions::new(RuleBook::default()).touchpoint(data, EventTime::MIN, &mut Nowhere);
    let mut out = Vec::new();
    let passed = pass_on(data, Key(1), "", 2, &mut out);
    let _ = pass_on(data, Key(1), "c-1", 2, &mut Vec::new());
    if let Ok(touchpoint) = decoded {
        passed.expect("what can be decoded can be passed on");
        let mut again = Vec::new();
        touchpoint.encode(&mut again);
        assert_eq!(Touchpoint::decode(&again).expect("what was encoded can be decoded"), touchpoint);
    }
});
