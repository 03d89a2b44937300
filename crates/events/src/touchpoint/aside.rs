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
    /// From intake, to every partition: the key's customer, whose id stands in the visitor's place, is another id of this
    /// customer.
    Alias = 7,
    /// From an operator, to every partition: as [`Role::Alias`], whatever says otherwise.
    AliasLinked = 8,
    /// From an operator, to every partition: the key's customer is not this one, whatever says so.
    AliasUnlinked = 9,
    /// From an operator, to every partition: from here on it is computed by other rules, those that its `properties` are.
    Rules = 10,
}

const ALL: [Role; 11] = [
    Role::Whole,
    Role::Share,
    Role::Claim,
    Role::Taken,
    Role::Given,
    Role::Linked,
    Role::Unlinked,
    Role::Alias,
    Role::AliasLinked,
    Role::AliasUnlinked,
    Role::Rules,
];

impl Role {
    /// The role with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Role> {
        ALL.get(usize::from(code)).copied()
    }
}

/// Where an aside goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To the partition of a key.
    Key(Key),
    /// To every partition.
    All,
}

impl To {
    /// The partitions of a log of `partitions` it goes to.
    pub fn partitions(self, partitions: u32) -> Range<u32> {
        match self {
            To::Key(key) => {
                let partition = key.partition(partitions);
                partition..partition + 1
            }
            To::All => 0..partitions,
        }
    }
}

/// The asides of one record: to which partitions, and their bytes.
#[derive(Debug, Default)]
pub struct Asides {
    bytes: Vec<u8>,
    list: Vec<(To, Range<usize>)>,
}

impl Asides {
    /// Adds one for the partition of a key.
    pub fn push(&mut self, key: Key, encode: impl FnOnce(&mut Vec<u8>)) {
        self.add(To::Key(key), encode);
    }

    /// Adds one for every partition: what is rare, and any of them may have to know.
    pub fn push_to_all(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.add(To::All, encode);
    }

    fn add(&mut self, to: To, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.list.push((to, start..self.bytes.len()));
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
    pub fn iter(&self) -> impl Iterator<Item = (To, &[u8])> {
        self.list.iter().map(|(to, range)| (*to, &self.bytes[range.clone()]))
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

    #[test]
    fn an_aside_goes_to_one_partition_or_to_all() {
        let key = Key::visitor("s", "v");
        assert_eq!(To::Key(key).partitions(7).collect::<Vec<_>>(), [key.partition(7)]);
        assert_eq!(To::All.partitions(3).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
