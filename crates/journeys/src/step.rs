//! The journey step: touchpoints in, rows out at a tick. One per partition of the by-person log.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasherDefault;
use std::io;

use crumbtrail_events::ids::KeyHasher;
use crumbtrail_events::touchpoint::{Head, Role};
use crumbtrail_events::wire::{Reader, WireError, put_varint};
use crumbtrail_events::{EventTime, Key, Outcome, Pieces, Touchpoint};
use crumbtrail_scratch::{Block, Scratch};
use hashbrown::{HashMap, HashSet};

use crate::error::JourneysError;
use crate::found::Found;
use crate::pending::{Inserted, Pending};
use crate::people::People;
use crate::person::{Armed, Person};
use crate::rows::Out;
use crate::rules::JourneyRules;
use crate::shelf::{self, Shelf};
use crate::snapshot::{Stored, VERSION};
use crate::state::State;
use crate::strings::{Strings, Sym};
use crate::tell::Teller;
use crate::told::AsOf;

/// What the step met; each a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Touchpoints folded into journeys.
    pub counted: u64,
    /// Stubs: judged out before (late, duplicate, bot …).
    pub judged_out: u64,
    /// Repeats of an id among the pending: counted once.
    pub repeated: u64,
    /// Older than the horizon allows: folded in all the same, as of the time that was settled. Should stay 0.
    pub behind_horizon: u64,
    /// Touchpoints that came from another person.
    pub given: u64,
    /// Touchpoints that went to another person.
    pub taken: u64,
    /// Touchpoints that should have gone and were not there. Should stay 0.
    pub missed: u64,
}
crate::snapshot::stored!(Met { counted, judged_out, repeated, behind_horizon, given, taken, missed });

/// Bytes of a key that is saved, as [`Journeys::save_on`] counts.
const KEY_BYTES: usize = 128;
/// As many owed are saved in the time of a key.
const OWED_OF_A_KEY: usize = 16;

/// The state of the journey step.
#[derive(Debug)]
pub struct Journeys {
    pub(crate) rules: JourneyRules,
    pub(crate) strings: Strings,
    index: HashMap<Key, u32, BuildHasherDefault<KeyHasher>>,
    pub(crate) people: People,
    /// Numbers of people all of whose touchpoints have changed hands: for the next ones.
    pub(crate) vacant: Vec<u32>,
    /// People about whom something is to be said, with the wall time before which it must wait.
    pub(crate) owed: Vec<(u32, i64)>,
    /// (due, person), lazily re-armed: one that is not the person's own is passed over.
    timers: BinaryHeap<Reverse<(EventTime, u32)>>,
    pub(crate) watermark: EventTime,
    met: Met,
    pub(crate) now: State,
    found: Found,
    pub(crate) teller: Teller,
    /// Emptied lists for the next people who need one.
    #[expect(clippy::vec_box, reason = "the boxes themselves go from person to person")]
    spare: Vec<Box<Pending>>,
    shelf: Shelf,
    /// A rule asks for the names of events.
    pub(crate) with_names: bool,
    saving: Option<Box<Saving>>,
}

/// A save under way: what stands before the strings, between them and the people, and behind these.
#[derive(Debug)]
struct Saving {
    begin: Vec<u8>,
    middle: Vec<u8>,
    /// How many were owed something, and how many of them are saved.
    owed_count: usize,
    owed_saved: usize,
    /// Those, if a tick came before all of them were saved; until then they stand where they stood.
    owed: Option<Vec<(u32, i64)>>,
    end: Pieces,
}

impl Saving {
    /// Keeps those who were owed something, of `owed` that is about to change.
    fn keep(&mut self, owed: &[(u32, i64)]) {
        if self.owed_saved < self.owed_count && self.owed.is_none() {
            self.owed = Some(owed[..self.owed_count].to_vec());
        }
    }
}

impl Journeys {
    /// An empty state.
    #[must_use]
    pub fn new(rules: JourneyRules) -> Journeys {
        Journeys {
            now: State::new(&rules),
            with_names: rules.asks_for_names(),
            rules,
            strings: Strings::new(),
            index: HashMap::default(),
            people: People::default(),
            vacant: Vec::new(),
            owed: Vec::new(),
            timers: BinaryHeap::new(),
            watermark: EventTime::MIN,
            met: Met::default(),
            found: Found::default(),
            teller: Teller::default(),
            spare: Vec::new(),
            shelf: Shelf::new(shelf::BLOCK),
            saving: None,
        }
    }

    /// Has packed touchpoints lie in blocks of about so many bytes; before the first comes.
    #[must_use]
    pub fn in_blocks_of(mut self, bytes: usize) -> Journeys {
        self.shelf = Shelf::new(bytes);
        self
    }

    /// Takes in one encoded touchpoint of the by-person log; its key is the person's. `watermark` is the partition's as
    /// of this record. Nothing is said before the next tick.
    ///
    /// # Errors
    /// The bytes are no touchpoint of a known version, or touchpoints that were moved to disk cannot be read.
    pub fn touchpoint(&mut self, bytes: &[u8], watermark: EventTime) -> Result<(), JourneysError> {
        let touchpoint = Touchpoint::decode(bytes)?;
        let head = touchpoint.head;
        match (head.outcome, touchpoint.role) {
            (Outcome::Counted, _) => {
                let horizon = watermark.max(self.watermark).plus(-self.rules.horizon_ms);
                self.met.behind_horizon += u64::from(head.occurred_at < horizon);
                match self.insert(&touchpoint)? {
                    Inserted::New => self.met.counted += 1,
                    Inserted::Repeat => self.met.repeated += 1,
                }
            }
            (Outcome::Aside, Role::Given) => match self.insert(&touchpoint)? {
                Inserted::New => self.met.given += 1,
                Inserted::Repeat => self.met.repeated += 1,
            },
            (Outcome::Aside, Role::Taken) => {
                let was_here = self.remove(head)?;
                self.met.taken += u64::from(was_here);
                self.met.missed += u64::from(!was_here);
            }
            _ => self.met.judged_out += 1,
        }
        Ok(())
    }

    fn insert(&mut self, touchpoint: &Touchpoint<'_>) -> io::Result<Inserted> {
        let key = touchpoint.head.key;
        let number = match self.index.get(&key) {
            Some(number) => *number,
            None => self.meet(key, touchpoint.site),
        };
        let person = self.people.get_mut(number);
        person.learn_name(touchpoint, &mut self.strings);
        let Head { occurred_at, id, .. } = touchpoint.head;
        if person.packed.as_ref().is_some_and(|packed| packed.concerns(occurred_at, id)) {
            person.unpack(&mut self.shelf, &mut self.spare)?;
        }
        let pending = person.pending.get_or_insert_with(|| self.spare.pop().unwrap_or_default());
        let (inserted, place) = pending.insert(touchpoint, self.with_names, &mut self.strings);
        person.touched(place, occurred_at);
        owe(person, number, &self.rules, &mut self.owed);
        Ok(inserted)
    }

    fn remove(&mut self, head: Head) -> io::Result<bool> {
        let Some(&number) = self.index.get(&head.key) else { return Ok(false) };
        let person = self.people.get_mut(number);
        if person.packed.as_ref().is_some_and(|packed| packed.reaches(head.occurred_at)) {
            person.unpack(&mut self.shelf, &mut self.spare)?;
        }
        let place = person.pending.as_mut().and_then(|pending| pending.remove(head.occurred_at, head.id));
        if let Some(place) = place {
            person.touched(place, head.occurred_at);
            person.settled -= u32::from(place < person.settled as usize);
            person.give_back(&mut self.spare);
            owe(person, number, &self.rules, &mut self.owed);
        }
        Ok(place.is_some())
    }

    /// Says everything that changed, as of `watermark` (never lower than before: a lower one is taken as the highest so
    /// far). `wall_ms` is the tick's wall time, which only spaces corrections of one person; a tick at
    /// [`JourneyRules::throttle_ms`] or more after the last one says everything there is. At most one row per key.
    ///
    /// # Errors
    /// Touchpoints that were moved to disk cannot be read: the state is not to be used any more.
    pub fn tick(&mut self, watermark: EventTime, wall_ms: i64, out: &mut impl Out) -> io::Result<()> {
        self.watermark = self.watermark.max(watermark);
        self.ring();
        if let Some(saving) = &mut self.saving {
            saving.keep(&self.owed);
        }
        let mut kept = 0;
        for i in 0..self.owed.len() {
            let (number, not_before) = self.owed[i];
            if wall_ms < not_before {
                self.owed[kept] = (number, not_before);
                kept += 1;
                continue;
            }
            let person = self.people.get_mut(number);
            let as_of = AsOf { rules: &self.rules, strings: &self.strings, watermark: self.watermark };
            person.refold(as_of, &mut self.shelf, &mut self.now, &mut self.found)?;
            let was_torn = self.found.is_whole;
            self.teller.tell(person, &self.now, &self.found, as_of, out);
            person.is_owed = false;
            if person.is_gone() {
                self.index.remove(&person.key);
                *person = Person::new(Key(0), Sym(0), &self.rules);
                self.vacant.push(number);
                continue;
            }
            person.told_wall = wall_ms;
            if person.forget(as_of, &mut self.shelf, &mut self.found)? {
                self.teller.forget(person, &self.found, as_of);
            }
            person.pack(was_torn, &mut self.shelf)?;
            person.give_back(&mut self.spare);
            person.wait(&self.rules, self.watermark);
            arm(person, number, &mut self.timers);
        }
        self.owed.truncate(kept);
        if self.strings.wants_sweep() {
            let (people, shelf, mut marked) = (&self.people, &self.shelf, Ok(()));
            self.strings.sweep(|keep| {
                people.iter().for_each(|person| person.mark(keep));
                marked = shelf.mark(keep);
            });
            marked?;
        }
        Ok(())
    }

    /// Moves packed touchpoints out of memory, the oldest first, until full blocks of no more than so many bytes are left in it.
    ///
    /// # Errors
    /// They cannot be written: they stay in memory.
    pub fn spill(&mut self, scratch: &mut Scratch, most_resident: usize) -> io::Result<()> {
        self.shelf.spill(scratch, most_resident)
    }

    /// The blocks that [saved](Journeys::save) bytes refer to, numbered in order; a number always names the same one.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, &Block)> {
        self.shelf.blocks()
    }

    /// How often packed touchpoints were read from disk since this state was made or loaded.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.shelf.reads()
    }

    /// Bytes of packed touchpoints that lie on disk.
    #[must_use]
    pub fn bytes_on_disk(&self) -> usize {
        self.shelf.bytes_on_disk()
    }

    /// People known.
    #[must_use]
    pub fn people(&self) -> usize {
        self.index.len()
    }

    /// People about whom something is still to be said.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.owed.len()
    }

    /// What the step met since its log began.
    #[must_use]
    pub fn met(&self) -> Met {
        self.met
    }

    /// Bytes of memory the state takes. Looks at every person: for a metric now and then, not for every record.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        let index = self.index.capacity() * (size_of::<(Key, u32)>() + 1);
        let queues = self.owed.capacity() * size_of::<(u32, i64)>() + self.timers.capacity() * 16;
        self.people.resident_bytes() + index + queues + self.strings.resident_bytes() + self.shelf.resident_bytes()
    }

    /// Appends the whole state but the bytes of its [blocks](Journeys::blocks). Equal states give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        self.put_begin(out);
        self.strings.put(out);
        self.put_middle(out);
        self.people.iter().for_each(|person| person.put(out));
        put_varint(out, self.owed.len() as u64);
        put_owed(&self.owed, out);
    }

    /// Begins to save the state as it is now; what changes from here on is not in it.
    pub fn begin_save(&mut self) {
        let (mut begin, mut middle, mut end) = (Vec::new(), Vec::new(), Vec::new());
        self.put_begin(&mut begin);
        self.put_middle(&mut middle);
        put_varint(&mut end, self.owed.len() as u64);
        self.strings.begin_save();
        self.people.begin_save();
        let (owed_count, end) = (self.owed.len(), Pieces::beginning(end));
        self.saving = Some(Box::new(Saving { begin, middle, owed_count, owed_saved: 0, owed: None, end }));
    }

    /// Saves some more, about `most` people with few touchpoints. When all is saved, gives the state in pieces: back to back the
    /// very bytes that [`Journeys::save`] would have given at the begin.
    pub fn save_on(&mut self, most: usize) -> Option<Vec<Vec<u8>>> {
        let saving = self.saving.as_deref_mut()?;
        let bytes = most.max(1).saturating_mul(KEY_BYTES);
        if self.strings.save_on(bytes) > 0 || self.people.save_on(bytes) > 0 {
            return None;
        }
        let left = &saving.owed.as_ref().unwrap_or(&self.owed)[saving.owed_saved..saving.owed_count];
        let some = &left[..left.len().min(most.max(1).saturating_mul(OWED_OF_A_KEY))];
        put_owed(some, saving.end.open());
        saving.owed_saved += some.len();
        if saving.owed_saved < saving.owed_count {
            return None;
        }
        let Saving { begin, middle, end, .. } = *self.saving.take()?;
        let mut pieces = Pieces::beginning(begin);
        pieces.append(self.strings.saved());
        pieces.push(middle);
        pieces.append(self.people.saved());
        pieces.append(end);
        Some(pieces.into_vec())
    }

    fn put_begin(&self, out: &mut Vec<u8>) {
        VERSION.put(out);
        self.rules.shape().put(out);
        self.watermark.put(out);
        self.met.put(out);
    }

    fn put_middle(&self, out: &mut Vec<u8>) {
        self.shelf.save(out);
        self.vacant.put(out);
        put_varint(out, self.people.len() as u64);
    }

    /// The state saved in `bytes`, with its blocks in order. Thresholds may differ from those it was saved with and hold from now on.
    ///
    /// # Errors
    /// Damaged bytes, other blocks, another format version, or stage models of another shape (stages, rules or counts).
    pub fn load(rules: JourneyRules, bytes: &[u8], blocks: &[Block]) -> Result<Journeys, WireError> {
        let mut reader = Reader::new(bytes);
        if u8::get(&mut reader)? != VERSION {
            return Err(WireError::Malformed("journeys of another format version"));
        }
        if u64::get(&mut reader)? != rules.shape() {
            return Err(WireError::Malformed("journeys of stage models with other stages or rules"));
        }
        let mut journeys = Journeys::new(rules);
        journeys.watermark = Stored::get(&mut reader)?;
        journeys.met = Stored::get(&mut reader)?;
        journeys.strings = Strings::load(&mut reader)?;
        journeys.shelf = Shelf::load(&mut reader, blocks)?;
        journeys.vacant = Stored::get(&mut reader)?;
        let vacant: HashSet<u32> = journeys.vacant.iter().copied().collect();
        let slots = reader.varint()?;
        // A person takes more bytes than these, so a damaged number cannot ask for more memory than the bytes there are.
        journeys.index.reserve((slots as usize).min(reader.rest().len() / 64));
        for number in 0..slots {
            let mut person = Person::get(&mut reader)?;
            let number = u32::try_from(number).map_err(|_| WireError::Malformed("too many people"))?;
            let is_known = !vacant.contains(&number) && journeys.index.insert(person.key, number).is_some();
            let mut segments = person.packed.iter().flat_map(|packed| &packed.segments);
            let is_here = segments.all(|segment| journeys.shelf.claim(segment));
            if !person.is_sound(&journeys.rules) || is_known || !is_here {
                return Err(WireError::Malformed("a person's journey contradicts itself"));
            }
            arm(&mut person, number, &mut journeys.timers);
            journeys.people.push(person);
        }
        for _ in 0..reader.varint()? {
            let owed = (u32::get(&mut reader)?, i64::get(&mut reader)?);
            if u64::from(owed.0) >= slots || vacant.contains(&owed.0) {
                return Err(WireError::Malformed("an unknown person is owed a row"));
            }
            journeys.owed.push(owed);
        }
        if vacant.iter().any(|number| u64::from(*number) >= slots) || vacant.len() != journeys.vacant.len() {
            return Err(WireError::Malformed("a vacant place that does not exist"));
        }
        if !reader.is_empty() || !journeys.shelf.is_sound() {
            return Err(WireError::Malformed("bytes after the end of the journeys"));
        }
        Ok(journeys)
    }

    #[cold]
    fn meet(&mut self, key: Key, site: &str) -> u32 {
        let site = self.strings.intern(site);
        let person = Person::new(key, site, &self.rules);
        let number = match self.vacant.pop() {
            Some(number) => {
                *self.people.get_mut(number) = person;
                number
            }
            None => {
                self.people.push(person);
                self.index.len() as u32
            }
        };
        self.index.insert(key, number);
        number
    }

    /// Marks everyone whose time has come, in the order of their numbers: timers may ring early, and do so in another
    /// order after a restart.
    fn ring(&mut self) {
        let before = self.owed.len();
        while let Some(&Reverse((due, number))) = self.timers.peek() {
            if due > self.watermark {
                break;
            }
            self.timers.pop();
            let person = self.people.get_mut(number);
            if person.armed != Armed(due) {
                continue;
            }
            person.armed = Armed(EventTime::MAX);
            if person.due > self.watermark {
                arm(person, number, &mut self.timers);
            } else {
                owe(person, number, &self.rules, &mut self.owed);
            }
        }
        self.owed[before..].sort_unstable_by_key(|(number, _)| *number);
    }
}

pub(crate) fn owe(person: &mut Person, number: u32, rules: &JourneyRules, owed: &mut Vec<(u32, i64)>) {
    if !person.is_owed {
        person.is_owed = true;
        let not_before =
            if person.told_wall == i64::MIN { i64::MIN } else { person.told_wall.saturating_add(rules.throttle_ms) };
        owed.push((number, not_before));
    }
}

fn put_owed(owed: &[(u32, i64)], out: &mut Vec<u8>) {
    for (number, not_before) in owed {
        number.put(out);
        not_before.put(out);
    }
}

fn arm(person: &mut Person, number: u32, timers: &mut BinaryHeap<Reverse<(EventTime, u32)>>) {
    if person.due < person.armed.0 {
        person.armed = Armed(person.due);
        timers.push(Reverse((person.due, number)));
    }
}
