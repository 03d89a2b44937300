//! One record of each source partition that was read, noted by its hash: what stands at its offset later tells whether the topic is
//! still the one that was read, or was made anew and has grown beyond where we stood.
//!
//! A start looks at the noted record once more before it reads on. One that retention has removed, or that was never noted, proves
//! nothing.

use crumbtrail_events::wire::{Reader, WireError, put_varint};
use crumbtrail_log::OriginId;
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::notes::Notes;

/// Format version of a note.
const VERSION: u8 = 1;
/// A note is written anew this often at most, ms of wall time: the record needs not be a late one.
const EVERY_MS: i64 = 300_000;

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) offset: u64,
    hash: u64,
}

impl Proof {
    pub(super) fn of(offset: u64, payload: Option<&[u8]>) -> Proof {
        Proof { offset, hash: xxh3_64(payload.unwrap_or_default()) }
    }

    fn encode(self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.offset);
        out.extend_from_slice(&self.hash.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Proof, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("note of another format version"));
        }
        Ok(Proof { offset: reader.varint()?, hash: u64::from_le_bytes(reader.array()?) })
    }
}

/// Where they are noted. A store that fails is no reason to stop: then nothing is proved.
pub struct Proofs {
    notes: Notes,
    /// When each was noted last, ms of wall time.
    noted: HashMap<OriginId, (Proof, i64)>,
}

impl Proofs {
    /// Notes them there.
    #[must_use]
    pub fn new(notes: Notes) -> Proofs {
        Proofs { notes, noted: HashMap::new() }
    }

    /// What was noted of an origin.
    pub(super) fn get(&self, origin: OriginId) -> Option<Proof> {
        let found = self.notes.get(&name(origin)).unwrap_or_else(|error| {
            tracing::warn!(%error, "whether a source is the one that was read cannot be told");
            None
        });
        found.and_then(|bytes| Proof::decode(&bytes).ok())
    }

    /// Notes one of these that is due: one a tick, for a store may be slow.
    pub(super) fn note(&mut self, now_ms: i64, read: impl Iterator<Item = (OriginId, Proof)>) {
        let is_due = |origin: &OriginId| self.noted.get(origin).is_none_or(|(_, at)| now_ms - at >= EVERY_MS);
        let due = read.filter(|(origin, _)| is_due(origin));
        let next = due.min_by_key(|(origin, _)| self.noted.get(origin).map(|(_, at)| *at));
        if let Some((origin, proof)) = next {
            self.put(origin, proof, now_ms);
        }
    }

    /// Notes one for whoever comes next.
    pub(super) fn leave(&mut self, origin: OriginId, proof: Proof) {
        if self.noted.remove(&origin).is_none_or(|(noted, _)| noted != proof) {
            self.put(origin, proof, 0);
            self.noted.remove(&origin);
        }
    }

    fn put(&mut self, origin: OriginId, proof: Proof, now_ms: i64) {
        self.noted.insert(origin, (proof, now_ms));
        if let Err(error) = self.notes.put(&name(origin), proof.encode()) {
            tracing::warn!(%error, "what was read of a source is not noted");
        }
    }
}

fn name(origin: OriginId) -> String {
    format!("{:016x}", origin.0)
}
