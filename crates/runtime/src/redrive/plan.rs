//! Which dead letters are sent again by whom: plans, in the dead-letter log itself, so that the log decides.
//!
//! A letter belongs to the first plan that names it, for ever. A plan follows its letters in the log, so what forgets the
//! plan has forgotten the letters before.

use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_log::{Offset, OriginId, Position};

/// Format version.
const VERSION: u8 = 2;
/// That of plans which do not tell how their letters are read.
const WITHOUT_READING: u8 = 1;
const PLAN: u8 = 1;
const DONE: u8 = 2;

/// Letters in one plan at most: a plan is one record.
pub const MOST_LETTERS: usize = 100_000;

/// The origin of what this module writes into the dead-letter log.
pub const PLANS_ORIGIN: &str = "redrive";

/// The origin under which a plan's records are sent: one a plan, so that its positions grow whatever was sent before.
#[must_use]
pub fn origin_name(letters_log: &str, plan: Offset) -> String {
    format!("redriven:{letters_log}/{}", plan.0)
}

/// What a record of [`PLANS_ORIGIN`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// These letters are to be sent again, in this order.
    Plan {
        /// How whoever chose them reads them ([`Mender::reading`](super::Mender::reading)); empty in plans of version 1.
        reading: String,
        /// The letters, in the log's order.
        letters: Vec<Position>,
    },
    /// All letters of the plan at this offset were sent.
    Done(Offset),
}

impl Word {
    /// The word as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        match self {
            Word::Plan { reading, letters } => {
                out.push(PLAN);
                put_bytes(&mut out, reading.as_bytes());
                put_varint(&mut out, letters.len() as u64);
                let mut before = 0;
                for letter in letters {
                    put_varint(&mut out, letter.offset - before);
                    put_varint(&mut out, u64::from(letter.seq));
                    before = letter.offset;
                }
            }
            Word::Done(plan) => {
                out.push(DONE);
                put_varint(&mut out, plan.0);
            }
        }
        out
    }

    /// Reads what [`Word::encode`] made.
    ///
    /// # Errors
    /// Bytes cut short or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Word, WireError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION && version != WITHOUT_READING {
            return Err(WireError::Malformed("redrive plan of another format version"));
        }
        let word = match reader.u8()? {
            PLAN => {
                let reading = if version == WITHOUT_READING { "" } else { reader.str()? }.to_owned();
                let count = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
                let mut letters = Vec::with_capacity(count.min(reader.rest().len() / 2));
                let mut position = Position::default();
                for _ in 0..count {
                    let step = reader.varint()?;
                    let next = Position { offset: position.offset.saturating_add(step), seq: reader.varint_u32()? };
                    if next <= position {
                        return Err(WireError::Malformed("redrive plan out of order"));
                    }
                    letters.push(next);
                    position = next;
                }
                Word::Plan { reading, letters }
            }
            DONE => Word::Done(Offset(reader.varint()?)),
            _ => return Err(WireError::Malformed("redrive plan of a newer version")),
        };
        if reader.is_empty() { Ok(word) } else { Err(WireError::Malformed("bytes behind a redrive plan")) }
    }
}

/// A plan as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where it stands.
    pub at: Offset,
    /// The letters that are its own, in order: those that no plan before it names.
    pub letters: Vec<Position>,
    /// How they are read.
    pub reading: String,
    /// Whether all of them were sent.
    pub is_done: bool,
}

impl Plan {
    /// Its origin.
    #[must_use]
    pub fn origin(&self, letters_log: &str) -> OriginId {
        OriginId::of(&origin_name(letters_log, self.at))
    }
}

/// All plans of a log, as its words are read in order.
#[derive(Debug, Default)]
pub struct Plans {
    plans: Vec<Plan>,
    taken: hashbrown::HashSet<Position>,
}

impl Plans {
    /// Takes the next word of the log.
    pub fn take(&mut self, at: Offset, word: Word) {
        match word {
            Word::Plan { reading, mut letters } => {
                letters.retain(|letter| self.taken.insert(*letter));
                self.plans.push(Plan { at, is_done: letters.is_empty(), letters, reading });
            }
            Word::Done(done) => {
                self.plans.iter_mut().filter(|plan| plan.at == done).for_each(|plan| plan.is_done = true);
            }
        }
    }

    /// Whether a plan has this letter.
    #[must_use]
    pub fn has(&self, letter: Position) -> bool {
        self.taken.contains(&letter)
    }

    /// All of them, in the log's order.
    #[must_use]
    pub fn all(&self) -> &[Plan] {
        &self.plans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64, seq: u32) -> Position {
        Position { offset, seq }
    }

    fn plan(letters: &[Position]) -> Word {
        Word::Plan { reading: "native".to_owned(), letters: letters.to_vec() }
    }

    #[test]
    fn words_round_trip_and_no_prefix_is_one() {
        for word in [plan(&[at(1, 1), at(1, 7), at(300, 1), at(1 << 40, 9)]), Word::Done(Offset(70_000))] {
            let bytes = word.encode();
            assert_eq!(Word::decode(&bytes), Ok(word));
            for end in 0..bytes.len() {
                assert!(Word::decode(&bytes[..end]).is_err());
            }
        }
        assert!(Word::decode(&plan(&[at(2, 1), at(2, 1)]).encode()).is_err());
        assert!(Word::decode(&[9, DONE, 1]).is_err(), "a later version");
        let first = Word::Plan { reading: String::new(), letters: vec![at(3, 1)] };
        assert_eq!(Word::decode(&[WITHOUT_READING, PLAN, 1, 3, 1]), Ok(first));
    }

    #[test]
    fn a_letter_belongs_to_the_first_plan_that_names_it() {
        let mut plans = Plans::default();
        plans.take(Offset(5), plan(&[at(1, 1), at(2, 1)]));
        // Somebody else's, who had not seen the first when he wrote it.
        plans.take(Offset(6), plan(&[at(2, 1), at(3, 1)]));
        plans.take(Offset(7), plan(&[at(1, 1)]));
        plans.take(Offset(8), Word::Done(Offset(5)));
        let own: Vec<_> = plans.all().iter().map(|plan| (plan.at.0, plan.letters.clone(), plan.is_done)).collect();
        assert_eq!(
            own,
            [(5, vec![at(1, 1), at(2, 1)], true), (6, vec![at(3, 1)], false), (7, Vec::new(), true)],
            "and one without letters of its own has nothing to do"
        );
        assert!(plans.has(at(3, 1)) && !plans.has(at(4, 1)));
    }
}
