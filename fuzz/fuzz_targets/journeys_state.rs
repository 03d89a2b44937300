//! The state of a journey partition, as a snapshot holds it.
#![no_main]

use std::sync::LazyLock;

use crumbtrail_journeys::{JourneyRules, Journeys};

static RULES: LazyLock<JourneyRules> = LazyLock::new(JourneyRules::default);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(journeys) = Journeys::load(RULES.clone(), data, &[]) {
        journeys.save(&mut Vec::new());
    }
});
