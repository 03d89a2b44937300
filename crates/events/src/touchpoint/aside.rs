//! Asides: records that go with another one of the same position, to a partition of their own.

use std::ops::Range;

use crate::ids::Key;

/// What a record with the outcome [`Aside`](crate::Outcome::Aside) says. Codes are stored in logs: append only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// It is no aside.
    #[default]
    Whole = 0,
    /// From intake: a support entry without a customer, told to the partition that knows whose its visitor or contact is.
    /// Its conversation has the entry itself.
    Share = 1,
    /// From intake: the key's visitor or contact is this customer's, as the record of the same position says.
    Claim = 2,
    /// From sessionize: a touchpoint passed on before is not this person's (any more).
    Taken = 3,
    /// From sessionize: a touchpoint passed on before to another person is this one's.
    Given = 4,
    /// From an operator: the key's visitor or contact is this customer's, whoever else claims it.
    Linked = 5,
    /// From an operator: the key's visitor or contact is not this customer's, whatever says so.
    Unlinked = 6,
}

const ALL: [Role; 7] = [Role::Whole, Role::Share, Role::Claim, Role::Taken, Role::Given, Role::Linked, Role::Unlinked];

impl Role {
    /// The role with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Role> {
        ALL.get(usize::from(code)).copied()
    }
}

/// The asides of one record: to the partitions of which keys, and their bytes.
#[derive(Debug, Default)]
pub struct Asides {
    bytes: Vec<u8>,
    list: Vec<(Key, Range<usize>)>,
}

impl Asides {
    /// Adds one.
    pub fn push(&mut self, key: Key, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.list.push((key, start..self.bytes.len()));
    }

    /// Those of the next record follow.
    #[inline]
    pub fn clear(&mut self) {
        if !self.list.is_empty() {
            self.bytes.clear();
            self.list.clear();
        }
    }

    /// In the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &[u8])> {
        self.list.iter().map(|(key, range)| (*key, &self.bytes[range.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        assert!(ALL.iter().all(|role| Role::from_code(*role as u8) == Some(*role)));
        assert_eq!(Role::from_code(ALL.len() as u8), None);
    }
}
