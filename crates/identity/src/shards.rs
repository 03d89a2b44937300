//! A hash map by key in many small ones: growing rehashes one of them, and a save holds nobody up.
//!
//! ```text
//! begin_save ─► shard 0 · 1 · 2 · 3 · …    each handed out once as it was at the begin;
//!                       └ changed before its turn: copied first
//! ```

use std::borrow::Cow;
use std::hash::BuildHasherDefault;

use crumbtrail_events::Key;
use crumbtrail_events::ids::KeyHasher;
use hashbrown::HashMap;

/// A map by key. Keys are hashes already.
pub(crate) type Keyed<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

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

impl<V: Clone> Shards<V> {
    /// As many maps as are asked for, at least one.
    pub(crate) fn new(shards: usize) -> Shards<V> {
        Shards { shards: (0..shards.max(1)).map(|_| Keyed::default()).collect(), len: 0, saving: None }
    }

    /// Bits that neither route to partitions nor index the maps.
    #[inline]
    fn shard(&self, key: Key) -> usize {
        let bits = u64::from((key.0 >> 24) as u32);
        ((bits * self.shards.len() as u64) >> 32) as usize
    }

    #[inline]
    pub(crate) fn get(&self, key: &Key) -> Option<&V> {
        self.shards[self.shard(*key)].get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut V> {
        let shard = self.shard(*key);
        self.keep(shard);
        self.shards[shard].get_mut(key)
    }

    /// The value of a key, a new one if it has none.
    #[inline]
    pub(crate) fn or_default(&mut self, key: Key) -> &mut V
    where
        V: Default,
    {
        let shard = self.shard(key);
        self.keep(shard);
        let Shards { shards, len, .. } = self;
        shards[shard].entry(key).or_insert_with(|| {
            *len += 1;
            V::default()
        })
    }

    /// Makes room for so many keys more, where none of them has to wait for it.
    pub(crate) fn reserve(&mut self, more: usize) {
        let each = more / self.shards.len();
        self.shards.iter_mut().for_each(|shard| shard.reserve(each));
    }

    pub(crate) fn insert(&mut self, key: Key, value: V) {
        let shard = self.shard(key);
        self.keep(shard);
        self.len += usize::from(self.shards[shard].insert(key, value).is_none());
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<V> {
        let shard = self.shard(*key);
        self.keep(shard);
        let removed = self.shards[shard].remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&Key, &mut V) -> bool) {
        for n in 0..self.shards.len() {
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
        slots * (size_of::<(Key, V)>() + 1) + self.shards.len() * size_of::<Keyed<V>>()
    }

    /// Begins to save what there is now.
    pub(crate) fn begin_save(&mut self) {
        let shards = self.shards.len();
        self.saving = Some(Box::new(Saving { done: vec![false; shards], copies: (0..shards).map(|_| None).collect() }));
    }

    /// The `n`-th shard as it was when saving began, each to be asked for once; `None` after the last, and nothing is kept any
    /// more.
    pub(crate) fn save_shard(&mut self, n: usize) -> Option<Cow<'_, Keyed<V>>> {
        if n >= self.shards.len() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_saved_is_what_there_was_at_the_begin() {
        let key = |n: u64| Key::visitor("shop", &n.to_string());
        let mut map = Shards::<u64>::new(1024);
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
        assert!(map.get(&key(50_000)).is_some() && map.get(&key(2)).is_none());
    }
}
