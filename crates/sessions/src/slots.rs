//! The keys of one partition: a slab of slots and an index into it.

use crate::chain::Chain;
use crate::intern::Symbol;
use crumbtrail_events::Key;
use hashbrown::HashTable;
use smallvec::SmallVec;

/// What is known of one key.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The key's halves: two words instead of a `u128`, whose alignment would cost 8 bytes a slot.
    key: [u64; 2],
    /// Wall time before which its rows are not emitted again; `i64::MIN` for at once.
    pub(crate) due: i64,
    /// Hash of the attributes of the event before, and their symbol: most events have the same. Not stored.
    pub(crate) hash: u64,
    /// The timer bucket it waits in; `i32::MAX` for none.
    pub(crate) armed: i32,
    /// See `hash`; none if it holds nothing.
    pub(crate) attributes: Symbol,
    /// Visitor id.
    pub(crate) visitor: Symbol,
    /// Site, by number.
    pub(crate) site: u16,
    /// It stands in the queue of rows to emit.
    pub(crate) is_dirty: bool,
    /// Its open chains.
    pub(crate) chains: SmallVec<[Chain; 1]>,
}

impl Slot {
    /// A slot without chains.
    pub(crate) fn new(key: Key, visitor: Symbol, site: u16) -> Slot {
        let key = [(key.0 >> 64) as u64, key.0 as u64];
        Slot {
            key,
            due: i64::MIN,
            hash: 0,
            armed: i32::MAX,
            attributes: Symbol::NONE,
            visitor,
            site,
            is_dirty: false,
            chains: SmallVec::new(),
        }
    }

    /// Its key.
    pub(crate) fn key(&self) -> Key {
        Key(u128::from(self.key[0]) << 64 | u128::from(self.key[1]))
    }
}

const _: () = assert!(size_of::<Slot>() <= 96);

/// Slots of one block: blocks never move, so growing costs no copy and no doubled memory.
const BLOCK: usize = 1024;

/// All slots.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    blocks: Vec<Vec<Slot>>,
    free: Vec<u32>,
    index: HashTable<u32>,
}

impl Slots {
    /// The slot of `key`.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        let [high, low] = [(key.0 >> 64) as u64, key.0 as u64];
        let is_it = |&n: &u32| at(&self.blocks, n).key == [high, low];
        self.index.find(low, is_it).copied()
    }

    /// Adds a slot; its key must not have one yet.
    pub(crate) fn insert(&mut self, slot: Slot) -> u32 {
        let low = slot.key[1];
        let n = if let Some(n) = self.free.pop() {
            self.blocks[n as usize / BLOCK][n as usize % BLOCK] = slot;
            n
        } else {
            if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
                self.blocks.push(Vec::with_capacity(BLOCK));
            }
            let last = self.blocks.len() - 1;
            self.blocks[last].push(slot);
            (last * BLOCK + self.blocks[last].len() - 1) as u32
        };
        let blocks = &self.blocks;
        self.index.insert_unique(low, n, |&n| at(blocks, n).key[1]);
        n
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, n: u32) {
        let key = self.get(n).key;
        if let Ok(entry) = self.index.find_entry(key[1], |&other| other == n) {
            entry.remove();
        }
        let slot = self.get_mut(n);
        *slot = Slot::new(Key(0), Symbol::NONE, 0);
        self.free.push(n);
    }

    /// The slot with this number.
    pub(crate) fn get(&self, n: u32) -> &Slot {
        at(&self.blocks, n)
    }

    /// The slot with this number.
    pub(crate) fn get_mut(&mut self, n: u32) -> &mut Slot {
        &mut self.blocks[n as usize / BLOCK][n as usize % BLOCK]
    }

    /// The numbers of all slots in use, in no order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.index.iter().copied()
    }

    /// Bytes of memory, by capacity, without what the chains hold.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.blocks.len() * BLOCK * size_of::<Slot>()
            + self.blocks.capacity() * size_of::<Vec<Slot>>()
            + self.free.capacity() * 4
            + self.index.allocation_size()
    }
}

fn at(blocks: &[Vec<Slot>], n: u32) -> &Slot {
    &blocks[n as usize / BLOCK][n as usize % BLOCK]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_freed_and_used_again() {
        let mut slots = Slots::default();
        let key = |n: u32| Key::visitor("s", &n.to_string());
        let numbers: Vec<u32> = (0..3000).map(|n| slots.insert(Slot::new(key(n), Symbol::NONE, 0))).collect();
        assert!((0..3000).all(|n| slots.find(key(n)) == Some(numbers[n as usize])));
        slots.remove(numbers[7]);
        assert_eq!(slots.find(key(7)), None);
        assert_eq!(slots.insert(Slot::new(key(9999), Symbol::NONE, 0)), numbers[7]);
        assert_eq!(slots.get(numbers[7]).key(), key(9999));
        assert_eq!(slots.numbers().count(), 3000);
    }
}
