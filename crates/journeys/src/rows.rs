//! What the journey step says of a person: one struct per table row, borrowed from the state.

use crumbtrail_events::vocabulary::{Channel, Device, Scale};
use crumbtrail_events::{EventTime, Key, Micros};

/// One version of one person's journey. Key: (site, person).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JourneyRow<'a> {
    /// Retraction.
    pub deleted: bool,
    /// Site.
    pub site: &'a str,
    /// Person key.
    pub person: Key,
    /// Customer id; empty while the person is only a visitor.
    pub customer: &'a str,
    /// Visitor id of the latest click touchpoint.
    pub visitor: &'a str,
    /// Stage model.
    pub model: &'a str,
    /// Current stage.
    pub stage: &'a str,
    /// When it was entered.
    pub stage_since: EventTime,
    /// Longer in the stage than the model's threshold, as of the watermark.
    pub is_stalled: bool,
    /// First touchpoint.
    pub first_at: EventTime,
    /// Last touchpoint.
    pub last_at: EventTime,
    /// Touchpoints counted.
    pub touchpoint_count: u32,
    /// Click touchpoints.
    pub click_count: u32,
    /// Support touchpoints.
    pub support_count: u32,
    /// Shop visits.
    pub store_visit_count: u32,
    /// Purchases.
    pub purchase_count: u32,
    /// Revenue of all purchases (in the currency of the first).
    pub revenue: Micros,
    /// Currency.
    pub currency: &'a str,
    /// Channel of the first touch.
    pub first_channel: Channel,
    /// Channel of the last touch.
    pub last_channel: Channel,
    /// Last known country.
    pub country: &'a str,
    /// Last known region.
    pub region: &'a str,
    /// Last known city.
    pub city: &'a str,
    /// Last known language.
    pub language: &'a str,
    /// Last known device class.
    pub device: Device,
    /// Mean score of the person's texts.
    pub score_mean: Option<f32>,
    /// Score of the person's last text.
    pub score_last: Option<f32>,
    /// Texts read.
    pub text_count: u32,
    /// Texts that state friction.
    pub friction_count: u32,
    /// Topics ever raised.
    pub topics: u32,
    /// Latest survey rating.
    pub rating_last: Option<f32>,
    /// Its scale.
    pub rating_scale: Scale,
    /// When it was given.
    pub rating_at: Option<EventTime>,
    /// When they cancelled (the latest time), if they did and have not come back.
    pub cancelled_at: Option<EventTime>,
    /// Carts abandoned.
    pub cart_abandoned_count: u32,
}

/// One move between stages. Key: (site, person, model, move_index).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageMoveRow<'a> {
    /// Retraction: a late touchpoint changed the course.
    pub deleted: bool,
    /// Site.
    pub site: &'a str,
    /// Person key.
    pub person: Key,
    /// Customer id; empty while the person is only a visitor.
    pub customer: &'a str,
    /// Stage model.
    pub model: &'a str,
    /// 0 for the entry into the first stage.
    pub move_index: u32,
    /// Stage left; empty for the first.
    pub from_stage: &'a str,
    /// Stage entered.
    pub to_stage: &'a str,
    /// `forward`, `back` or `enter`.
    pub direction: &'static str,
    /// When.
    pub moved_at: EventTime,
    /// Milliseconds spent in the stage left; 0 for the first.
    pub duration_ms: i64,
    /// Name of the rule that fired.
    pub rule: &'a str,
    /// Event id hash of the touchpoint that caused it.
    pub cause: u64,
    /// Channel of the last touch before it.
    pub channel: Channel,
}

/// One conversion. Key: (site, conversion_id).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConversionRow<'a> {
    /// Retraction.
    pub deleted: bool,
    /// Site.
    pub site: &'a str,
    /// Hash of person and event id.
    pub conversion_id: u64,
    /// Person key.
    pub person: Key,
    /// Customer id; empty while the person is only a visitor.
    pub customer: &'a str,
    /// When.
    pub converted_at: EventTime,
    /// `purchase`, `signed_up` or `subscribed`.
    pub kind: &'static str,
    /// Order id.
    pub order_id: &'a str,
    /// Revenue.
    pub revenue: Micros,
    /// Currency.
    pub currency: &'a str,
    /// A cart led to it.
    pub has_cart: bool,
    /// Touches within the look-back (30 d).
    pub touch_count: u32,
    /// First touch: channel.
    pub first_channel: Channel,
    /// First touch: source.
    pub first_source: &'a str,
    /// First touch: campaign.
    pub first_campaign: &'a str,
    /// First touch: when.
    pub first_touch_at: Option<EventTime>,
    /// Last touch: channel.
    pub last_channel: Channel,
    /// Last touch: source.
    pub last_source: &'a str,
    /// Last touch: campaign.
    pub last_campaign: &'a str,
    /// Last touch: when.
    pub last_touch_at: Option<EventTime>,
    /// City of the purchase or last known.
    pub city: &'a str,
    /// Country.
    pub country: &'a str,
    /// Device class.
    pub device: Device,
}

/// One breadcrumb. Key: (site, breadcrumb_id). Today: `cart_abandoned`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BreadcrumbRow<'a> {
    /// Retraction: a late record disproved it.
    pub deleted: bool,
    /// Site.
    pub site: &'a str,
    /// Hash of person, kind and first evidence.
    pub breadcrumb_id: u64,
    /// Person key.
    pub person: Key,
    /// Customer id; empty while the person is only a visitor.
    pub customer: &'a str,
    /// Visitor id.
    pub visitor: &'a str,
    /// Kind: `cart_abandoned`.
    pub kind: &'static str,
    /// When what it says began (the cart's first product).
    pub began_at: EventTime,
    /// Last activity that counts as evidence.
    pub last_at: EventTime,
    /// When it became true (last activity plus the threshold).
    pub true_at: EventTime,
    /// `left` or `emptied`.
    pub how: &'static str,
    /// Where it stood: `cart` (before checkout) or `checkout`.
    pub phase: &'static str,
    /// Checkout step last seen, empty before checkout.
    pub step: &'a str,
    /// Value at the end.
    pub value: Micros,
    /// Highest value it had.
    pub peak_value: Micros,
    /// Currency.
    pub currency: &'a str,
    /// Pieces at the end.
    pub item_count: u32,
    /// Severity 1 (low) to 3 (high), by value.
    pub severity: u8,
    /// Event id hashes of the touchpoints that are its evidence.
    pub evidence: &'a [u64],
    /// Channel of the last touch.
    pub channel: Channel,
    /// Device class of the last activity.
    pub device: Device,
    /// City last known.
    pub city: &'a str,
    /// Country last known.
    pub country: &'a str,
}

/// Where rows go. Rows borrow from the state: what is wanted of them is copied before returning.
pub trait Out {
    /// A version of a journey.
    fn journey(&mut self, row: &JourneyRow<'_>);
    /// A version of a stage move, or its retraction (key, model and time only).
    fn stage_move(&mut self, row: &StageMoveRow<'_>);
    /// A version of a conversion, or its retraction (key, person and time only).
    fn conversion(&mut self, row: &ConversionRow<'_>);
    /// A version of a breadcrumb, or its retraction (key, person, kind and beginning only).
    fn breadcrumb(&mut self, row: &BreadcrumbRow<'_>);
}
