//! From what was found to rows: only those that differ from what was said before, and retractions of those that are gone.

use crumbtrail_events::vocabulary::{Channel, Device};
use crumbtrail_events::{EventTime, Micros};
use xxhash_rust::xxh3::xxh3_64;

use crate::conversion::row_id;
use crate::found::{Abandoned, Conversion, Found, Move};
use crate::model::NOWHERE;
use crate::person::Person;
use crate::rows::{BreadcrumbRow, ConversionRow, JourneyRow, Out, StageMoveRow};
use crate::rules::JourneyRules;
use crate::state::State;
use crate::strings::Strings;
use crate::told::{AsOf, Told};

const MOVE: u8 = 0;
const CONVERSION: u8 = 1;
const BREADCRUMB: u8 = 2;
const CART_ABANDONED: &str = "cart_abandoned";

/// Buffers that are used again for every person.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    bytes: Vec<u8>,
    now: Vec<Told>,
}

impl Teller {
    /// Says what is new about `person`, whose provisional state is `now`.
    pub(crate) fn tell(
        &mut self,
        person: &mut Person,
        now: &State,
        found: &Found,
        as_of: AsOf<'_>,
        out: &mut impl Out,
    ) {
        let voice = Voice { person: &*person, rules: as_of.rules, strings: as_of.strings };
        self.now.clear();
        let mut journey_hash = 0;
        if person.is_gone() {
            if person.journey_hash != 0 {
                out.journey(&voice.no_journey());
            }
        } else {
            let journey = voice.journey(now, as_of.watermark);
            journey_hash = self.digest(|d| d.journey(&journey));
            if journey_hash != person.journey_hash {
                out.journey(&journey);
            }
            self.tell_found(&voice, found, out);
        }
        self.now.sort_unstable();
        // What was not looked for stands; what was looked for and not found is gone.
        let is_looked_for = |told: &Told| found.is_whole || !told.is_settled;
        for gone in person.told.iter().filter(|told| is_looked_for(told) && find(&self.now, told).is_none()) {
            voice.retract(gone, out);
        }
        let found_now = self.now.len();
        for told in person.told.iter().filter(|told| !is_looked_for(told)) {
            if find(&self.now[..found_now], told).is_none() {
                self.now.push(*told);
            }
        }
        if self.now.len() > found_now {
            self.now.sort_unstable();
        }
        person.journey_hash = journey_hash;
        if person.told.capacity() < self.now.len() {
            person.told = Vec::with_capacity(self.now.len());
        }
        person.told.clone_from(&self.now);
        person.told.shrink_to(self.now.len() + 1);
    }

    fn tell_found(&mut self, voice: &Voice<'_>, found: &Found, out: &mut impl Out) {
        for (i, found_move) in found.moves.iter().enumerate() {
            let row = voice.stage_move(found_move);
            let (table, key) = move_place(found_move);
            let hash = self.digest(|d| d.stage_move(&row));
            let told = Told { table, key, hash, at: row.moved_at, is_settled: i < found.settled[0] };
            if self.note(voice, told) {
                out.stage_move(&row);
            }
        }
        for (i, conversion) in found.conversions.iter().enumerate() {
            let row = voice.conversion(conversion);
            let (table, key) = voice.conversion_place(conversion);
            let hash = self.digest(|d| d.conversion(&row));
            let told = Told { table, key, hash, at: row.converted_at, is_settled: i < found.settled[1] };
            if self.note(voice, told) {
                out.conversion(&row);
            }
        }
        for (i, cart) in found.carts.iter().enumerate() {
            let row = voice.cart(cart, &found.evidence);
            let (table, key) = voice.cart_place(cart, &found.evidence);
            let hash = self.digest(|d| d.breadcrumb(&row));
            let told = Told { table, key, hash, at: row.began_at, is_settled: i < found.settled[2] };
            if self.note(voice, told) {
                out.breadcrumb(&row);
            }
        }
    }

    /// Takes back every move that was told of a model and may still change.
    pub(crate) fn retract_moves(&self, person: &mut Person, model: usize, as_of: AsOf<'_>, out: &mut impl Out) {
        let mut told = std::mem::take(&mut person.told);
        let voice = Voice { person: &*person, rules: as_of.rules, strings: as_of.strings };
        told.retain(|told| {
            let is_of_model = told.table == MOVE && (told.key >> 32) as usize == model;
            if is_of_model {
                voice.retract(told, out);
            }
            !is_of_model
        });
        person.told = told;
    }

    /// Forgets the rows of `found`: nothing can change them any more.
    pub(crate) fn forget(&mut self, person: &mut Person, found: &Found, as_of: AsOf<'_>) {
        let voice = Voice { person: &*person, rules: as_of.rules, strings: as_of.strings };
        let mut gone: Vec<(u8, u64)> = found.moves.iter().map(move_place).collect();
        gone.extend(found.conversions.iter().map(|conversion| voice.conversion_place(conversion)));
        gone.extend(found.carts.iter().map(|cart| voice.cart_place(cart, &found.evidence)));
        gone.sort_unstable();
        person.told.retain(|told| !told.is_settled || gone.binary_search(&told.place()).is_err());
    }

    /// Notes a row; whether it differs from what was said under its key.
    fn note(&mut self, voice: &Voice<'_>, told: Told) -> bool {
        let is_new = find(&voice.person.told, &told).is_none_or(|before| before.hash != told.hash);
        self.now.push(told);
        is_new
    }

    fn digest(&mut self, write: impl FnOnce(&mut Digest<'_>)) -> u64 {
        self.bytes.clear();
        write(&mut Digest(&mut self.bytes));
        xxh3_64(&self.bytes).max(1)
    }
}

/// The row with the key of `wanted`, in a list sorted by it.
fn find<'a>(told: &'a [Told], wanted: &Told) -> Option<&'a Told> {
    let place = told.binary_search_by_key(&wanted.place(), Told::place).ok()?;
    told.get(place)
}

/// The table and key of a move's row.
fn move_place(found: &Move) -> (u8, u64) {
    (MOVE, u64::from(found.model) << 32 | u64::from(found.index))
}

/// Turns numbers back into strings.
struct Voice<'a> {
    person: &'a Person,
    rules: &'a JourneyRules,
    strings: &'a Strings,
}

impl<'a> Voice<'a> {
    fn conversion_place(&self, found: &Conversion) -> (u8, u64) {
        (CONVERSION, row_id(self.person.key, found.id, CONVERSION))
    }

    fn cart_place(&self, found: &Abandoned, evidence: &[u64]) -> (u8, u64) {
        let first = evidence.get(found.evidence.0).copied().unwrap_or_default();
        (BREADCRUMB, row_id(self.person.key, first, BREADCRUMB))
    }

    fn journey(&self, now: &State, watermark: EventTime) -> JourneyRow<'a> {
        let text = |sym| self.strings.get(sym);
        let (model, stage) = (self.rules.models.first(), now.stages.first());
        let place = model.zip(stage).filter(|(_, stage)| stage.current != NOWHERE);
        let stalled_at = place.and_then(|(model, stage)| model.stalled_at(stage.current, stage.since));
        JourneyRow {
            deleted: false,
            site: text(self.person.site),
            person: self.person.key,
            customer: text(self.person.name),
            visitor: text(now.visitor),
            model: model.map_or("", |model| model.name()),
            stage: place.map_or("", |(model, stage)| model.stage_name(stage.current)),
            stage_since: place.map_or(now.first_at, |(_, stage)| stage.since),
            is_stalled: stalled_at.is_some_and(|at| at < watermark),
            first_at: now.first_at,
            last_at: now.last_at,
            touchpoint_count: now.touchpoint_count,
            click_count: now.click_count,
            support_count: now.support_count,
            store_visit_count: now.store_visit_count,
            purchase_count: now.purchase_count,
            revenue: now.revenue,
            currency: text(now.currency),
            first_channel: now.first_channel,
            last_channel: now.last_channel,
            country: text(now.country),
            region: text(now.region),
            city: text(now.city),
            language: text(now.language),
            device: now.device,
            score_mean: (now.text_count > 0).then(|| (now.score_sum / f64::from(now.text_count)) as f32),
            score_last: now.score_last,
            text_count: now.text_count,
            friction_count: now.friction_count,
            topics: now.topics,
            rating_last: now.rating_last,
            rating_scale: now.rating_scale,
            rating_at: now.rating_at,
            cancelled_at: now.cancelled_at,
            cart_abandoned_count: now.cart_abandoned_count,
        }
    }

    fn no_journey(&self) -> JourneyRow<'a> {
        let site = self.strings.get(self.person.site);
        JourneyRow { deleted: true, site, person: self.person.key, ..JourneyRow::default() }
    }

    fn stage_move(&self, found: &Move) -> StageMoveRow<'a> {
        let model = &self.rules.models[usize::from(found.model)];
        StageMoveRow {
            deleted: false,
            site: self.strings.get(self.person.site),
            person: self.person.key,
            customer: self.strings.get(self.person.name),
            model: model.name(),
            move_index: found.index,
            from_stage: model.stage_name(found.from),
            to_stage: model.stage_name(found.to),
            direction: match found.from {
                NOWHERE => "enter",
                from if from < found.to => "forward",
                _ => "back",
            },
            moved_at: found.at,
            duration_ms: found.duration_ms,
            rule: model.rule_name(found.rule),
            cause: found.cause,
            channel: found.channel,
        }
    }

    fn conversion(&self, found: &Conversion) -> ConversionRow<'a> {
        let text = |sym| self.strings.get(sym);
        ConversionRow {
            deleted: false,
            site: text(self.person.site),
            conversion_id: self.conversion_place(found).1,
            person: self.person.key,
            customer: text(self.person.name),
            converted_at: found.at,
            kind: found.kind,
            order_id: text(found.order),
            revenue: found.revenue,
            currency: text(found.currency),
            has_cart: found.has_cart,
            touch_count: found.touch_count,
            first_channel: found.first.map_or(Channel::None, |touch| touch.channel),
            first_source: found.first.map_or("", |touch| text(touch.source)),
            first_campaign: found.first.map_or("", |touch| text(touch.campaign)),
            first_touch_at: found.first.map(|touch| touch.at),
            last_channel: found.last.map_or(Channel::None, |touch| touch.channel),
            last_source: found.last.map_or("", |touch| text(touch.source)),
            last_campaign: found.last.map_or("", |touch| text(touch.campaign)),
            last_touch_at: found.last.map(|touch| touch.at),
            city: text(found.city),
            country: text(found.country),
            device: found.device,
        }
    }

    fn cart<'b>(&self, found: &Abandoned, evidence: &'b [u64]) -> BreadcrumbRow<'b>
    where
        'a: 'b,
    {
        let text = |sym| self.strings.get(sym);
        let breadcrumb_id = self.cart_place(found, evidence).1;
        let evidence = &evidence[found.evidence.0..found.evidence.1];
        BreadcrumbRow {
            deleted: false,
            site: text(self.person.site),
            breadcrumb_id,
            person: self.person.key,
            customer: text(self.person.name),
            visitor: text(found.visitor),
            kind: CART_ABANDONED,
            began_at: found.began_at,
            last_at: found.last_at,
            true_at: found.true_at,
            how: if found.is_emptied { "emptied" } else { "left" },
            phase: if found.in_checkout { "checkout" } else { "cart" },
            step: text(found.step),
            value: found.value,
            peak_value: found.peak_value,
            currency: text(found.currency),
            item_count: found.pieces,
            severity: self.rules.severity(text(found.currency), found.value),
            evidence,
            channel: found.channel,
            device: found.device,
            city: text(found.city),
            country: text(found.country),
        }
    }

    /// A retraction carries the key and the time of the row it takes back.
    fn retract(&self, gone: &Told, out: &mut impl Out) {
        let (site, person) = (self.strings.get(self.person.site), self.person.key);
        match gone.table {
            MOVE => {
                let model = self.rules.models.get((gone.key >> 32) as usize);
                out.stage_move(&StageMoveRow {
                    deleted: true,
                    site,
                    person,
                    model: model.map_or("", |model| model.name()),
                    move_index: gone.key as u32,
                    moved_at: gone.at,
                    ..StageMoveRow::default()
                });
            }
            CONVERSION => out.conversion(&ConversionRow {
                deleted: true,
                site,
                person,
                conversion_id: gone.key,
                converted_at: gone.at,
                ..ConversionRow::default()
            }),
            _ => out.breadcrumb(&BreadcrumbRow {
                deleted: true,
                site,
                person,
                breadcrumb_id: gone.key,
                kind: CART_ABANDONED,
                began_at: gone.at,
                ..BreadcrumbRow::default()
            }),
        }
    }
}

/// Writes every column of a row down, to be hashed.
struct Digest<'a>(&'a mut Vec<u8>);

impl Digest<'_> {
    fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: impl Into<i128>) -> &mut Self {
        self.0.extend_from_slice(&(number.into() as i64).to_le_bytes());
        self
    }

    fn time(&mut self, time: Option<EventTime>) -> &mut Self {
        self.number(i64::from(time.is_some())).number(time.map_or(0, |time| time.0))
    }

    fn score(&mut self, score: Option<f32>) -> &mut Self {
        self.number(i64::from(score.is_some())).number(score.map_or(0, f32::to_bits))
    }

    fn place(&mut self, city: &str, country: &str, device: Device) -> &mut Self {
        self.text(city).text(country).number(device as u8)
    }

    fn money(&mut self, amount: Micros, currency: &str) -> &mut Self {
        self.number(amount.0).text(currency)
    }

    fn journey(&mut self, row: &JourneyRow<'_>) {
        let JourneyRow { deleted: _, site: _, person: _, customer, visitor, model, stage, stage_since, .. } = *row;
        self.text(customer).text(visitor).text(model).text(stage).time(Some(stage_since)).number(row.is_stalled);
        self.time(Some(row.first_at)).time(Some(row.last_at)).number(row.touchpoint_count).number(row.click_count);
        self.number(row.support_count).number(row.store_visit_count).number(row.purchase_count);
        self.money(row.revenue, row.currency).number(row.first_channel as u8).number(row.last_channel as u8);
        self.place(row.city, row.country, row.device).text(row.region).text(row.language);
        self.score(row.score_mean).score(row.score_last).number(row.text_count).number(row.friction_count);
        self.number(row.topics).score(row.rating_last).number(row.rating_scale as u8).time(row.rating_at);
        self.time(row.cancelled_at).number(row.cart_abandoned_count);
    }

    fn stage_move(&mut self, row: &StageMoveRow<'_>) {
        self.text(row.customer).text(row.from_stage).text(row.to_stage).text(row.direction).text(row.rule);
        self.time(Some(row.moved_at)).number(row.duration_ms).number(row.cause).number(row.channel as u8);
    }

    fn conversion(&mut self, row: &ConversionRow<'_>) {
        self.text(row.customer).time(Some(row.converted_at)).text(row.kind).text(row.order_id);
        self.money(row.revenue, row.currency).number(row.has_cart).number(row.touch_count);
        self.number(row.first_channel as u8).text(row.first_source).text(row.first_campaign).time(row.first_touch_at);
        self.number(row.last_channel as u8).text(row.last_source).text(row.last_campaign).time(row.last_touch_at);
        self.place(row.city, row.country, row.device);
    }

    fn breadcrumb(&mut self, row: &BreadcrumbRow<'_>) {
        self.text(row.customer).text(row.visitor).text(row.kind).time(Some(row.began_at)).time(Some(row.last_at));
        self.time(Some(row.true_at)).text(row.how).text(row.phase).text(row.step).number(row.peak_value.0);
        self.money(row.value, row.currency).number(row.item_count).number(row.severity);
        for id in row.evidence {
            self.number(*id);
        }
        self.number(row.channel as u8).place(row.city, row.country, row.device);
    }
}
