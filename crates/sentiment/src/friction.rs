//! What a factual complaint is about.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        assert!(FrictionKind::ALL.iter().all(|kind| FrictionKind::from_name(kind.as_str()) == Some(*kind)));
        assert_eq!(FrictionKind::from_name("rain"), None);
    }
}
