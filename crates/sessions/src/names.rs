//! Visitor ids: each is one slot's own and never looked for, so it lies in the smallest of some sizes of cell that holds it.
//! A cell is free at once when its slot is; nothing is swept, and nothing moves.

/// Bytes by which sizes of cell differ.
const STEP: usize = 8;
/// Cells of one block: blocks never move, so growing costs no copy and no doubled memory.
const BLOCK: usize = 256;
/// Bits of a name that say which cell of its size it is; those above say the size.
const NUMBER: u32 = 27;
/// The largest size of cell, in steps. Its last byte is the length.
const LARGEST: usize = 31;

/// Where an id lies; [`Name::NONE`] is the empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u32);

impl Name {
    /// Nothing.
    pub(crate) const NONE: Name = Name(u32::MAX);

    fn of(size: usize, n: u32) -> Name {
        assert!(n < (1 << NUMBER) - 1, "a partition has fewer than 134 million visitors");
        Name((size as u32) << NUMBER | n)
    }
}

/// The cells of one size.
#[derive(Debug, Default)]
struct Cells {
    blocks: Vec<Vec<u8>>,
    count: u32,
    free: Vec<u32>,
}

/// All ids.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By size in steps, less one.
    sizes: Vec<Cells>,
    /// Those too long for a cell.
    long: Vec<Box<[u8]>>,
    free_long: Vec<u32>,
    /// While slots are saved as they were: what these had and is free as soon as they are.
    held: Option<Vec<Name>>,
}

impl Names {
    /// Keeps an id.
    pub(crate) fn add(&mut self, id: &[u8]) -> Name {
        if id.is_empty() {
            return Name::NONE;
        }
        let size = (id.len() + 1).div_ceil(STEP);
        if size > LARGEST {
            return self.add_long(id);
        }
        if self.sizes.len() < size {
            self.sizes.resize_with(size, Cells::default);
        }
        let (cells, width) = (&mut self.sizes[size - 1], size * STEP);
        let n = cells.free.pop().unwrap_or_else(|| {
            if cells.count as usize == cells.blocks.len() * BLOCK {
                cells.blocks.push(vec![0; BLOCK * width]);
            }
            cells.count += 1;
            cells.count - 1
        });
        let begin = n as usize % BLOCK * width;
        let cell = &mut cells.blocks[n as usize / BLOCK][begin..begin + width];
        cell[..id.len()].copy_from_slice(id);
        cell[width - 1] = id.len() as u8;
        Name::of(size - 1, n)
    }

    #[cold]
    fn add_long(&mut self, id: &[u8]) -> Name {
        let n = if let Some(n) = self.free_long.pop() {
            self.long[n as usize] = id.into();
            n
        } else {
            self.long.push(id.into());
            self.long.len() as u32 - 1
        };
        Name::of(LARGEST, n)
    }

    /// The bytes of an id.
    #[inline]
    pub(crate) fn bytes(&self, name: Name) -> &[u8] {
        if name == Name::NONE {
            return &[];
        }
        let (size, n) = ((name.0 >> NUMBER) as usize + 1, (name.0 & ((1 << NUMBER) - 1)) as usize);
        if size > LARGEST {
            return &self.long[n];
        }
        let (width, begin) = (size * STEP, n % BLOCK * size * STEP);
        let cell = &self.sizes[size - 1].blocks[n / BLOCK][begin..begin + width];
        &cell[..usize::from(cell[width - 1])]
    }

    /// An id as text; empty for what is no text.
    pub(crate) fn str(&self, name: Name) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap_or_default()
    }

    /// Frees an id whose slot is free.
    pub(crate) fn remove(&mut self, name: Name) {
        if let Some(held) = &mut self.held {
            held.push(name);
        } else if name != Name::NONE {
            self.free(name);
        }
    }

    fn free(&mut self, name: Name) {
        let (size, n) = ((name.0 >> NUMBER) as usize, name.0 & ((1 << NUMBER) - 1));
        if size == LARGEST {
            self.long[n as usize] = Box::default();
            self.free_long.push(n);
        } else {
            self.sizes[size].free.push(n);
        }
    }

    /// From here on no id goes: slots are being saved as they were.
    pub(crate) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Slots are saved: lets go what was held.
    pub(crate) fn let_go(&mut self) {
        for name in self.held.take().into_iter().flatten().filter(|&name| name != Name::NONE) {
            self.free(name);
        }
    }

    /// Bytes of memory, by capacity.
    pub(crate) fn resident_bytes(&self) -> usize {
        let sizes = self.sizes.iter().flat_map(|cells| {
            let blocks = cells.blocks.iter().map(Vec::capacity).sum::<usize>();
            [blocks, cells.blocks.capacity() * size_of::<Vec<u8>>(), cells.free.capacity() * 4]
        });
        let long = self.long.iter().map(|id| id.len()).sum::<usize>() + self.long.capacity() * size_of::<Box<[u8]>>();
        sizes.sum::<usize>() + long + self.held.as_ref().map_or(0, |held| held.capacity() * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_length_come_back_and_their_cells_are_used_again() {
        let mut names = Names::default();
        let ids: Vec<String> = (0..600).map(|n| "x".repeat(n)).collect();
        let kept: Vec<Name> = ids.iter().map(|id| names.add(id.as_bytes())).collect();
        assert!(ids.iter().zip(&kept).all(|(id, &name)| names.str(name) == id));
        let before = names.resident_bytes();
        for (n, &name) in kept.iter().enumerate() {
            names.remove(name);
            assert_eq!(names.add(&vec![b'y'; n]), name);
        }
        assert_eq!(names.bytes(kept[300]), [b'y'; 300]);
        assert!(names.resident_bytes() < before + 1024);
    }

    #[test]
    fn what_is_held_stays_until_it_is_let_go() {
        let mut names = Names::default();
        let first = names.add(b"first");
        names.hold();
        names.remove(first);
        let second = names.add(b"second");
        assert_eq!((names.str(first), names.str(second)), ("first", "second"));
        names.let_go();
        assert_eq!(names.add(b"third"), first);
    }

    #[test]
    fn blocks_follow_on_blocks() {
        let mut names = Names::default();
        let kept: Vec<Name> = (0..1_000u32).map(|n| names.add(n.to_string().as_bytes())).collect();
        assert!((0..1_000).all(|n| names.str(kept[n]) == n.to_string()));
    }
}
