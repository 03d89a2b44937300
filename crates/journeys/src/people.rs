//! People by number, in blocks that never move. A save holds nobody up: whoever changes before their turn is saved first.
//!
//! ```text
//! begin_save ─► page 0 · 1 · 2 · 3 · …    in order, as they were at the begin
//!                      └ changed before its turn: encoded first, put in its place later
//! ```

use crumbtrail_events::Pieces;

use crate::person::Person;
use crate::snapshot::Stored;

/// People of one block.
const BLOCK: usize = 1024;
/// People of one page: what is saved at once.
const PAGE: usize = 16;
const _: () = assert!(BLOCK.is_multiple_of(PAGE));

/// All people.
#[derive(Debug, Default)]
pub(crate) struct People {
    blocks: Vec<Vec<Person>>,
    saving: Option<Box<Saving>>,
}

/// Which pages are still to be saved as they were when saving began.
#[derive(Debug)]
struct Saving {
    /// People there were.
    count: usize,
    /// The next page whose turn it is.
    next: usize,
    /// Pages that changed before their turn, as they were.
    early: Vec<Option<Vec<u8>>>,
    pieces: Pieces,
}

impl People {
    /// How many numbers there are, vacant ones included.
    pub(crate) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    /// The person of this number.
    pub(crate) fn get_mut(&mut self, number: u32) -> &mut Person {
        let number = number as usize;
        if self.saving.is_some() {
            self.keep(number / PAGE);
        }
        &mut self.blocks[number / BLOCK][number % BLOCK]
    }

    /// Adds a person under the next number.
    pub(crate) fn push(&mut self, person: Person) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(person),
            _ => {
                // The first block grows as usual: few people take little memory.
                let mut block = if self.blocks.is_empty() { Vec::new() } else { Vec::with_capacity(BLOCK) };
                block.push(person);
                self.blocks.push(block);
            }
        }
    }

    /// All of them, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.blocks.iter().flatten()
    }

    /// Begins to save the people as they are now, by number.
    pub(crate) fn begin_save(&mut self) {
        let count = self.len();
        let early = (0..count.div_ceil(PAGE)).map(|_| None).collect();
        self.saving = Some(Box::new(Saving { count, next: 0, early, pieces: Pieces::default() }));
    }

    /// Saves about so many bytes more, and tells how many it did: 0 when all are saved.
    pub(crate) fn save_on(&mut self, most: usize) -> usize {
        let People { blocks, saving: Some(saving) } = self else { return 0 };
        let Saving { count, next, early, pieces } = &mut **saving;
        let mut saved = 0;
        while saved < most && *next < early.len() {
            match early[*next].take() {
                Some(page) => {
                    saved += page.len();
                    pieces.open().extend_from_slice(&page);
                }
                None => {
                    let out = pieces.open();
                    let before = out.len();
                    put_page(blocks, *next, *count, out);
                    saved += out.len() - before;
                }
            }
            *next += 1;
        }
        saved
    }

    /// What was saved.
    pub(crate) fn saved(&mut self) -> Pieces {
        self.save_on(usize::MAX);
        self.saving.take().map(|saving| saving.pieces).unwrap_or_default()
    }

    /// Saves a page that is about to change, if it is still to be saved.
    #[cold]
    fn keep(&mut self, page: usize) {
        let People { blocks, saving: Some(saving) } = self else { return };
        let Saving { count, next, early, .. } = &mut **saving;
        if page >= *next
            && let Some(early @ None) = early.get_mut(page)
        {
            let mut out = Vec::new();
            put_page(blocks, page, *count, &mut out);
            *early = Some(out);
        }
    }

    /// Bytes of memory, by capacity.
    pub(crate) fn resident_bytes(&self) -> usize {
        let people: usize = self.iter().map(Person::resident_bytes).sum();
        let spare: usize = self.blocks.iter().map(|block| block.capacity() - block.len()).sum();
        people + spare * size_of::<Person>()
    }
}

/// Appends those of a page whose number is below `count`.
fn put_page(blocks: &[Vec<Person>], page: usize, count: usize, out: &mut Vec<u8>) {
    let people = page * PAGE..count.min((page + 1) * PAGE);
    let first = people.start % BLOCK;
    blocks[people.start / BLOCK][first..first + people.len()].iter().for_each(|person| person.put(out));
}
