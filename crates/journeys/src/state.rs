//! The fold: everything a person's touchpoints amount to, one touchpoint at a time, in (event time, id) order.

use crumbtrail_events::vocabulary::{Author, Channel, Device, Scale};
use crumbtrail_events::{EventTime, Kind, Micros};
use smallvec::SmallVec;

use crate::cart::{self, Slot};
use crate::conversion::{self, Touch, touch_of};
use crate::found::{Abandoned, Conversion, Found};
use crate::point::{Seen, changes_cart, conversion_kind};
use crate::rules::JourneyRules;
use crate::snapshot::stored;
use crate::stage::{Cause, Stage};
use crate::strings::{Strings, Sym};

/// What the fold of one person has come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// Time up to which it was folded: an older touchpoint is taken as of now.
    pub(crate) clock: EventTime,
    pub(crate) first_at: EventTime,
    pub(crate) last_at: EventTime,
    /// Last thing the person did themselves, and its event id hash.
    pub(crate) active_at: EventTime,
    pub(crate) active_id: u64,
    pub(crate) visitor: Sym,
    pub(crate) country: Sym,
    pub(crate) region: Sym,
    pub(crate) city: Sym,
    pub(crate) language: Sym,
    pub(crate) device: Device,
    pub(crate) touchpoint_count: u32,
    pub(crate) click_count: u32,
    pub(crate) support_count: u32,
    pub(crate) store_visit_count: u32,
    pub(crate) purchase_count: u32,
    pub(crate) cart_abandoned_count: u32,
    pub(crate) revenue: Micros,
    pub(crate) currency: Sym,
    pub(crate) first_channel: Channel,
    pub(crate) last_channel: Channel,
    pub(crate) score_sum: f64,
    pub(crate) score_last: Option<f32>,
    pub(crate) text_count: u32,
    pub(crate) friction_count: u32,
    pub(crate) topics: u32,
    pub(crate) rating_last: Option<f32>,
    pub(crate) rating_scale: Scale,
    pub(crate) rating_at: Option<EventTime>,
    pub(crate) cancelled_at: Option<EventTime>,
    pub(crate) stages: SmallVec<[Stage; 1]>,
    pub(crate) touches: Vec<Touch>,
    pub(crate) cart: Slot,
}
stored!(State {
    clock,
    first_at,
    last_at,
    active_at,
    active_id,
    visitor,
    country,
    region,
    city,
    language,
    device,
    touchpoint_count,
    click_count,
    support_count,
    store_visit_count,
    purchase_count,
    cart_abandoned_count,
    revenue,
    currency,
    first_channel,
    last_channel,
    score_sum,
    score_last,
    text_count,
    friction_count,
    topics,
    rating_last,
    rating_scale,
    rating_at,
    cancelled_at,
    stages,
    touches,
    cart,
});

impl State {
    pub(crate) fn new(rules: &JourneyRules) -> State {
        State {
            clock: EventTime::MIN,
            first_at: EventTime::MAX,
            last_at: EventTime::MIN,
            active_at: EventTime::MIN,
            active_id: 0,
            visitor: Sym(0),
            country: Sym(0),
            region: Sym(0),
            city: Sym(0),
            language: Sym(0),
            device: Device::Unknown,
            touchpoint_count: 0,
            click_count: 0,
            support_count: 0,
            store_visit_count: 0,
            purchase_count: 0,
            cart_abandoned_count: 0,
            revenue: Micros(0),
            currency: Sym(0),
            first_channel: Channel::None,
            last_channel: Channel::None,
            score_sum: 0.0,
            score_last: None,
            text_count: 0,
            friction_count: 0,
            topics: 0,
            rating_last: None,
            rating_scale: Scale::None,
            rating_at: None,
            cancelled_at: None,
            stages: rules.models.iter().map(Stage::new).collect(),
            touches: Vec::new(),
            cart: Slot::Empty,
        }
    }

    /// Becomes a copy of `other`, in the memory it has.
    pub(crate) fn copy_from(&mut self, other: &State) {
        let mut touches = std::mem::take(&mut self.touches);
        touches.clone_from(&other.touches);
        let mut stages = std::mem::take(&mut self.stages);
        stages.clone_from(&other.stages);
        *self = State { touches, stages, cart: other.cart.clone(), ..*other };
    }

    /// Folds in one touchpoint.
    pub(crate) fn fold(&mut self, rules: &JourneyRules, strings: &Strings, seen: &Seen<'_>, found: &mut Found) {
        let at = seen.point.at.max(self.clock);
        self.advance(rules, at, found);
        self.clock = at;
        self.note(seen);
        if let Some(touch) = touch_of(seen, at) {
            if self.first_channel == Channel::None {
                self.first_channel = touch.channel;
            }
            self.last_channel = touch.channel;
            conversion::remember(&mut self.touches, touch, rules.look_back_ms);
        }
        let cause = |model| Cause { model, id: seen.point.id, channel: self.last_channel };
        for (number, (stage, model)) in self.stages.iter_mut().zip(&rules.models).enumerate() {
            stage.touchpoint(model, seen, at, cause(number as u8), strings, found);
        }
        if is_own_doing(seen) {
            self.active_at = at;
            self.active_id = seen.point.id;
            self.stages.iter_mut().for_each(Stage::wake);
        }
        let kind = seen.point.kind;
        let is_cart_kind = kind == Kind::Purchase || changes_cart(kind);
        let has_cart = is_cart_kind && cart::act(&mut self.cart, seen, at);
        if let Some(kind) = conversion_kind(kind) {
            self.convert(rules, seen, kind, has_cart, found);
        }
    }

    /// Lets time pass: what was due before `now` happens. An event at the due time itself still counts first.
    pub(crate) fn advance(&mut self, rules: &JourneyRules, now: EventTime, found: &mut Found) {
        let due = self.cart.open().map(|cart| cart.due(rules.cart_abandoned_after_ms));
        if let Some(true_at) = due.filter(|due| *due < now) {
            self.abandon(true_at, found);
        }
        let (active_at, id, channel) = (self.active_at, self.active_id, self.last_channel);
        for (number, (stage, model)) in self.stages.iter_mut().zip(&rules.models).enumerate() {
            let cause = Cause { model: number as u8, id, channel };
            stage.advance(model, active_at, now, cause, found);
        }
    }

    /// The next time after `now` at which time alone may change a row.
    pub(crate) fn next_due(&self, rules: &JourneyRules, now: EventTime) -> EventTime {
        let cart = self.cart.open().map(|cart| cart.due(rules.cart_abandoned_after_ms));
        let stages = self.stages.iter().zip(&rules.models).flat_map(|(stage, model)| {
            [model.stalled_at(stage.current, stage.since), stage.next_silence(model, self.active_at)]
        });
        // Due times are the last moment before the change.
        stages.chain([cart]).flatten().filter(|due| *due >= now).min().map_or(EventTime::MAX, |due| due.plus(1))
    }

    /// Symbols it names.
    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        for sym in [self.visitor, self.country, self.region, self.city, self.language, self.currency] {
            keep(sym);
        }
        for touch in &self.touches {
            keep(touch.source);
            keep(touch.campaign);
        }
        if let Some(cart) = self.cart.open() {
            keep(cart.currency);
            keep(cart.step);
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.touches.capacity() * size_of::<Touch>() + self.cart.open().map_or(0, |cart| cart.resident_bytes())
    }

    fn note(&mut self, seen: &Seen<'_>) {
        let (point, context, detail) = (seen.point, seen.context, seen.detail);
        self.first_at = self.first_at.min(point.at);
        self.last_at = self.last_at.max(point.at);
        if !point.kind.is_support() {
            self.visitor = context.visitor.or(self.visitor);
        }
        // Country, region and city are told together, so that no city is shown in another one's country.
        if !(context.country.is_empty() && context.region.is_empty() && context.city.is_empty()) {
            (self.country, self.region, self.city) = (context.country, context.region, context.city);
        }
        self.language = context.language.or(self.language);
        if context.device != Device::Unknown {
            self.device = context.device;
        }
        // Heartbeats extend, they do not count.
        if point.kind != Kind::PagePing {
            self.touchpoint_count = self.touchpoint_count.saturating_add(1);
            let own = if point.kind.is_support() { &mut self.support_count } else { &mut self.click_count };
            *own = own.saturating_add(1);
        }
        match point.kind {
            Kind::StoreVisit => self.store_visit_count = self.store_visit_count.saturating_add(1),
            Kind::Purchase => {
                if self.currency.is_empty() {
                    self.currency = detail.currency;
                }
                if detail.currency.is_empty() || detail.currency == self.currency {
                    self.revenue = Micros(self.revenue.0.saturating_add(detail.revenue.0));
                }
                self.purchase_count = self.purchase_count.saturating_add(1);
                self.cancelled_at = None;
            }
            Kind::Subscribed => self.cancelled_at = None,
            Kind::Cancelled => self.cancelled_at = Some(point.at),
            _ => {}
        }
        if point.author == Author::Customer {
            if let Some(score) = detail.score {
                self.score_sum += f64::from(score);
                self.score_last = Some(score);
                self.text_count = self.text_count.saturating_add(1);
            }
            self.friction_count = self.friction_count.saturating_add(u32::from(detail.friction));
            self.topics |= detail.topics;
        }
        if detail.rating.is_some() && detail.scale != Scale::None {
            self.rating_last = detail.rating;
            self.rating_scale = detail.scale;
            self.rating_at = Some(point.at);
        }
    }

    fn convert(
        &mut self,
        rules: &JourneyRules,
        seen: &Seen<'_>,
        kind: &'static str,
        has_cart: bool,
        found: &mut Found,
    ) {
        let touches = conversion::within(&self.touches, self.clock, rules.look_back_ms);
        found.conversions.push(Conversion {
            id: seen.point.id,
            at: seen.point.at,
            kind,
            order: seen.detail.order,
            revenue: seen.detail.revenue,
            currency: seen.detail.currency,
            has_cart,
            touch_count: touches.len() as u32,
            first: touches.first().copied(),
            last: touches.last().copied(),
            city: self.city,
            country: self.country,
            device: self.device,
        });
    }

    fn abandon(&mut self, true_at: EventTime, found: &mut Found) {
        let Slot::Open(cart) = std::mem::replace(&mut self.cart, Slot::Told) else { return };
        let start = found.evidence.len();
        found.evidence.extend_from_slice(&cart.evidence);
        found.carts.push(Abandoned {
            visitor: self.visitor,
            began_at: cart.began_at,
            last_at: cart.last_at,
            true_at,
            is_emptied: cart.is_emptied,
            in_checkout: cart.in_checkout,
            step: cart.step,
            value: cart.value(),
            peak_value: cart.peak,
            currency: cart.currency,
            pieces: cart.pieces(),
            evidence: (start, found.evidence.len()),
            channel: self.last_channel,
            device: if cart.device == Device::Unknown { self.device } else { cart.device },
            city: self.city,
            country: self.country,
        });
        self.cart_abandoned_count = self.cart_abandoned_count.saturating_add(1);
    }
}

/// Whether the person did it themselves: not what was sent to them or said by others.
fn is_own_doing(seen: &Seen<'_>) -> bool {
    seen.point.author == Author::Customer && !matches!(seen.point.kind, Kind::MessageSent | Kind::MessageDelivered)
}
