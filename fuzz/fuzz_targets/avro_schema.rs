//! A writer's schema, and a record under it: the schema is up to the first zero byte.
#![no_main]

use crumbtrail_events::Scratch;
use crumbtrail_events::avro::{Plan, Target};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (schema, record) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let Ok(schema) = std::str::from_utf8(schema) else { return };
    let Ok(plan) = Plan::compile(schema, Target::Click) else { return };
    let body = record.get(1..).unwrap_or_default();
    let walked = plan.times(body);
    if let (Ok(_), Ok((_, length))) = (plan.click(body, &mut Scratch::new()), walked) {
        assert!(length <= body.len());
    }
});
