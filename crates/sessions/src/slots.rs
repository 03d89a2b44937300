//! The keys of one partition: a slab of slots and an index into it.

use crate::chain::Chain;
use crate::intern::Symbol;
use crate::names::Name;
use crumbtrail_events::Key;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Range;

/// What is known of one key.
#[derive(Clone, Debug)]
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
    pub(crate) visitor: Name,
    /// Site, by number.
    pub(crate) site: u16,
    /// It stands in the queue of rows to emit.
    pub(crate) is_dirty: bool,
    /// Its open chains.
    pub(crate) chains: SmallVec<[Chain; 1]>,
}

impl Slot {
    /// A slot without chains.
    pub(crate) fn new(key: Key, visitor: Name, site: u16) -> Slot {
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
/// Slots of one page: what is copied when one of them changes that is still to be saved as it was.
const PAGE: usize = 32;
const _: () = assert!(BLOCK.is_multiple_of(PAGE));

/// All slots.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    blocks: Vec<Vec<Slot>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    saving: Option<Box<Saving>>,
}

/// Which pages are still to be saved as they were when saving began.
#[derive(Debug)]
struct Saving {
    /// Slots there were.
    slots: usize,
    /// Every page before has been handed out or copied.
    next: usize,
    /// A bit for each page that has been handed out or copied.
    done: Vec<u64>,
    /// Pages that have changed since, as they were.
    copies: Vec<Vec<Slot>>,
}

impl Saving {
    fn is_done(&self, page: usize) -> bool {
        self.done[page / 64] & (1 << (page % 64)) != 0
    }

    fn page(&self, page: usize) -> Range<usize> {
        page * PAGE..self.slots.min((page + 1) * PAGE)
    }
}

impl Slots {
    /// The slot of `key`.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        let [high, low] = [(key.0 >> 64) as u64, key.0 as u64];
        let is_it = |&n: &u32| at(&self.blocks, n).key == [high, low];
        self.index.find(low, is_it).copied()
    }

    /// Makes room in the index for so many more, so that it is not made anew as they come.
    pub(crate) fn reserve(&mut self, more: usize) {
        let blocks = &self.blocks;
        self.index.reserve(more, |&n| at(blocks, n).key[1]);
    }

    /// Adds a slot; its key must not have one yet.
    pub(crate) fn insert(&mut self, slot: Slot) -> u32 {
        let low = slot.key[1];
        let n = if let Some(n) = self.free.pop() {
            self.keep(n);
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
        *slot = Slot::new(Key(0), Name::NONE, 0);
        self.free.push(n);
    }

    /// The slot with this number.
    #[inline]
    pub(crate) fn get(&self, n: u32) -> &Slot {
        at(&self.blocks, n)
    }

    /// The slot with this number.
    #[inline]
    pub(crate) fn get_mut(&mut self, n: u32) -> &mut Slot {
        self.keep(n);
        &mut self.blocks[n as usize / BLOCK][n as usize % BLOCK]
    }

    /// Begins to save the slots as they are now.
    pub(crate) fn begin_save(&mut self) {
        let slots = self.count();
        let done = vec![0; slots.div_ceil(PAGE).div_ceil(64)];
        self.saving = Some(Box::new(Saving { slots, next: 0, done, copies: Vec::new() }));
    }

    /// Hands out a page as it was when saving began, each once and in no order; `None` when all are saved, and nothing is kept
    /// any more. Slots without chains are free.
    pub(crate) fn save_page(&mut self) -> Option<Cow<'_, [Slot]>> {
        let saving = self.saving.as_deref_mut()?;
        if let Some(copy) = saving.copies.pop() {
            return Some(Cow::Owned(copy));
        }
        while saving.next * PAGE < saving.slots && saving.is_done(saving.next) {
            saving.next += 1;
        }
        let page = saving.next;
        if page * PAGE >= saving.slots {
            self.saving = None;
            return None;
        }
        saving.done[page / 64] |= 1 << (page % 64);
        Some(Cow::Borrowed(page_of(&self.blocks, saving.page(page))))
    }

    /// Keeps what a slot is about to lose that is still to be saved.
    #[inline]
    fn keep(&mut self, n: u32) {
        if self.saving.is_some() {
            self.copy(n as usize);
        }
    }

    #[cold]
    fn copy(&mut self, n: usize) {
        let (blocks, Some(saving)) = (&self.blocks, self.saving.as_deref_mut()) else { return };
        let page = n / PAGE;
        if n >= saving.slots || saving.is_done(page) {
            return;
        }
        saving.done[page / 64] |= 1 << (page % 64);
        saving.copies.push(page_of(blocks, saving.page(page)).to_vec());
    }

    /// Whether it is still to be saved as it was when saving began: a change has its page copied.
    pub(crate) fn is_to_be_saved(&self, n: u32) -> bool {
        let is_to_be = |saving: &Saving| (n as usize) < saving.slots && !saving.is_done(n as usize / PAGE);
        self.saving.as_deref().is_some_and(is_to_be)
    }

    /// One more than the highest number there was.
    pub(crate) fn count(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    /// How many are in use.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// The numbers of all slots in use, in no order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.index.iter().copied()
    }

    /// The numbers of all slots in use, as they lie in memory.
    pub(crate) fn in_place(&self) -> impl Iterator<Item = u32> {
        let slots = self.blocks.iter().flatten();
        slots.enumerate().filter(|(_, slot)| !slot.chains.is_empty()).map(|(n, _)| n as u32)
    }

    /// Bytes of memory, by capacity, without what the chains hold.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.blocks.len() * BLOCK * size_of::<Slot>()
            + self.blocks.capacity() * size_of::<Vec<Slot>>()
            + self.free.capacity() * 4
            + self.index.allocation_size()
    }
}

fn page_of(blocks: &[Vec<Slot>], slots: Range<usize>) -> &[Slot] {
    let first = slots.start % BLOCK;
    &blocks[slots.start / BLOCK][first..first + slots.len()]
}

fn at(blocks: &[Vec<Slot>], n: u32) -> &Slot {
    &blocks[n as usize / BLOCK][n as usize % BLOCK]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_saved_as_they_were_while_they_change() {
        let mut slots = Slots::default();
        let key = |n: u32| Key::visitor("s", &n.to_string());
        let used = |due: i64| Slot {
            due,
            chains: SmallVec::from_elem(Chain::new(crate::chain::Class::PERSON), 1),
            ..Slot::new(key(due as u32), Name::NONE, 0)
        };
        let numbers: Vec<u32> = (0..3000).map(|n| slots.insert(used(n))).collect();
        slots.remove(numbers[5]);
        slots.begin_save();
        let mut saved = Vec::new();
        for round in 0.. {
            // Changed, removed, used again, and added meanwhile.
            slots.get_mut(numbers[round * 37 % 3000]).due = -1;
            if round % 3 == 0 && slots.find(key(round as u32 * 7)).is_some() {
                slots.remove(numbers[round * 7]);
            }
            slots.insert(used(10_000 + round as i64));
            let Some(page) = slots.save_page() else { break };
            saved.extend(page.iter().filter(|slot| !slot.chains.is_empty()).map(|slot| (slot.key(), slot.due)));
        }
        saved.sort_unstable_by_key(|(_, due)| *due);
        let expected: Vec<(Key, i64)> = (0..3000).filter(|n| *n != 5).map(|n| (key(n as u32), n)).collect();
        assert_eq!(saved, expected);
    }

    #[test]
    fn slots_are_found_freed_and_used_again() {
        let mut slots = Slots::default();
        let key = |n: u32| Key::visitor("s", &n.to_string());
        let numbers: Vec<u32> = (0..3000).map(|n| slots.insert(Slot::new(key(n), Name::NONE, 0))).collect();
        assert!((0..3000).all(|n| slots.find(key(n)) == Some(numbers[n as usize])));
        slots.remove(numbers[7]);
        assert_eq!(slots.find(key(7)), None);
        assert_eq!(slots.insert(Slot::new(key(9999), Name::NONE, 0)), numbers[7]);
        assert_eq!(slots.get(numbers[7]).key(), key(9999));
        assert_eq!(slots.numbers().count(), 3000);
    }
}
