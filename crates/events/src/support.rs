//! One support record as decoded: strings borrowed, nothing judged yet.

use crate::kind::Kind;
use crate::vocabulary::{Author, Channel, Scale};

/// A support entry as the source sent it. Absent is empty, zero or `None`; times are ms since the epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SupportEntry<'a> {
    /// Entry id; required, unique within the site.
    pub entry_id: &'a str,
    /// Site; empty means the topic's configured site.
    pub site: &'a str,
    /// When it happened; required.
    pub occurred_at: i64,
    /// When it was received; 0 if unknown.
    pub received_at: i64,
    /// Customer id. At least one of conversation, customer, visitor and contact is required.
    pub customer: &'a str,
    /// Visitor id.
    pub visitor: &'a str,
    /// E-mail address, phone number or handle: hashed with a key by intake, never stored.
    pub contact: &'a str,
    /// Conversation (case, ticket) id.
    pub conversation: &'a str,
    /// Chat, phone, ticket, support_email, review, survey, social, comment or store.
    pub channel: Channel,
    /// Who wrote it.
    pub author: Author,
    /// One of the support kinds.
    pub kind: Kind,
    /// Free text.
    pub text: &'a str,
    /// Language tag, if the source knows.
    pub language: &'a str,
    /// Rating.
    pub rating: Option<f32>,
    /// Scale of the rating.
    pub scale: Scale,
    /// Agent id.
    pub agent: &'a str,
    /// Department or team.
    pub department: &'a str,
    /// Tags, comma separated.
    pub tags: &'a str,
    /// Priority.
    pub priority: &'a str,
    /// Shop id.
    pub store: &'a str,
    /// Client address as given.
    pub ip: &'a str,
    /// Product the entry is about.
    pub product: &'a str,
    /// Remaining properties, raw JSON text, empty if none.
    pub properties: &'a str,
}
