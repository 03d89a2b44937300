//! What sessionize says of a session and of a conversation: one struct per table row, borrowed from the state.

use crumbtrail_events::vocabulary::{Channel, Device, Scale};
use crumbtrail_events::{EventTime, Key, Micros};

/// Why a session ended where it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// Still open: more events may extend it.
    #[default]
    Open = 0,
    /// The inactivity gap passed.
    Gap = 1,
    /// It reached the longest duration and was rolled over.
    Longest = 2,
    /// It reached the largest number of events and was rolled over.
    Most = 3,
}

impl Cut {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cut::Open => "open",
            Cut::Gap => "gap",
            Cut::Longest => "longest",
            Cut::Most => "most",
        }
    }
}

/// One version of one session. Key: (site, session_id).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SessionRow<'a> {
    /// Retraction: the session was absorbed by another, or its first event changed.
    pub deleted: bool,
    /// No event can change it any more.
    pub is_final: bool,
    /// Site.
    pub site: &'a str,
    /// Hash of (site, visitor, first event id in total order); shown as 16 hexadecimal digits.
    pub session_id: u64,
    /// Visitor id.
    pub visitor: &'a str,
    /// Customer id: the first in total order that an event of the session carried; empty if none.
    pub customer: &'a str,
    /// Key of the person (customer if known, else visitor).
    pub person: Key,
    /// First event.
    pub started_at: EventTime,
    /// Last event.
    pub ended_at: EventTime,
    /// Engaged: 10 s long, or 2 views, or a conversion. Bounce is the opposite.
    pub is_engaged: bool,
    /// Why it ended.
    pub cut: Cut,
    /// It began where a longer one was rolled over.
    pub is_continuation: bool,
    /// Counted events (heartbeats extend but do not count).
    pub event_count: u32,
    /// Page and screen views.
    pub view_count: u32,
    /// Searches.
    pub search_count: u32,
    /// Product views.
    pub product_view_count: u32,
    /// Products put into the cart.
    pub cart_add_count: u32,
    /// Products taken out of the cart.
    pub cart_remove_count: u32,
    /// Checkout starts and steps.
    pub checkout_count: u32,
    /// Purchases.
    pub purchase_count: u32,
    /// Revenue of its purchases.
    pub revenue: Micros,
    /// Currency of the first purchase.
    pub currency: &'a str,
    /// Page of the first view (templated path).
    pub entry_page: &'a str,
    /// Page of the last view.
    pub exit_page: &'a str,
    /// Channel of the first touch.
    pub channel: Channel,
    /// Campaign source of the first touch.
    pub source: &'a str,
    /// Campaign medium of the first touch.
    pub medium: &'a str,
    /// Campaign name of the first touch.
    pub campaign: &'a str,
    /// Click id of the first touch.
    pub click_id: &'a str,
    /// Referrer host of the first touch.
    pub referrer: &'a str,
    /// Country of the first event that has one.
    pub country: &'a str,
    /// Region.
    pub region: &'a str,
    /// City.
    pub city: &'a str,
    /// Latitude, degrees.
    pub latitude: Option<f32>,
    /// Longitude, degrees.
    pub longitude: Option<f32>,
    /// Time zone.
    pub time_zone: &'a str,
    /// Device class.
    pub device: Device,
    /// Browser.
    pub browser: &'a str,
    /// Operating system.
    pub os: &'a str,
    /// Language tag.
    pub language: &'a str,
    /// Bot indicator; empty when it is no robot.
    pub bot: &'a str,
    /// Mean score of the texts left during it, in [−1, 1]; `None` without text.
    pub score: Option<f32>,
    /// Texts left during it.
    pub text_count: u32,
}

/// One version of one conversation. Key: (site, conversation_id).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConversationRow<'a> {
    /// Retraction.
    pub deleted: bool,
    /// No entry can change it any more.
    pub is_final: bool,
    /// Site.
    pub site: &'a str,
    /// The source's conversation id, or one made of person, channel and first entry.
    pub conversation_id: &'a str,
    /// Customer id, empty if unknown.
    pub customer: &'a str,
    /// Visitor id, empty if unknown.
    pub visitor: &'a str,
    /// Contact hash, empty if none.
    pub contact: &'a str,
    /// Key of the person.
    pub person: Key,
    /// Channel it began on.
    pub channel: Channel,
    /// First entry.
    pub opened_at: EventTime,
    /// Last entry.
    pub last_at: EventTime,
    /// First public message of a human agent after the first of the customer.
    pub first_reply_at: Option<EventTime>,
    /// First resolution.
    pub first_resolved_at: Option<EventTime>,
    /// Last resolution that was not reopened.
    pub resolved_at: Option<EventTime>,
    /// Times it was reopened.
    pub reopen_count: u32,
    /// Messages of the customer.
    pub customer_message_count: u32,
    /// Messages of human agents.
    pub agent_message_count: u32,
    /// Messages of automata.
    pub bot_message_count: u32,
    /// Distinct agents.
    pub agent_count: u32,
    /// First rating.
    pub rating_first: Option<f32>,
    /// Latest rating.
    pub rating_latest: Option<f32>,
    /// Scale of the latest rating.
    pub scale: Scale,
    /// Score of the customer's first text.
    pub score_start: Option<f32>,
    /// Score of the customer's last text.
    pub score_end: Option<f32>,
    /// Lowest score of the customer's texts.
    pub score_worst: Option<f32>,
    /// Language of the customer's first text.
    pub language: &'a str,
    /// Union of the topics of the customer's texts.
    pub topics: u32,
    /// Customer texts that state friction.
    pub friction_count: u32,
    /// Priority, latest told.
    pub priority: &'a str,
    /// Department, latest told.
    pub department: &'a str,
    /// Shop, first told.
    pub store: &'a str,
    /// Country of the first entry that has one.
    pub country: &'a str,
    /// City of the first entry that has one.
    pub city: &'a str,
    /// `open`, `resolved` or `closed`.
    pub status: &'static str,
}
