//! What intake decides about a record of the world: the touchpoint, its key, its outcome. Generations differ in whether
//! robots are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Asides, Head, Role, Touchpoint};
use crumbtrail_events::vocabulary::Device;
use crumbtrail_events::{EventTime, Key, Micros, Outcome};
use crumbtrail_log::SourceRecord;
use crumbtrail_runtime::intake::{Judge, Judgement};

use crate::mutation::{Mutation, is_on};
use crate::world::{Placed, Record, SITE, World};

/// Whether a configuration drops robots.
#[must_use]
pub fn drops_bots(generation: u32) -> bool {
    generation.is_multiple_of(2)
}

/// The key a record is routed by.
#[must_use]
pub fn key(placed: &Placed) -> Key {
    let record = &placed.record;
    if record.is_dead {
        Key::visitor("", &placed.origin.to_string())
    } else if !record.conversation.is_empty() {
        Key::conversation(SITE, &record.conversation)
    } else if record.kind.is_support() {
        Key::customer(SITE, &record.customer)
    } else {
        Key::visitor(SITE, &record.visitor)
    }
}

/// Decides records under one configuration.
pub struct WorldJudge {
    /// The input.
    pub world: Arc<World>,
    /// The configuration's generation.
    pub generation: u32,
    /// Whether the registry is away, so that nothing can be decided.
    pub is_away: Arc<AtomicBool>,
}

impl Judge for WorldJudge {
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
        letter: &mut Vec<u8>,
    ) -> Result<Judgement, String> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err("the registry is away".to_owned());
        }
        let placed = self.world.at(record.partition as usize, record.offset).ok_or("no such record")?;
        let Placed { record: event, .. } = placed;
        let Record { is_dead, is_bot, .. } = *event;
        let outcome = match (is_dead, is_bot && drops_bots(self.generation)) {
            (true, _) => Outcome::Dead,
            (_, true) => Outcome::Bot,
            _ => Outcome::Counted,
        };
        let mut key = key(placed);
        let generation = format!("g{}", self.generation);
        let head = Head { outcome, kind: event.kind, key, id: id_hash(&event.id), occurred_at: EventTime(event.at_ms) };
        let whole = Touchpoint {
            head,
            event_id: &event.id,
            site: SITE,
            visitor: &event.visitor,
            customer: &event.customer,
            page: if event.kind.is_view() { "/p" } else { "" },
            channel: event.channel,
            term: &generation,
            device: Device::from_code(1).unwrap_or_default(),
            bot: if is_bot { "agent" } else { "" },
            order_id: if event.revenue > 0 { &event.id } else { "" },
            revenue: Micros(event.revenue),
            currency: if event.revenue > 0 { "EUR" } else { "" },
            conversation: &event.conversation,
            author: event.author,
            text: if event.kind.is_support() { "text" } else { "" },
            characters: if event.kind.is_support() { 4 } else { 0 },
            reason: if is_dead { "not_json" } else { "" },
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            ..Touchpoint::default()
        };
        whole.encode(touchpoint);
        if event.kind.is_support() && !event.visitor.is_empty() && !is_dead {
            let key = Key::visitor(SITE, &event.visitor);
            let role = if event.customer.is_empty() { Role::Share } else { Role::Claim };
            let aside = Touchpoint { head: Head { key, outcome: Outcome::Aside, ..head }, role, ..whole };
            asides.push(key, |out| aside.encode(out));
        }
        if !event.previous.is_empty() && event.previous != event.customer && !is_dead {
            let key = Key::customer(SITE, &event.previous);
            let head = Head { key, outcome: Outcome::Aside, ..head };
            let (role, visitor) = (Role::Alias, &event.previous);
            let alias =
                Touchpoint { head, role, site: SITE, visitor, customer: &event.customer, ..Touchpoint::default() };
            if is_on(Mutation::AliasToldToOneOnly) {
                asides.push(key, |out| alias.encode(out));
            } else {
                asides.push_to_all(|out| alias.encode(out));
            }
        }
        if is_dead {
            letter.extend_from_slice(event.id.as_bytes());
        }
        if is_on(Mutation::RoutingWithoutEpoch) && drops_bots(self.generation) {
            key = Key(key.0.rotate_left(77));
        }
        let occurred_at = (!is_dead).then_some(EventTime(event.at_ms));
        Ok(Judgement { outcome, key, occurred_at, reason: is_dead.then_some("not_json") })
    }
}
