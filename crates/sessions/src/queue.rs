//! Slots that wait for a time: buckets of slot numbers. An entry is a hint; the slot says whether it still holds.

use std::collections::BTreeMap;

/// Numbers of slots by bucket.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    buckets: BTreeMap<i64, Vec<u32>>,
    /// Emptied buckets, to be filled again.
    spare: Vec<Vec<u32>>,
}

impl Queue {
    /// Puts a slot into a bucket.
    pub(crate) fn push(&mut self, bucket: i64, slot: u32) {
        let spare = &mut self.spare;
        self.buckets.entry(bucket).or_insert_with(|| spare.pop().unwrap_or_default()).push(slot);
    }

    /// Takes the earliest bucket out if it is not after `last`, and gives its slots to `each`.
    pub(crate) fn take(&mut self, last: i64, mut each: impl FnMut(i64, u32)) {
        while let Some(entry) = self.buckets.first_entry()
            && *entry.key() <= last
        {
            let (bucket, mut slots) = entry.remove_entry();
            slots.drain(..).for_each(|slot| each(bucket, slot));
            if self.spare.len() < 4 && slots.capacity() <= 4096 {
                self.spare.push(slots);
            }
        }
    }

    /// Bytes of memory, by capacity.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.buckets.values().chain(&self.spare).map(|slots| slots.capacity() * 4 + 40).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_come_out_in_order_and_once() {
        let mut queue = Queue::default();
        for (bucket, slot) in [(5, 1), (3, 2), (5, 3), (9, 4)] {
            queue.push(bucket, slot);
        }
        let mut found = Vec::new();
        queue.take(5, |bucket, slot| found.push((bucket, slot)));
        assert_eq!(found, [(3, 2), (5, 1), (5, 3)]);
        queue.take(8, |_, _| panic!("not due"));
    }
}
