//! What is said of a link: one row per (site, kind of id, id, customer).

use crate::How;
use crumbtrail_events::{EventTime, Key};

/// What kind of id belongs to a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdKind {
    /// A device or browser.
    #[default]
    Visitor,
    /// The keyed hash of an e-mail address, telephone number or social handle.
    Contact,
    /// Another customer id.
    Customer,
}

impl IdKind {
    /// The word in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            IdKind::Visitor => "visitor",
            IdKind::Contact => "contact",
            IdKind::Customer => "customer",
        }
    }
}

/// How a claim stands beside its rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The id is this customer's: its anonymous touchpoints are theirs.
    Linked,
    /// An earlier claim of another customer, or an operator's, holds.
    Rival,
    /// An operator took it back.
    Undone,
    /// Earlier claims, or an operator's, say that the customer is an alias of the id: it would close a circle.
    Circle,
    /// The customer has as many ids as one person may have, by earlier claims or an operator's.
    OverLimit,
    /// The customer's id was claimed for too many ids in a day, on that day or before: it is nobody's.
    Shared,
}

impl Standing {
    /// The word in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Linked => "linked",
            Standing::Rival => "rival",
            Standing::Undone => "undone",
            Standing::Circle => "circle",
            Standing::OverLimit => "over_limit",
            Standing::Shared => "shared",
        }
    }
}

/// One version of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkRow<'a> {
    /// Site.
    pub site: &'a str,
    /// Kind of the id.
    pub id_kind: IdKind,
    /// The visitor id, contact hash or customer id.
    pub id: &'a str,
    /// The customer it is claimed for.
    pub customer: &'a str,
    /// The customer's key: whose journey it is, unless the customer is an alias of another.
    pub person: Key,
    /// How it stands.
    pub standing: Standing,
    /// What said so.
    pub how: How,
    /// Event time of the earliest claim; `None` if it was only ever undone.
    pub claimed_at: Option<EventTime>,
    /// Event time from which anonymous touchpoints of the id (of another customer id: its touchpoints) are the customer's
    /// ([`EventTime::MIN`]: all that are kept); `None` unless it is linked.
    pub reaches_from: Option<EventTime>,
    /// Hash of its event id.
    pub claim_event: u64,
    /// Touchpoints that changed hands with this version of the row; of another customer id, those that the row's partition
    /// has.
    pub moved_count: u32,
}
