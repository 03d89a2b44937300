//! What a source had dropped before it was read, once an operator has said that it is lost: a dead record in the log.

use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_log::{OriginId, Position, SourcePartition};

/// Its reason, in the table of dead letters and as a metric's label.
pub const REASON: &str = "accepted_gap";

/// Source offsets `[from, to)` that nobody read and nobody can read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedGap {
    /// The first of them.
    pub from: u64,
    /// End, exclusive: where the source begins now.
    pub to: u64,
}

impl AcceptedGap {
    /// How many offsets were lost.
    #[must_use]
    pub fn offsets(self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// Behind whatever can have been made of the last lost record, before the first that is left.
    #[must_use]
    pub fn position(self) -> Position {
        Position { offset: self.to.saturating_sub(1), seq: u32::MAX }
    }

    /// Appends its record: a dead one, so that it is counted and audited as any other.
    pub fn encode(self, source: &SourcePartition, wall_ms: i64, out: &mut Vec<u8>) {
        let lost = self.offsets();
        let last = self.to.saturating_sub(1);
        let detail =
            format!("offsets {} to {last} were gone before they were read: {lost}, accepted as lost", self.from);
        // Its id tells two gaps apart that begin at one offset.
        let place = (source.topic.as_str(), source.partition, self.from);
        dead_stub(place, source.origin, self.to, (REASON, &detail), wall_ms, out);
    }
}

/// Appends the stub of a record that is dead without having been judged. Of two that stand at one place (topic, partition, offset)
/// the id tells them apart.
pub(crate) fn dead_stub(
    (topic, partition, offset): (&str, u32, u64),
    origin: OriginId,
    id: u64,
    (reason, detail): (&str, &str),
    wall_ms: i64,
    out: &mut Vec<u8>,
) -> Key {
    let key = Key::contact(topic, &partition.to_string());
    let stub = Touchpoint {
        head: Head { outcome: Outcome::Dead, kind: Kind::Custom, key, id, occurred_at: EventTime(wall_ms) },
        received_at: wall_ms,
        reason,
        detail,
        topic,
        partition,
        offset,
        origin: origin.0,
        ..Touchpoint::default()
    };
    stub.encode(out);
    key
}
