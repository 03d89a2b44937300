//! What sessionize says of a session and of a conversation: one struct per table row, borrowed from the state.

pub use crate::pages::PageGroups;
pub use crate::stays::{StoreStay, StoreStays};
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
    /// Another customer came on the same device.
    Customer = 4,
    /// The client's own session id changed.
    ClientSession = 5,
    /// Midnight in the site's zone passed; it goes on as another session.
    Midnight = 6,
    /// The visitor came back by another campaign.
    Campaign = 7,
}

impl Cut {
    /// Every value, by code. Codes are stored in snapshots: append only.
    pub const ALL: [Cut; 8] =
        [Cut::Open, Cut::Gap, Cut::Longest, Cut::Most, Cut::Customer, Cut::ClientSession, Cut::Midnight, Cut::Campaign];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cut::Open => "open",
            Cut::Gap => "gap",
            Cut::Longest => "longest",
            Cut::Most => "most",
            Cut::Customer => "customer",
            Cut::ClientSession => "client_session",
            Cut::Midnight => "midnight",
            Cut::Campaign => "campaign",
        }
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Cut> {
        Cut::ALL.get(usize::from(code)).copied()
    }

    /// Whether the visit itself went on: the next session is a continuation.
    #[must_use]
    pub const fn is_rolled_over(self) -> bool {
        matches!(self, Cut::Longest | Cut::Most | Cut::Midnight)
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
    /// Engaged: 10 s long, or 2 views, or a conversion, or media watched. Bounce is the opposite.
    pub is_engaged: bool,
    /// Engaged time by heartbeats, ms: unique ping slots of each view (see `engaged.rs`); 0 without heartbeats.
    pub engaged_ms: i64,
    /// Why it ended.
    pub cut: Cut,
    /// It began where a longer one was rolled over.
    pub is_continuation: bool,
    /// Counted events (heartbeats extend but do not count).
    pub event_count: u32,
    /// Heartbeats.
    pub ping_count: u32,
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
    /// Units of products put into the cart.
    pub cart_add_quantity: u32,
    /// Units of products taken out of the cart.
    pub cart_remove_quantity: u32,
    /// Units of products bought.
    pub purchase_quantity: u32,
    /// Worth of what lies in the cart at its end, as far as this session put it there: added less removed since the last
    /// purchase, never below 0.
    pub cart_value: Micros,
    /// Revenue of its purchases.
    pub revenue: Micros,
    /// Currency of the first purchase, else of the first change of the cart.
    pub currency: &'a str,
    /// Page of the first view (templated path).
    pub entry_page: &'a str,
    /// Page of the last view.
    pub exit_page: &'a str,
    /// Views by group of pages, in the order of their first view.
    pub page_groups: PageGroups<'a>,
    /// The client's own session id, where it decides; else empty.
    pub client_session: &'a str,
    /// Channel of the touch: the first one that is not direct, else the first. Messages sent to the visitor are none.
    pub channel: Channel,
    /// Campaign source of that touch.
    pub source: &'a str,
    /// Campaign medium of that touch.
    pub medium: &'a str,
    /// Campaign name of that touch.
    pub campaign: &'a str,
    /// Click id of that touch.
    pub click_id: &'a str,
    /// Referrer host of that touch.
    pub referrer: &'a str,
    /// Country of the first event that has one.
    pub country: &'a str,
    /// Region.
    pub region: &'a str,
    /// City.
    pub city: &'a str,
    /// Latitude, degrees, rounded to hundredths (about 1 km).
    pub latitude: Option<f32>,
    /// Longitude, degrees, rounded to hundredths.
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
    /// Bot indicator: what intake found, else the first sign of its own events; empty when it is no robot.
    pub bot: &'a str,
    /// What its events do that no person does at this site, comma separated: `rate`, `no_assets`.
    pub bot_behaviour: &'static str,
    /// Page and screen views in its busiest minute (six slots in a row of ten seconds).
    pub busiest_minute_view_count: u32,
    /// Its stays in shops, in the order they began.
    pub stays: StoreStays<'a>,
    /// Mean score of the texts left during it, in [−1, 1]; `None` without text.
    pub score: Option<f32>,
    /// Lowest of them.
    pub score_worst: Option<f32>,
    /// Texts left during it.
    pub text_count: u32,
}

/// One version of one conversation. Key: (site, conversation_id, opened_at): an id that comes back after a long silence begins another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConversationRow<'a> {
    /// Retraction: it was absorbed by another, or an earlier entry came.
    pub deleted: bool,
    /// No entry can change it any more, but for one of its id that opens it again.
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
    /// The customer's first word: a message, opening or reopening of theirs, or a rating that begins a contact. The clocks of the
    /// first reply and of what is due run from here.
    pub first_word_at: Option<EventTime>,
    /// First public message of a human agent after it.
    pub first_reply_at: Option<EventTime>,
    /// First resolution.
    pub first_resolved_at: Option<EventTime>,
    /// Last resolution that was not reopened.
    pub resolved_at: Option<EventTime>,
    /// Business time from the customer's first word to the first reply, ms.
    pub first_reply_business_ms: Option<i64>,
    /// Business time from the opening to the first resolution, ms.
    pub first_resolution_business_ms: Option<i64>,
    /// Business time from the opening to the resolution that holds, ms.
    pub resolution_business_ms: Option<i64>,
    /// Whose turn it is: `agent`, `customer`, or empty when nobody waits.
    pub awaiting: &'static str,
    /// The first word that has not been answered; as long as there is one, somebody waits.
    pub waiting_since: Option<EventTime>,
    /// What the customer waited for answers that came, ms.
    pub requester_wait_ms: i64,
    /// The same in business time, ms.
    pub requester_wait_business_ms: i64,
    /// What agents waited for the customer's answers that came, ms.
    pub agent_wait_ms: i64,
    /// When the first reply was due by the policy that fits; `None` without one, or without a word of the customer.
    pub first_reply_due_at: Option<EventTime>,
    /// When the resolution was due, likewise.
    pub resolution_due_at: Option<EventTime>,
    /// Whether the first reply came after it was due; `None` while it has not come, or without a policy.
    pub is_first_reply_breached: Option<bool>,
    /// Whether the resolution that holds came after it was due; `None` while there is none, or without a policy.
    pub is_resolution_breached: Option<bool>,
    /// Messages of human agents it took: `none`, `one`, `two` or `multi`; empty while unresolved.
    pub touch_class: &'static str,
    /// Times it was opened again after a resolution or close.
    pub reopen_count: u32,
    /// Messages of the customer.
    pub customer_message_count: u32,
    /// Messages of human agents.
    pub agent_message_count: u32,
    /// Messages of automata.
    pub bot_message_count: u32,
    /// Distinct human agents.
    pub agent_count: u32,
    /// Times it went from one human agent to another.
    pub handover_count: u32,
    /// Distinct departments.
    pub department_count: u32,
    /// Times it went from one department to another.
    pub department_change_count: u32,
    /// Times it went from one channel to another.
    pub channel_change_count: u32,
    /// First rating; those of agents and automata, and those off their scale, are none.
    pub rating_first: Option<f32>,
    /// Latest rating.
    pub rating_latest: Option<f32>,
    /// Latest less first rating, where both are of one scale.
    pub rating_move: Option<f32>,
    /// `good_to_bad` or `bad_to_good` if the ratings crossed the line of satisfaction, else empty.
    pub rating_turn: &'static str,
    /// Latest satisfaction rating, csat or stars, 1 to 5.
    pub csat: Option<f32>,
    /// Latest likelihood to recommend, 0 to 10.
    pub nps: Option<f32>,
    /// Latest effort rating, 1 to 7.
    pub ces: Option<f32>,
    /// Scale of the latest rating.
    pub scale: Scale,
    /// Score of the customer's first text.
    pub score_start: Option<f32>,
    /// Score of the customer's last text.
    pub score_end: Option<f32>,
    /// Lowest score of the customer's texts.
    pub score_worst: Option<f32>,
    /// How the score went, per text of the customer: slope of the least-squares line.
    pub score_trend: Option<f32>,
    /// Language of the customer's first text.
    pub language: &'a str,
    /// Union of the topics of the customer's texts.
    pub topics: u32,
    /// Union of the topics they speak well of.
    pub likes: u32,
    /// Union of the topics they speak badly of.
    pub dislikes: u32,
    /// Union of the kinds of friction they state.
    pub frictions: u32,
    /// Customer texts that state friction.
    pub friction_count: u32,
    /// Customer texts that ask.
    pub question_count: u32,
    /// Customer texts that complain.
    pub complaint_count: u32,
    /// Customer texts that suggest.
    pub suggestion_count: u32,
    /// Customer texts that praise or thank.
    pub praise_count: u32,
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

/// Where rows go.
pub trait Out {
    /// One version of a session.
    fn session(&mut self, row: &SessionRow<'_>);
    /// One version of a conversation.
    fn conversation(&mut self, row: &ConversationRow<'_>);
}
