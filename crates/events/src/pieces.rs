//! Bytes in pieces: what grows large is never copied to grow.

/// Bytes at which a piece is closed.
const CLOSED: usize = 256 << 10;
/// Room for what crosses that: nearly all of it is shorter.
const SLACK: usize = 64 << 10;

/// Pieces, to be read back to back.
#[derive(Debug, Default)]
pub struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    /// Pieces that begin with these bytes.
    #[must_use]
    pub fn beginning(bytes: Vec<u8>) -> Pieces {
        Pieces(vec![bytes])
    }

    /// The piece to append to: the last one, or a new one behind one that is closed.
    pub fn open(&mut self) -> &mut Vec<u8> {
        if self.0.last().is_none_or(|piece| piece.len() >= CLOSED) {
            self.0.push(Vec::with_capacity(CLOSED + SLACK));
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Appends a piece that is whole.
    pub fn push(&mut self, piece: Vec<u8>) {
        self.0.push(piece);
    }

    /// Appends the pieces of another.
    pub fn append(&mut self, other: Pieces) {
        self.0.extend(other.0);
    }

    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Vec<u8>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_closed_and_never_moved() {
        let mut pieces = Pieces::beginning(b"begin".to_vec());
        for n in 0..200_000u32 {
            pieces.open().extend_from_slice(&n.to_le_bytes());
        }
        pieces.push(b"end".to_vec());
        let all = pieces.into_vec();
        assert!(all.len() == 5 && all[1..4].iter().all(|piece| piece.capacity() == CLOSED + SLACK));
        let bytes = all.concat();
        let numbers =
            bytes[5..bytes.len() - 3].chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap()));
        assert!(bytes.starts_with(b"begin") && bytes.ends_with(b"end") && numbers.eq(0..200_000));
    }
}
