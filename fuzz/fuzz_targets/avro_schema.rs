//! A writer's schema, and a record under it: the schema is up to the first zero byte.
#![no_main]

use crumbtrail_events::Scratch;
use crumbtrail_events::avro::{Plan, Target};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (schema, record) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let Ok(schema) = std::str::from_utf8(schema) else { return };
    let Ok(plan) = Plan::compile(schema, Target::Click) else { return };
    let body = record.get(1..).unwrap_or_default();
    if let Ok((click, length)) = plan.first_click(body, &mut Scratch::new(), |click, length| (click, length)) {
        assert_eq!(plan.times(body).map(|(_, walked)| walked), Ok(length), "passed over as far as it is read");
        assert_eq!(plan.click(&body[..length], &mut Scratch::new()), Ok(click));
    }
});
