//! What a factual complaint is about, and the kinds of a text as a set of bits.

/// The kinds of friction. Stored names: add at the end, never reorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FrictionKind {
    /// Something ordered did not come.
    NotReceived = 1,
    /// It came, or is being answered, too late.
    Late,
    /// A part or the whole is missing or lost.
    Missing,
    /// Something else came, or not as described.
    WrongItem,
    /// It came broken, or broke.
    Damaged,
    /// A product, an app or a page does not work.
    NotWorking,
    /// The customer cannot get in.
    NoAccess,
    /// Money was taken wrongly, or a payment failed.
    Charged,
    /// Money was not given back.
    NoRefund,
    /// Nobody answers or helps.
    NoAnswer,
    /// The seller cancelled or refused.
    Cancelled,
    /// Fraud, or a counterfeit.
    Fraud,
    /// It is not to be had.
    OutOfStock,
    /// A complaint that does not say of what.
    Other,
}

impl FrictionKind {
    /// All kinds.
    pub const ALL: [FrictionKind; 14] = [
        FrictionKind::NotReceived,
        FrictionKind::Late,
        FrictionKind::Missing,
        FrictionKind::WrongItem,
        FrictionKind::Damaged,
        FrictionKind::NotWorking,
        FrictionKind::NoAccess,
        FrictionKind::Charged,
        FrictionKind::NoRefund,
        FrictionKind::NoAnswer,
        FrictionKind::Cancelled,
        FrictionKind::Fraud,
        FrictionKind::OutOfStock,
        FrictionKind::Other,
    ];

    /// Stable lower-case name, as rule files write it and tables may store it.
    pub const fn as_str(self) -> &'static str {
        match self {
            FrictionKind::NotReceived => "not_received",
            FrictionKind::Late => "late",
            FrictionKind::Missing => "missing",
            FrictionKind::WrongItem => "wrong_item",
            FrictionKind::Damaged => "damaged",
            FrictionKind::NotWorking => "not_working",
            FrictionKind::NoAccess => "no_access",
            FrictionKind::Charged => "charged",
            FrictionKind::NoRefund => "no_refund",
            FrictionKind::NoAnswer => "no_answer",
            FrictionKind::Cancelled => "cancelled",
            FrictionKind::Fraud => "fraud",
            FrictionKind::OutOfStock => "out_of_stock",
            FrictionKind::Other => "other",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<FrictionKind> {
        FrictionKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The names of the kinds, in the order of their bits in a [`FrictionSet`].
pub const NAMES: [&str; FrictionKind::ALL.len()] = {
    let mut names = [""; FrictionKind::ALL.len()];
    let mut bit = 0;
    while bit < names.len() {
        names[bit] = FrictionKind::ALL[bit].as_str();
        bit += 1;
    }
    names
};

/// A set of kinds; bit n is `NAMES[n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FrictionSet(pub u32);

impl FrictionSet {
    /// Adds a kind. One that does not say of what stands only where no other does.
    pub(crate) fn add(&mut self, kind: FrictionKind) {
        const OTHER: u32 = FrictionSet::bit(FrictionKind::Other);
        self.0 |= Self::bit(kind);
        if self.0 != OTHER {
            self.0 &= !OTHER;
        }
    }

    /// The stable names of the kinds in the set, in bit order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// True if the set holds the kind.
    pub fn contains(self, kind: FrictionKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    const fn bit(kind: FrictionKind) -> u32 {
        1 << (kind as u32 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        assert!(FrictionKind::ALL.iter().all(|kind| FrictionKind::from_name(kind.as_str()) == Some(*kind)));
        assert_eq!(FrictionKind::from_name("rain"), None);
    }

    #[test]
    fn every_kind_has_the_bit_of_its_name() {
        for (bit, kind) in FrictionKind::ALL.into_iter().enumerate() {
            let mut set = FrictionSet::default();
            set.add(kind);
            assert_eq!((set.0, set.iter().collect::<Vec<_>>()), (1 << bit, vec![kind.as_str()]));
        }
    }

    #[test]
    fn what_does_not_say_of_what_gives_way() {
        let mut set = FrictionSet::default();
        for kind in [FrictionKind::Other, FrictionKind::Late, FrictionKind::Damaged, FrictionKind::Other] {
            set.add(kind);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), ["late", "damaged"]);
        assert!(set.contains(FrictionKind::Late) && !set.contains(FrictionKind::Other));
    }
}
