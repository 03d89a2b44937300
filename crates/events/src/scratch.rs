//! Buffers a decoder borrows from, reused from record to record so that decoding never allocates in steady state.

use crate::reject::{Fault, Reason, Reject};

/// What a decoded record may borrow besides its payload: strings that had escapes, joined lists, item lines.
///
/// One per thread. It grows to the largest record seen (payloads are bounded by [`crate::decode::MAX_PAYLOAD`]).
#[derive(Debug, Default)]
pub struct Scratch {
    arena: Vec<u8>,
    items: Vec<u8>,
    /// Which field followed which in the last JSON record, by their places in [`crate::fields::Fields`]; the last one
    /// stands for the object's begin. A guess, never more.
    follow: [u8; 32],
}

impl Scratch {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// The buffers, with `room` bytes of arena and no items, and the order of fields.
    #[inline]
    pub(crate) fn open(&mut self, room: usize) -> (Arena<'_>, &mut Vec<u8>, &mut [u8; 32]) {
        if self.arena.len() < room {
            self.arena.resize(room, 0);
        }
        self.items.clear();
        (Arena { free: &mut self.arena }, &mut self.items, &mut self.follow)
    }
}

/// The unused rest of an arena: strings are cut off its front.
#[derive(Debug)]
pub(crate) struct Arena<'a> {
    free: &'a mut [u8],
}

impl<'a> Arena<'a> {
    /// Builds one string: `fill` appends to it, then it is cut off.
    pub(crate) fn build(&mut self, fill: impl FnOnce(&mut Builder<'_>) -> Result<(), Fault>) -> Result<&'a str, Fault> {
        let mut builder = Builder { free: self.free, used: 0 };
        fill(&mut builder)?;
        let used = builder.used;
        let (text, free) = std::mem::take(&mut self.free).split_at_mut(used);
        self.free = free;
        std::str::from_utf8(text).map_err(|_| Reject::fault(Reason::InvalidUtf8, "a composed string is not UTF-8"))
    }
}

/// A string under construction at the front of an arena.
#[derive(Debug)]
pub(crate) struct Builder<'b> {
    free: &'b mut [u8],
    used: usize,
}

impl Builder<'_> {
    /// Appends bytes.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let end = self.used + bytes.len();
        let room = self
            .free
            .get_mut(self.used..end)
            // Callers open the arena with room for all they can build from a payload.
            .ok_or_else(|| Reject::fault(Reason::Oversize, "strings of the record outgrow the scratch buffer"))?;
        room.copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }

    /// Whether nothing was appended yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_cut_off_one_after_another_and_overflow_is_refused() {
        let mut scratch = Scratch::new();
        let (mut arena, ..) = scratch.open(5);
        let first = arena.build(|b| b.push(b"ab").and_then(|()| b.push(b"c"))).unwrap();
        let second = arena.build(|b| b.push(b"de")).unwrap();
        assert_eq!((first, second), ("abc", "de"));
        assert_eq!(arena.build(|b| b.push(b"f")).unwrap_err().reason, Reason::Oversize);
    }
}
