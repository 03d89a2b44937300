//! An Avro object container file, as `import --format avro` reads it: header, writer's schema, blocks, records.
#![no_main]

use std::io::Cursor;
use std::sync::Arc;

use crumbtrail_events::avro::{Plan, Target, confluent};
use crumbtrail_runtime::import::Records as _;

// The binary's own: it has no library to depend on.
#[path = "../../crates/crumbtrail/src/commands/files/container.rs"]
mod container;
#[path = "../../crates/crumbtrail/src/commands/files/packed.rs"]
#[allow(dead_code, reason = "a file's packing is not read here")]
mod packed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(header) = container::header(&mut Cursor::new(data)) else { return };
    let Ok(plan) = Plan::compile(header.schema(), Target::Click) else { return };
    let file = Box::new(Cursor::new(data.to_vec()));
    let mut records = container::Container::open(file, 7, Arc::new(plan)).expect("its header was read before");
    while let Ok(Some(record)) = records.next() {
        assert_eq!(confluent::split(record.bytes).map(|(id, _)| id), Ok(7));
    }
});
