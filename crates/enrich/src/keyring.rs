//! Keyed hashes of chosen fields, under keys that rotate: which key counts is decided by the event's time alone, so that a
//! replay hashes as the first run did; around a rotation the other key's hash is given too, so that what one key links the next does.

use crate::contact::normalise;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key and from when it counts.
#[derive(Clone)]
pub struct Key {
    /// The secret.
    pub secret: Vec<u8>,
    /// From which event time it counts, ms since the epoch; the first key counts from ever.
    pub from_ms: i64,
}

impl Key {
    /// A key that counts from `from_ms` on.
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>, from_ms: i64) -> Key {
        Key { secret: secret.into(), from_ms }
    }
}

/// Why keys make no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// No key.
    #[error("no key: hashes need at least one")]
    Empty,
    /// A key shorter than 16 bytes.
    #[error("key {0} has fewer than 16 bytes: it could be guessed")]
    Short(usize),
    /// Keys not in the order of their times.
    #[error("key {0} counts from no later than the one before it")]
    Order(usize),
}

/// The keys, oldest first.
pub struct Keyring {
    keys: Vec<(i64, Hmac<Sha256>)>,
    overlap_ms: i64,
}

/// The hashes of a contact under the keys beside the one that counts: the next one's, the one's before; empty where a change is
/// further away than the overlap.
pub type Beside<'a> = [&'a str; 2];

/// Digits of a hash: 128 bits.
const DIGITS: usize = 32;

impl Keyring {
    /// A ring of keys in the order of their times. For `overlap_ms` before a key begins, and as long after it, the hash under the other
    /// one is given [too](Keyring::beside).
    ///
    /// # Errors
    /// No key, a short one, or keys out of order.
    pub fn new(keys: &[Key], overlap_ms: i64) -> Result<Keyring, KeyringError> {
        const SHORTEST: usize = 16;
        let mut ring: Vec<(i64, Hmac<Sha256>)> = Vec::with_capacity(keys.len());
        for (number, key) in keys.iter().enumerate() {
            if key.secret.len() < SHORTEST {
                return Err(KeyringError::Short(number));
            }
            if ring.last().is_some_and(|(before, _)| *before >= key.from_ms) {
                return Err(KeyringError::Order(number));
            }
            let keyed = Hmac::<Sha256>::new_from_slice(&key.secret).map_err(|_| KeyringError::Short(number))?;
            ring.push((key.from_ms, keyed));
        }
        if ring.is_empty() { Err(KeyringError::Empty) } else { Ok(Keyring { keys: ring, overlap_ms }) }
    }

    fn current(&self, at_ms: i64) -> usize {
        self.keys.partition_point(|(from, _)| *from <= at_ms).saturating_sub(1)
    }

    /// The hash of a field's value under the key that counts at `at_ms`: HMAC-SHA-256 over the field's name and the
    /// value, its first 128 bits as 32 hex digits, written into `out` (cleared first). Empty for an empty value.
    pub fn hash<'a>(&self, field: &str, value: &str, at_ms: i64, out: &'a mut String) -> &'a str {
        self.put(self.current(at_ms), field, value, out);
        out
    }

    /// The hash of a contact, however it is written (see [`normalise`]): of its normal form, under a field for its kind,
    /// so that a handle is no phone number. Empty for what is no contact. `calling_code` as there; `normal` is room.
    pub fn contact<'a>(
        &self,
        contact: &str,
        calling_code: &str,
        at_ms: i64,
        normal: &mut String,
        out: &'a mut String,
    ) -> &'a str {
        match normalise(contact, calling_code, normal) {
            Some(kind) => self.hash(kind.as_str(), normal, at_ms, out),
            None => {
                out.clear();
                out
            }
        }
    }

    /// The hashes of a contact under the keys that change places with the one that counts at `at_ms`: who claims a contact around a
    /// rotation claims it under both, so that records of either key find it. `normal` and `out` are room.
    pub fn beside<'a>(
        &self,
        contact: &str,
        calling_code: &str,
        at_ms: i64,
        normal: &mut String,
        out: &'a mut [String; 2],
    ) -> Beside<'a> {
        let is_near = self.keys_beside(at_ms) != [None; 2];
        let (field, value) = match is_near.then(|| normalise(contact, calling_code, normal)).flatten() {
            Some(kind) => (kind.as_str(), normal.as_str()),
            None => ("", ""),
        };
        self.beside_of(field, value, at_ms, out)
    }

    /// The hashes of a field's value under the keys that change places with the one that counts at `at_ms`; `out` is room.
    pub fn beside_of<'a>(&self, field: &str, value: &str, at_ms: i64, out: &'a mut [String; 2]) -> Beside<'a> {
        for (out, key) in out.iter_mut().zip(self.keys_beside(at_ms)) {
            out.clear();
            if let Some(key) = key {
                self.put(key, field, value, out);
            }
        }
        let [next, before] = out;
        [next, before]
    }

    /// The next key and the one before, where a change is within the overlap.
    fn keys_beside(&self, at_ms: i64) -> [Option<usize>; 2] {
        let current = self.current(at_ms);
        let begins = |key: usize| self.keys.get(key).map(|(from, _)| *from);
        let next =
            begins(current + 1).filter(|from| from.saturating_sub(at_ms) <= self.overlap_ms).map(|_| current + 1);
        let before =
            begins(current).filter(|from| at_ms.saturating_sub(*from) < self.overlap_ms).and(current.checked_sub(1));
        [next, before]
    }

    /// From when each key counts.
    pub fn begins(&self) -> impl Iterator<Item = i64> {
        self.keys.iter().map(|(from, _)| *from)
    }

    fn put(&self, key: usize, field: &str, value: &str, out: &mut String) {
        out.clear();
        if value.is_empty() {
            return;
        }
        let mut mac = self.keys[key].1.clone();
        mac.update(&(field.len() as u64).to_be_bytes());
        mac.update(field.as_bytes());
        mac.update(value.as_bytes());
        for byte in &mac.finalize().into_bytes()[..DIGITS / 2] {
            out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn key(secret: u8, from_ms: i64) -> Key {
        Key { secret: vec![secret; 16], from_ms }
    }

    #[test]
    fn the_events_time_chooses_the_key_and_around_a_change_the_other_is_given_too() {
        let ring = Keyring::new(&[key(1, 0), key(2, 100 * DAY), key(3, 140 * DAY)], 30 * DAY).unwrap();
        let hash = |day: i64| ring.contact("a@b.co", "", day * DAY, &mut String::new(), &mut String::new()).to_owned();
        let beside = |at: i64| {
            let mut room = [String::new(), "left from before".to_owned()];
            ring.beside("A@b.co", "", at, &mut String::new(), &mut room).map(str::to_owned)
        };
        let (first, second, third) = (hash(99), hash(100), hash(140));
        assert_eq!((first.len(), first == second, second == third), (DIGITS, false, false));
        assert_eq!(hash(-5), first, "the first key counts from ever");
        let none = String::new();
        for (at, next, before) in [
            (70 * DAY - 1, &none, &none),
            (70 * DAY, &second, &none),
            (100 * DAY - 1, &second, &none),
            (100 * DAY, &none, &first),
            (110 * DAY, &third, &first),
            (130 * DAY, &third, &none),
            (170 * DAY - 1, &none, &second),
            (170 * DAY, &none, &none),
        ] {
            assert_eq!(beside(at), [next.clone(), before.clone()], "{} days", at as f64 / DAY as f64);
        }
        let mut room = [const { String::new() }; 2];
        assert_eq!(ring.beside("no contact at all", "", 100 * DAY, &mut String::new(), &mut room), [""; 2]);
    }

    #[test]
    fn fields_and_values_do_not_run_into_each_other() {
        let ring = Keyring::new(&[key(1, 0)], 0).unwrap();
        let hash = |field, value| ring.hash(field, value, 0, &mut String::new()).to_owned();
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
        assert_ne!(hash("customer", "7"), hash("visitor", "7"));
        assert_eq!(hash("customer", ""), "");
    }

    #[test]
    fn a_contact_is_one_however_it_is_written() {
        let ring = Keyring::new(&[key(1, 0)], 0).unwrap();
        let hash = |contact| ring.contact(contact, "66", 0, &mut String::new(), &mut String::new()).to_owned();
        assert_eq!(hash("+66 (0)81 234 5678"), hash("081-234-5678"));
        assert_eq!(hash("A@B.co"), hash(" a@b.co "));
        assert_ne!(hash("@somchai"), hash("somchai@b.co"));
        assert_eq!(hash("undefined"), "");
    }

    #[test]
    fn keys_that_make_no_ring_are_refused() {
        assert_eq!(Keyring::new(&[], 0).err(), Some(KeyringError::Empty));
        assert_eq!(
            Keyring::new(&[Key { secret: b"short".to_vec(), from_ms: 0 }], 0).err(),
            Some(KeyringError::Short(0))
        );
        assert_eq!(Keyring::new(&[key(1, 5), key(2, 5)], 0).err(), Some(KeyringError::Order(1)));
    }

    #[test]
    fn the_hash_is_hmac_sha_256_cut_to_128_bits() {
        // Python: hmac.new(b"\x01"*16, (7).to_bytes(8, "big") + b"contact" + b"a@b.co", "sha256").hexdigest()[:32]
        let ring = Keyring::new(&[key(1, 0)], 0).unwrap();
        assert_eq!(ring.hash("contact", "a@b.co", 0, &mut String::new()), HMAC_OF_SAMPLE);
    }

    const HMAC_OF_SAMPLE: &str = "a9e2910b562dc2f1392f7d39b5c79243";
}
