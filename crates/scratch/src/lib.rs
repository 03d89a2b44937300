//! Immutable blocks of bytes that need not stay in memory.
//!
//! State that is large, old and rarely read is packed into [`Block`]s. A block begins in memory; a [`Scratch`] moves it to a
//! file that has no name: nothing is left of it when the process ends, however it ends. A block never changes, so a snapshot
//! need not copy it, and one that is in a store already need not be sent again: it is known by its [hash](Block::hash).
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

/// Immutable bytes, in memory or in a scratch file. A clone shares them.
#[derive(Clone, Debug)]
pub struct Block {
    hash: u128,
    length: usize,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Bytes),
    File { file: Arc<File>, at: u64 },
}

impl PartialEq for Block {
    /// Whether they have the same bytes, by their hash.
    fn eq(&self, other: &Block) -> bool {
        (self.hash, self.length) == (other.hash, other.length)
    }
}

impl Eq for Block {}

impl Block {
    /// A block in memory.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Block {
        let bytes = bytes.into();
        Block { hash: xxh3_128(&bytes), length: bytes.len(), place: Place::Memory(bytes) }
    }

    /// XXH3, 128 bits, of its bytes.
    #[must_use]
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// Its bytes' number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes of memory it holds.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        match &self.place {
            Place::Memory(bytes) => bytes.len(),
            Place::File { .. } => 0,
        }
    }

    /// Hands over the bytes in `range`; `buffer` is room for them where they are not in memory.
    ///
    /// # Errors
    /// The scratch file cannot be read, or the range is outside the block ([`io::ErrorKind::UnexpectedEof`]).
    pub fn read<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        if range.end > self.length || range.start > range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &self.place {
            Place::Memory(bytes) => Ok(&bytes[range]),
            Place::File { file, at } => {
                buffer.resize(range.len(), 0);
                file.read_exact_at(buffer, at + range.start as u64)?;
                Ok(buffer)
            }
        }
    }

    /// All its bytes.
    ///
    /// # Errors
    /// As [`Block::read`].
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        match &self.place {
            Place::Memory(bytes) => Ok(bytes.to_vec()),
            Place::File { .. } => {
                let mut bytes = Vec::new();
                self.read(0..self.length, &mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// A file takes no more blocks once it has so many bytes: its room is free again when all of them have gone.
const FILE_BYTES: u64 = 16 << 20;

/// Where one owner's blocks are moved to: files without a name in a folder.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    open: Option<(Arc<File>, u64)>,
}

impl Scratch {
    /// Scratch files in `folder`, which is made when it is needed.
    #[must_use]
    pub fn new(folder: PathBuf) -> Scratch {
        Scratch { folder, open: None }
    }

    /// Moves a block out of memory. On an error it stays there. Returns the room its bytes had, empty, to be used again, unless
    /// a clone still has it.
    ///
    /// # Errors
    /// The folder cannot be made or written, or the disk is full.
    pub fn spill(&mut self, block: &mut Block) -> io::Result<Option<Vec<u8>>> {
        let Place::Memory(bytes) = &block.place else { return Ok(None) };
        let (file, at) = match self.open.take().filter(|(_, end)| *end < FILE_BYTES) {
            Some(open) => open,
            None => {
                std::fs::create_dir_all(&self.folder)?;
                (Arc::new(tempfile::tempfile_in(&self.folder)?), 0)
            }
        };
        let written = file.write_all_at(bytes, at);
        // What half a write left is written over by the next.
        let end = at + if written.is_ok() { bytes.len() as u64 } else { 0 };
        self.open = Some((file.clone(), end));
        written?;
        let Place::Memory(bytes) = std::mem::replace(&mut block.place, Place::File { file, at }) else {
            return Ok(None);
        };
        Ok(bytes.is_unique().then(|| {
            let mut room = Vec::from(bytes);
            room.clear();
            room
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_block_reads_the_same_in_memory_and_spilled() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path().join("made/when/needed"));
        let mut blocks: Vec<Block> = (0..40).map(|n| Block::new(bytes(n * 1000))).collect();
        let before = blocks.clone();
        for block in &mut blocks {
            scratch.spill(block).unwrap();
            scratch.spill(block).unwrap();
        }
        for (n, (block, before)) in blocks.iter().zip(&before).enumerate() {
            assert_eq!((block.len(), block.hash()), (n * 1000, before.hash()));
            assert_eq!(block.resident_bytes(), 0);
            assert_eq!((block.to_vec().unwrap(), before.to_vec().unwrap()), (bytes(n * 1000), bytes(n * 1000)));
        }
        let mut buffer = Vec::new();
        assert_eq!(blocks[3].read(100..105, &mut buffer).unwrap(), &bytes(3000)[100..105]);
        assert!(blocks[3].read(2_999..3_001, &mut buffer).is_err() && before[3].read(5..3_001, &mut buffer).is_err());
        assert_eq!(std::fs::read_dir(folder.path().join("made/when/needed")).unwrap().count(), 0, "no names");
    }

    #[test]
    fn the_room_of_a_block_is_given_back_unless_somebody_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path().to_owned());
        let mut vec = Vec::with_capacity(1_000);
        vec.extend_from_slice(&bytes(500));
        let start = vec.as_ptr();
        let mut block = Block::new(vec);
        let mut shared = block.clone();
        assert_eq!(scratch.spill(&mut shared).unwrap(), None);
        let room = scratch.spill(&mut block).unwrap().unwrap();
        assert_eq!((room.as_ptr(), room.len(), room.capacity()), (start, 0, 1_000));
        assert_eq!(scratch.spill(&mut block).unwrap(), None);
        assert_eq!(block.to_vec().unwrap(), bytes(500));
    }

    #[test]
    fn full_files_are_left_and_a_folder_that_cannot_be_made_leaves_the_block_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path().to_owned());
        let mut first = Block::new(bytes(FILE_BYTES as usize));
        let mut second = Block::new(bytes(10));
        scratch.spill(&mut first).unwrap();
        scratch.spill(&mut second).unwrap();
        let file = |block: &Block| match &block.place {
            Place::File { file, at } => (Arc::strong_count(file), *at),
            Place::Memory(_) => panic!("in memory"),
        };
        assert_eq!((file(&first), file(&second)), ((1, 0), (2, 0)), "the full file is the first block's alone");
        std::fs::write(folder.path().join("file"), b"").unwrap();
        let mut nowhere = Scratch::new(folder.path().join("file/in/a/file"));
        let mut block = Block::new(bytes(10));
        assert!(nowhere.spill(&mut block).is_err());
        assert_eq!(block.to_vec().unwrap(), bytes(10));
    }
}
