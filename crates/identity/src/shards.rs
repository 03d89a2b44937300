//! A hash map by key in many small ones: growing rehashes one of them, and a save holds nobody up.
//!
//! ```text
//! begin_save ─► shard 0 · 1 · 2 · 3 · …    each handed out once as it was at the begin;
//!                       └ changed before its turn: copied first
//! ```

use std::borrow::Cow;
use std::hash::{BuildHasherDefault, Hasher};

use crumbtrail_events::Key;
use hashbrown::HashMap;

/// A map by key. Keys are hashes already.
pub(crate) type Keyed<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// How many there are, as a power of two: with a million keys, what one change copies is 30 KB.
const BITS: u32 = 10;
const SHARDS: usize = 1 << BITS;

/// The map.
#[derive(Debug)]
pub(crate) struct Shards<V> {
    shards: Vec<Keyed<V>>,
    len: usize,
    saving: Option<Box<Saving<V>>>,
}

/// Which shards are still to be saved as they were when saving began.
#[derive(Debug)]
struct Saving<V> {
    /// Handed out, or copied.
    done: Vec<bool>,
    copies: Vec<Option<Keyed<V>>>,
}

impl<V> Default for Shards<V> {
    fn default() -> Shards<V> {
        Shards { shards: (0..SHARDS).map(|_| Keyed::default()).collect(), len: 0, saving: None }
    }
}

impl<V: Clone> Shards<V> {
    #[inline]
    pub(crate) fn get(&self, key: &Key) -> Option<&V> {
        self.shards[shard(*key)].get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut V> {
        self.keep(shard(*key));
        self.shards[shard(*key)].get_mut(key)
    }

    /// The value of a key, a new one if it has none.
    #[inline]
    pub(crate) fn or_default(&mut self, key: Key) -> &mut V
    where
        V: Default,
    {
        self.keep(shard(key));
        let Shards { shards, len, .. } = self;
        shards[shard(key)].entry(key).or_insert_with(|| {
            *len += 1;
            V::default()
        })
    }

    pub(crate) fn insert(&mut self, key: Key, value: V) {
        self.keep(shard(key));
        self.len += usize::from(self.shards[shard(key)].insert(key, value).is_none());
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<V> {
        self.keep(shard(*key));
        let removed = self.shards[shard(*key)].remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    pub(crate) fn contains_key(&self, key: &Key) -> bool {
        self.shards[shard(*key)].contains_key(key)
    }

    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&Key, &mut V) -> bool) {
        for n in 0..SHARDS {
            self.keep(n);
            let before = self.shards[n].len();
            self.shards[n].retain(&mut stays);
            self.len -= before - self.shards[n].len();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.shards.iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory, by capacity, without what values hold elsewhere.
    pub(crate) fn resident_bytes(&self) -> usize {
        let slots: usize = self.shards.iter().map(|shard| shard.capacity()).sum();
        slots * (size_of::<(Key, V)>() + 1) + SHARDS * size_of::<Keyed<V>>()
    }

    /// Begins to save what there is now.
    pub(crate) fn begin_save(&mut self) {
        self.saving = Some(Box::new(Saving { done: vec![false; SHARDS], copies: (0..SHARDS).map(|_| None).collect() }));
    }

    /// The `n`-th shard as it was when saving began, each to be asked for once; `None` after the last, and nothing is kept any
    /// more.
    pub(crate) fn save_shard(&mut self, n: usize) -> Option<Cow<'_, Keyed<V>>> {
        if n >= SHARDS {
            self.saving = None;
        }
        let saving = self.saving.as_deref_mut()?;
        saving.done[n] = true;
        Some(saving.copies[n].take().map_or_else(|| Cow::Borrowed(&self.shards[n]), Cow::Owned))
    }

    /// Keeps what a shard is about to lose that is still to be saved.
    #[inline]
    fn keep(&mut self, n: usize) {
        if self.saving.is_some() {
            self.copy(n);
        }
    }

    #[cold]
    fn copy(&mut self, n: usize) {
        let Some(saving) = self.saving.as_deref_mut() else { return };
        if !std::mem::replace(&mut saving.done[n], true) {
            saving.copies[n] = Some(self.shards[n].clone());
        }
    }
}

/// Bits that neither route to partitions nor index the maps.
#[inline]
fn shard(key: Key) -> usize {
    (key.0 as u64 >> 40) as usize % SHARDS
}

/// Keys are hashes already: their low half is taken as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_saved_is_what_there_was_at_the_begin() {
        let key = |n: u64| Key::visitor("shop", &n.to_string());
        let mut map = Shards::<u64>::default();
        (0..20_000).for_each(|n| map.insert(key(n), n));
        let expected: BTreeMap<Key, u64> = map.iter().map(|(key, value)| (*key, *value)).collect();
        map.begin_save();
        let mut saved = BTreeMap::new();
        for n in 0.. {
            let change = n as u64 * 31 % 20_000;
            *map.or_default(key(change)) += 1;
            if let Some(value) = map.get_mut(&key(change + 1)) {
                *value = 0;
            }
            map.remove(&key(change + 2));
            map.insert(key(50_000 + change), 1);
            if n == 500 {
                map.retain(|_, value| *value % 3 > 0);
            }
            let Some(shard) = map.save_shard(n) else { break };
            saved.extend(shard.iter().map(|(key, value)| (*key, *value)));
        }
        assert!(saved == expected && map.saving.is_none());
        assert_eq!(map.len(), map.iter().count());
        assert!(map.contains_key(&key(50_000)) && !map.contains_key(&key(2)) && map.get(&key(2)).is_none());
    }
}
