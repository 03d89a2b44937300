//! A bounded cache for what repeats: two ways a set, keyed by a 64-bit hash, never growing, never allocating.

/// Maps hashes to small values; forgets the older of two that fall into one set.
pub(crate) struct Cache<V> {
    sets: Box<[[Entry<V>; 2]]>,
    mask: usize,
}

#[derive(Clone, Copy, Default)]
struct Entry<V> {
    /// The hash, 0 when the entry is free (a hash of 0 is stored as 1).
    tag: u64,
    value: V,
}

impl<V: Copy + Default> Cache<V> {
    /// A cache of `2^bits` sets of two.
    pub(crate) fn new(bits: u32) -> Cache<V> {
        let sets = 1usize << bits;
        Cache { sets: vec![[Entry::default(); 2]; sets].into_boxed_slice(), mask: sets - 1 }
    }

    /// The value stored for `hash`.
    #[inline]
    pub(crate) fn get(&mut self, hash: u64) -> Option<V> {
        let tag = hash.max(1);
        let set = &mut self.sets[(hash >> 32) as usize & self.mask];
        if set[0].tag == tag {
            return Some(set[0].value);
        }
        if set[1].tag == tag {
            set.swap(0, 1);
            return Some(set[0].value);
        }
        None
    }

    /// Stores `value` for `hash`, in place of the set's least recently used.
    pub(crate) fn put(&mut self, hash: u64, value: V) {
        let set = &mut self.sets[(hash >> 32) as usize & self.mask];
        set[1] = set[0];
        set[0] = Entry { tag: hash.max(1), value };
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.sets.fill([Entry::default(); 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_two_latest_of_a_set_and_forgets_the_rest() {
        let mut cache = Cache::new(0);
        cache.put(0, 'z');
        cache.put(2, 'b');
        assert_eq!((cache.get(0), cache.get(2)), (Some('z'), Some('b')));
        assert_eq!(cache.get(0), Some('z'), "used last, so it stays");
        cache.put(3, 'c');
        assert_eq!((cache.get(0), cache.get(2), cache.get(3)), (Some('z'), None, Some('c')));
        cache.clear();
        assert_eq!(cache.get(3), None);
    }
}
