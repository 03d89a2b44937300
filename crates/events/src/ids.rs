//! Newtypes for the things that must not be mixed up.

use std::hash::Hasher;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Event time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Before every event: the watermark of an origin nobody has heard from.
    pub const MIN: EventTime = EventTime(i64::MIN);
    /// After every event.
    pub const MAX: EventTime = EventTime(i64::MAX);

    /// This time moved by `ms` milliseconds, saturating at the ends.
    #[must_use]
    pub fn plus(self, ms: i64) -> EventTime {
        EventTime(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time (negative if it is later), saturating.
    #[must_use]
    pub fn since(self, earlier: EventTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A routing key: 128 bits of XXH3 over the site and the id, so that equal ids of two sites never meet.
///
/// A visitor's, a conversation's and a person's keys are made by different constructors and never compare equal. They take
/// strings, or the bytes of strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

impl Key {
    /// The key of an anonymous or known device: (site, visitor id).
    #[must_use]
    pub fn visitor<T: AsRef<[u8]> + ?Sized>(site: &T, visitor: &T) -> Key {
        Key::of(b'v', site.as_ref(), visitor.as_ref())
    }

    /// The key of a known customer: (site, customer id).
    #[must_use]
    pub fn customer<T: AsRef<[u8]> + ?Sized>(site: &T, customer: &T) -> Key {
        Key::of(b'c', site.as_ref(), customer.as_ref())
    }

    /// The key of a conversation: (site, conversation id).
    #[must_use]
    pub fn conversation<T: AsRef<[u8]> + ?Sized>(site: &T, conversation: &T) -> Key {
        Key::of(b't', site.as_ref(), conversation.as_ref())
    }

    /// The key of a contact known only by a keyed hash of an address: (site, contact hash).
    #[must_use]
    pub fn contact<T: AsRef<[u8]> + ?Sized>(site: &T, contact: &T) -> Key {
        Key::of(b'k', site.as_ref(), contact.as_ref())
    }

    /// The partition of `partitions` (at least 1) this key belongs to. Depends on the key alone: another count is
    /// another epoch.
    #[must_use]
    pub fn partition(self, partitions: u32) -> u32 {
        // The high half: the low half indexes hash maps, and the two must not be correlated.
        (((self.0 >> 64) as u64 as u128 * u128::from(partitions.max(1))) >> 64) as u32
    }

    /// 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }

    fn of(tag: u8, site: &[u8], id: &[u8]) -> Key {
        let mut stack = [0u8; 256];
        let len = 2 + site.len() + id.len();
        if len <= stack.len() {
            stack[0] = tag;
            stack[1..1 + site.len()].copy_from_slice(site);
            // 0xFF never occurs in UTF-8, so ("ab","c") and ("a","bc") differ.
            stack[1 + site.len()] = 0xFF;
            stack[2 + site.len()..len].copy_from_slice(id);
            return Key(xxh3_128(&stack[..len]));
        }
        let mut heap = Vec::with_capacity(len);
        heap.push(tag);
        heap.extend_from_slice(site);
        heap.push(0xFF);
        heap.extend_from_slice(id);
        Key(xxh3_128(&heap))
    }
}

/// For hash maps by [`Key`]: keys are hashes already, and their low half is taken as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// 64 bits of XXH3 over an event's or entry's id: what repeats are recognised by, within one key.
#[must_use]
pub fn id_hash(event_id: &str) -> u64 {
    xxh3_64(event_id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_sites_and_kinds_differ() {
        let visitor = Key::visitor("shop", "42");
        assert_ne!(visitor, Key::visitor("sho", "p42"));
        assert_ne!(visitor, Key::customer("shop", "42"));
        assert_eq!(visitor, Key::visitor("shop", "42"));
        let long = "x".repeat(1000);
        assert_eq!(Key::visitor("shop", &long), Key::visitor("shop", &long));
    }

    #[test]
    fn partitions_are_in_range_and_all_used() {
        let mut seen = [0u32; 7];
        for i in 0..7000 {
            seen[Key::visitor("s", &i.to_string()).partition(7) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
    }
}
