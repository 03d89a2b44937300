//! The records of one poll, kept so that a judge can be told of all of them before the first is judged.

use std::ops::Range;

use crumbtrail_log::{OriginId, SourceRecord};

/// Records as a source handed them over, in its order.
#[derive(Default)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    records: Vec<Place>,
}

struct Place {
    origin: OriginId,
    topic: Range<usize>,
    partition: u32,
    offset: u64,
    payload: Option<Range<usize>>,
    key: Option<Range<usize>>,
    timestamp_ms: i64,
}

impl Kept {
    pub(crate) fn push(&mut self, record: &SourceRecord<'_>) {
        // Records of a topic come in runs.
        let last = self.records.last().map(|place| place.topic.clone());
        let topic = last.filter(|place| self.bytes[place.clone()] == *record.topic.as_bytes());
        let topic = topic.unwrap_or_else(|| self.keep(record.topic.as_bytes()));
        let payload = record.payload.map(|bytes| self.keep(bytes));
        let key = record.key.map(|bytes| self.keep(bytes));
        let SourceRecord { origin, partition, offset, timestamp_ms, .. } = *record;
        self.records.push(Place { origin, topic, partition, offset, payload, key, timestamp_ms });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = SourceRecord<'_>> {
        self.records.iter().map(|place| SourceRecord {
            origin: place.origin,
            topic: std::str::from_utf8(&self.bytes[place.topic.clone()]).unwrap_or_default(),
            partition: place.partition,
            offset: place.offset,
            payload: place.payload.clone().map(|at| &self.bytes[at]),
            key: place.key.clone().map(|at| &self.bytes[at]),
            timestamp_ms: place.timestamp_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let record = |topic, offset, payload, key| SourceRecord {
            origin: OriginId(offset / 2),
            topic,
            partition: 3,
            offset,
            payload,
            key,
            timestamp_ms: 70 + offset as i64,
        };
        let given = [
            record("tickets", 1, Some(&b"one"[..]), None),
            record("tickets", 2, None, Some(&b"key"[..])),
            record("clicks", 3, Some(&b""[..]), None),
            record("tickets", 4, Some(&b"four"[..]), Some(&b""[..])),
        ];
        let mut kept = Kept::default();
        given.iter().for_each(|record| kept.push(record));
        assert!(kept.records().eq(given));
    }
}
