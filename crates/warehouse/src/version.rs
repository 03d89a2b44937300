//! Which of two rows with the same key counts.

/// `epoch (8 bits) | log offset (40) | index within the record (16)`: made of the log record that made the row, so a
/// replay of the log makes the same versions and a row written twice is one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowVersion(pub u64);

impl RowVersion {
    /// Offsets are below this: 2^40, at one frame a millisecond 34 years.
    pub const OFFSET_END: u64 = 1 << 40;

    /// The version of the `index`-th row made by the log record at `offset` in `epoch`.
    ///
    /// # Panics
    /// If `offset` does not fit into 40 bits: a wrapped version would bring old rows back.
    #[must_use]
    pub fn new(epoch: u8, offset: u64, index: u16) -> RowVersion {
        assert!(offset < Self::OFFSET_END, "invariant: a log offset fits into 40 bits of a row version");
        RowVersion(u64::from(epoch) << 56 | offset << 16 | u64::from(index))
    }

    /// Routing epoch.
    #[must_use]
    pub fn epoch(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// Log offset of the record that made the row.
    #[must_use]
    pub fn offset(self) -> u64 {
        self.0 >> 16 & (Self::OFFSET_END - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_records_and_epochs_win() {
        let first = RowVersion::new(1, 7, 9);
        assert!(first < RowVersion::new(1, 7, 10));
        assert!(RowVersion::new(1, 7, u16::MAX) < RowVersion::new(1, 8, 0));
        assert!(RowVersion::new(1, RowVersion::OFFSET_END - 1, u16::MAX) < RowVersion::new(2, 0, 0));
        assert_eq!((first.epoch(), first.offset()), (1, 7));
    }
}
