//! The formats: where each says its version, which versions this build reads, and how.

use std::sync::Arc;

use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{Outcome, Touchpoint};
use crumbtrail_intake::dead_letter::DeadLetter;
use crumbtrail_journeys::JourneyRules;
use crumbtrail_log::control::Control;
use crumbtrail_log::{Epoch, FrameView, Inbox, Offset, PartitionId};
use crumbtrail_runtime::cutter::CutRules;
use crumbtrail_runtime::owner::Start;
use crumbtrail_runtime::redrive::plan::Word;
use crumbtrail_runtime::snapshot::Snapshot;
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Context, Owner, SnapshotStore, Step};
use crumbtrail_scratch::Block;
use crumbtrail_sessions::RuleBook;
use crumbtrail_steps::{Journey, Place, Ruling, Sessionize};
use crumbtrail_warehouse::TableId;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt as _, path::Path};

/// One stored format.
pub struct Format {
    /// Name of its fixtures.
    pub name: &'static str,
    /// Where its version number is defined.
    pub source: &'static str,
    /// The byte that says the version; `None` if ClickHouse's format has no such byte, and the version stays 1.
    pub version_at: Option<usize>,
    /// The versions this build reads.
    pub reads: &'static [u8],
    /// Reads it, or says why not.
    pub load: fn(&[u8]) -> Result<(), String>,
}

impl Format {
    /// The version some bytes say they are of.
    pub fn version_of(&self, bytes: &[u8]) -> u8 {
        self.version_at.map_or(1, |at| bytes[at])
    }
}

/// The step that reads its own state.
pub fn sessionize() -> Sessionize {
    let place = Place { partition: 0, of: 1 };
    Sessionize::new(Ruling::fixed(RuleBook::default()), crumbtrail_identity::Rules::default(), true, place)
}

/// The other one.
pub fn journey() -> Journey {
    Journey::new(Ruling::fixed(JourneyRules::default()))
}

/// Every stored format.
pub const FORMATS: &[Format] = &[
    Format {
        name: "touchpoint",
        source: "crates/events/src/touchpoint.rs",
        version_at: Some(0),
        reads: &[2],
        load: |bytes| text(Touchpoint::decode(bytes)),
    },
    Format {
        name: "dead-letter",
        source: "crates/intake/src/dead_letter.rs",
        version_at: Some(0),
        reads: &[1],
        load: |bytes| text(DeadLetter::decode(bytes)),
    },
    Format {
        name: "frame",
        source: "crates/log/src/frame.rs (ticks are a part of it)",
        version_at: Some(0),
        reads: &[1],
        load: frame,
    },
    Format {
        name: "control",
        source: "crates/log/src/control.rs",
        version_at: Some(0),
        reads: &[1],
        load: |bytes| text(Control::decode(bytes)),
    },
    Format {
        name: "redrive",
        source: "crates/runtime/src/redrive/plan.rs",
        version_at: Some(0),
        reads: &[1, 2],
        load: |bytes| text(Word::decode(bytes)),
    },
    Format {
        name: "inbox",
        source: "crates/log/src/inbox.rs",
        version_at: Some(0),
        reads: &[1, 2],
        load: |bytes| text(Inbox::decode(bytes)),
    },
    Format {
        name: "sessionize",
        source: "crates/steps/src/sessionize.rs (identity and sessions in it have versions of their own)",
        version_at: Some(0),
        reads: &[10],
        load: |bytes| text(sessionize().load(bytes, &[])),
    },
    Format {
        name: "journeys",
        source: "crates/steps/src/journey.rs (the journeys in it have a version of their own)",
        version_at: Some(0),
        reads: &[5],
        load: |bytes| text(journey().load(bytes, &[])),
    },
    Format {
        name: "owner",
        source: "crates/runtime/src/owner.rs (the inbox and the step's state in it have versions of their own)",
        version_at: Some(0),
        reads: &[1],
        load: owner,
    },
    Format {
        name: "snapshot",
        source: "crates/runtime/src/snapshot/envelope.rs",
        version_at: Some(7),
        reads: &[1, 2],
        load: snapshot,
    },
    Format {
        name: "ledger",
        source: "crates/warehouse/src/tables/batches.rs (columns may be added, by a migration)",
        version_at: None,
        reads: &[1],
        load: ledger,
    },
];

/// Partition and offset of the stored snapshot.
pub const SNAPSHOT_AT: (u32, Offset) = (2, Offset(7));

/// Name of the stored snapshot in its store.
pub fn snapshot_path() -> Path {
    Path::from(format!("e1/sessionize/{:05}/{:020}.snap", SNAPSHOT_AT.0, SNAPSHOT_AT.1.0))
}

fn text<T, E: std::fmt::Display>(read: Result<T, E>) -> Result<(), String> {
    read.map(|_| ()).map_err(|error| error.to_string())
}

fn frame(bytes: &[u8]) -> Result<(), String> {
    let mut scratch = Vec::new();
    let view = FrameView::parse(bytes, &mut scratch).map_err(|error| error.to_string())?;
    let tick = view.tick().map_err(|error| error.to_string())?.ok_or("its tick is gone")?;
    if view.records().count() == 0 || tick.origins.is_empty() || tick.declared.is_empty() {
        return Err("records, statements or declarations are gone".to_owned());
    }
    Ok(())
}

/// A step that keeps nothing.
pub struct NoState;

impl Step for NoState {
    fn name(&self) -> &'static str {
        "none"
    }
    fn tables(&self) -> usize {
        0
    }
    fn record(&mut self, _: &[u8], _: Context, effects: &mut Effects) -> Result<(), StepError> {
        effects.outcome(Outcome::Counted);
        Ok(())
    }
    fn tick(&mut self, _: Context, _: &mut Effects) -> Result<(), StepError> {
        Ok(())
    }
    fn save(&self, out: &mut Vec<u8>) {
        out.push(b's');
    }
    fn load(&mut self, bytes: &[u8], _: &[Block]) -> Result<(), StepError> {
        if bytes == b"s" { Ok(()) } else { Err(WireError::Malformed("not what was saved").into()) }
    }
    fn gauges(&self) -> StepGauges {
        StepGauges::default()
    }
}

fn owner(bytes: &[u8]) -> Result<(), String> {
    let state = Snapshot { offset: SNAPSHOT_AT.1, state: bytes.to_vec().into() };
    let partition = PartitionId(SNAPSHOT_AT.0);
    let owner = Owner::new(NoState, Epoch(1), partition, Start::Snapshot(state), CutRules::default(), None);
    text(owner)
}

#[expect(clippy::disallowed_methods, reason = "a snapshot of another day, put there by hand")]
fn snapshot(bytes: &[u8]) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let memory = Arc::new(InMemory::new());
    runtime.block_on(memory.put(&snapshot_path(), bytes.to_vec().into())).map_err(|error| error.to_string())?;
    let store = SnapshotStore::new(memory, "e1", runtime.handle().clone(), 1);
    let found = store.newest("sessionize", SNAPSHOT_AT.0, None).map_err(|error| error.to_string())?;
    found.map(|_| ()).ok_or_else(|| "not taken for a whole snapshot".to_owned())
}

/// A block that an older build is about to insert: the table still has its columns, of the same types.
fn ledger(bytes: &[u8]) -> Result<(), String> {
    let columns = block_columns(bytes).map_err(|error| error.to_string())?;
    for (name, type_name) in columns {
        let known = TableId::Batches.columns().iter().find(|column| column.name == name);
        let known = known.ok_or_else(|| format!("column {name} is gone"))?;
        if known.type_name != type_name {
            return Err(format!("column {name} was {type_name} and is {}", known.type_name));
        }
    }
    Ok(())
}

/// Names and types of a Native block of one row.
fn block_columns(bytes: &[u8]) -> Result<Vec<(String, String)>, WireError> {
    let mut reader = Reader::new(bytes);
    let (columns, rows) = (reader.varint()?, reader.varint()?);
    if rows != 1 {
        return Err(WireError::Malformed("not a block of one row"));
    }
    let mut found = Vec::new();
    for _ in 0..columns {
        let (name, type_name) = (reader.str()?.to_owned(), reader.str()?.to_owned());
        match type_name.as_str() {
            "UInt8" => drop(reader.array::<1>()?),
            "UInt32" => drop(reader.array::<4>()?),
            "UInt64" | "DateTime64(3, 'UTC')" => drop(reader.array::<8>()?),
            "LowCardinality(String)" => {
                reader.array::<16>()?;
                for _ in 0..u64::from_le_bytes(reader.array()?) {
                    reader.bytes()?;
                }
                reader.array::<9>()?;
            }
            _ => return Err(WireError::Malformed("a type this test does not know")),
        }
        found.push((name, type_name));
    }
    if reader.is_empty() { Ok(found) } else { Err(WireError::Malformed("bytes behind the last column")) }
}
