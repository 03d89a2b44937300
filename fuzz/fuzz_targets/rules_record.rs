//! What the sessionize step takes from its log and from a snapshot, records of rules and their text in the state among them. The
//! first byte says which.
#![no_main]

use std::sync::Arc;

use crumbtrail_events::EventTime;
use crumbtrail_runtime::step::Effects;
use crumbtrail_runtime::{Context, Step as _};
use crumbtrail_sessions::RuleBook;
use crumbtrail_steps::sessionize::Sessionize;
use crumbtrail_steps::{Place, Ruling, Told};

/// Reads the gap in minutes.
fn rules(text: &str) -> Result<RuleBook, String> {
    let minutes: u16 = text.parse().map_err(|_| format!("{text} is no number"))?;
    let mut rules = RuleBook::default();
    rules.default.limits.gap_ms = i64::from(minutes) * 60_000;
    Ok(rules)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let place = Place { partition: 0, of: 1 };
    let ruling = Ruling::new(RuleBook::default(), Arc::new(rules));
    let mut step = Sessionize::new(ruling, crumbtrail_identity::Rules::default(), true, place);
    let mut effects = Effects::new(step.tables());
    let context = Context { version: 1, watermark: EventTime(1_750_000_000_000), wall_ms: 1_750_000_000_000 };
    let taken = match which % 3 {
        0 => step.record(data, context, &mut effects).is_ok(),
        1 => {
            // A record of rules whose text is foreign.
            let Ok(text) = std::str::from_utf8(data) else { return };
            let mut record = Vec::new();
            Told { since: (EventTime(5), 2), text: text.to_owned() }.encode("rules", &mut record);
            assert!(Told::is_in(&record).expect("what we write can be read"));
            let taken = step.record(&record, context, &mut effects).is_ok();
            assert_eq!(taken, rules(text).is_ok());
            taken
        }
        _ => step.load(data, &[]).is_ok(),
    };
    if taken {
        let _ = step.tick(context, &mut effects);
        step.save(&mut Vec::new());
    }
});
