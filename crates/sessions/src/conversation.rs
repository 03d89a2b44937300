//! What the entries of one conversation add up to, and the row that says it.
//!
//! A conversation with an id is all entries of that id. One without is the entries of one customer (else visitor, else
//! contact) on one channel, cut where nothing was said for more than 24 h. It is *settled* when it has been silent for
//! that long and the lateness besides: its row is then marked final. A settled conversation with an id is kept as a
//! summary for 90 days, and a later entry opens it again: its row is then not final until it has settled anew.
//!
//! A *message* is a message or mention, or an opening that has text. The *first reply* is the first message of a human
//! agent after the customer's first word (a message or an opening of theirs). A `resolved` entry resolves, a `reopened`
//! one takes that back; `closed` and `resolved` show as the status until something lifts them.

use crate::attributes::{self, CONTACT, CUSTOMER, ENTRY_PLACE, Entry, STORE, VISITOR};
use crate::event::{Event, Order};
use crate::intern::{Interner, Symbol};
use crate::pick::{First, Last, Stored, stored_fields};
use crate::rows::ConversationRow;
use crumbtrail_events::vocabulary::{Author, Channel, Scale};
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{EventTime, Key, Kind};
use std::fmt::Write as _;
use xxhash_rust::xxh3::xxh3_64;

/// The sum of a conversation's entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) sums: Sums,
    /// Distinct agents, by symbol.
    agents: Vec<Symbol>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) begin: Order,
    pub(crate) end: EventTime,
    pub(crate) size: u32,
    /// A row of this conversation has been emitted and not retracted.
    pub(crate) is_emitted: bool,
    /// The source's conversation id.
    id: First<Symbol>,
    customer: First<Symbol>,
    visitor: First<Symbol>,
    contact: First<Symbol>,
    place: First<Symbol>,
    store: First<Symbol>,
    opening: First<Symbol>,
    language: First<Symbol>,
    priority: Last<Symbol>,
    department: Last<Symbol>,
    first_word: First<bool>,
    first_reply: First<bool>,
    first_resolved: First<bool>,
    last_resolved: Last<bool>,
    last_reopened: Last<bool>,
    status: Last<u8>,
    reopen_count: u32,
    customer_message_count: u32,
    agent_message_count: u32,
    bot_message_count: u32,
    rating_first: First<f32>,
    rating_latest: Last<(f32, u8)>,
    score_start: First<i16>,
    score_end: Last<i16>,
    score_worst: Option<i16>,
    topics: u32,
    friction_count: u32,
}

stored_fields!(Sums {
    begin,
    end,
    size,
    is_emitted,
    id,
    customer,
    visitor,
    contact,
    place,
    store,
    opening,
    language,
    priority,
    department,
    first_word,
    first_reply,
    first_resolved,
    last_resolved,
    last_reopened,
    status,
    reopen_count,
    customer_message_count,
    agent_message_count,
    bot_message_count,
    rating_first,
    rating_latest,
    score_start,
    score_end,
    score_worst,
    topics,
    friction_count,
});

const STATUS: [&str; 3] = ["open", "resolved", "closed"];

impl Summary {
    /// Adds one entry.
    pub(crate) fn add(&mut self, event: &Event, interner: &Interner) {
        let entry = attributes::entry(event.detail, interner);
        let order = event.order();
        let sums = &mut self.sums;
        sums.begin = if sums.size == 0 { order } else { sums.begin.min(order) };
        sums.end = if sums.size == 0 { event.at } else { sums.end.max(event.at) };
        sums.size += 1;
        let part = |n| interner.part(event.attributes, n);
        sums.id.offer_some(order, event.page);
        sums.customer.offer_some(order, part(CUSTOMER));
        sums.visitor.offer_some(order, part(VISITOR));
        sums.contact.offer_some(order, part(CONTACT));
        sums.store.offer_some(order, part(STORE));
        if !part(ENTRY_PLACE).is_none() {
            sums.place.offer_ranked(u8::from(!event.has(Event::HAS_COUNTRY)), order, part(ENTRY_PLACE));
        }
        sums.opening.offer(order, event.detail);
        if !entry.priority.is_none() {
            sums.priority.offer(order, entry.priority);
        }
        if !entry.department.is_none() {
            sums.department.offer(order, entry.department);
        }
        if !entry.agent.is_none()
            && entry.author != Author::Bot
            && let Err(at) = self.agents.binary_search_by_key(&entry.agent.0, |agent| agent.0)
        {
            self.agents.insert(at, entry.agent);
        }
        sums.life(event.kind, order);
        sums.message(event, &entry);
        if let Some(rating) = entry.rating {
            sums.rating_first.offer(order, rating);
            sums.rating_latest.offer(order, (rating, entry.scale as u8));
        }
    }

    /// Adds another sum.
    pub(crate) fn absorb(&mut self, other: &Summary) {
        for &agent in &other.agents {
            if let Err(at) = self.agents.binary_search_by_key(&agent.0, |agent| agent.0) {
                self.agents.insert(at, agent);
            }
        }
        self.sums.absorb(&other.sums);
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(&self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol, interner: &Interner) {
        self.sums.save(out, symbol);
        let mut agents = self.agents.clone();
        // Symbols are numbered by history; a snapshot must not be.
        agents.sort_unstable_by_key(|&agent| interner.bytes(agent));
        (agents.len() as u32).save(out, symbol);
        agents.into_iter().for_each(|agent| agent.save(out, symbol));
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &crate::pick::Resolve<'_>) -> Result<Summary, WireError> {
        let sums = Sums::load(reader, symbol)?;
        let mut agents = Vec::new();
        for _ in 0..u32::load(reader, symbol)? {
            agents.push(Symbol::load(reader, symbol)?);
        }
        agents.sort_unstable_by_key(|agent: &Symbol| agent.0);
        Ok(Summary { sums, agents })
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        self.sums.mark(interner);
        self.agents.iter().for_each(|&agent| interner.mark(agent));
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.agents.capacity() * size_of::<Symbol>()
    }

    /// The row; `made` holds the id made for it if the source gave none.
    pub(crate) fn row<'a>(&self, of: Owner<'a>, made: &'a mut String, is_final: bool) -> ConversationRow<'a> {
        let (sums, interner) = (&self.sums, of.interner);
        let id = interner.str(sums.id.symbol());
        let opening = attributes::entry(sums.opening.symbol(), interner);
        let customer = interner.str(sums.customer.symbol());
        let visitor = interner.str(sums.visitor.symbol());
        let contact = interner.str(sums.contact.symbol());
        let place = attributes::place(sums.place.symbol(), interner);
        let resolved = sums.last_resolved.order().filter(|&at| sums.last_reopened.order() < Some(at));
        let time = |order: Option<Order>| order.map(|(at, _)| at);
        let score = |score: i16| f32::from(score) / 1e4;
        ConversationRow {
            deleted: false,
            is_final,
            site: of.site,
            conversation_id: if id.is_empty() { of.made_id(sums.begin, opening.channel, made) } else { id },
            customer,
            visitor,
            contact,
            person: match (customer, visitor, contact) {
                ("", "", "") => of.key,
                ("", "", contact) => Key::contact(of.site, contact),
                ("", visitor, _) => Key::visitor(of.site, visitor),
                (customer, _, _) => Key::customer(of.site, customer),
            },
            channel: opening.channel,
            opened_at: sums.begin.0,
            last_at: sums.end,
            first_reply_at: time(sums.first_reply.order()),
            first_resolved_at: time(sums.first_resolved.order()),
            resolved_at: time(resolved),
            reopen_count: sums.reopen_count,
            customer_message_count: sums.customer_message_count,
            agent_message_count: sums.agent_message_count,
            bot_message_count: sums.bot_message_count,
            agent_count: self.agents.len() as u32,
            rating_first: sums.rating_first.get(),
            rating_latest: sums.rating_latest.get().map(|(rating, _)| rating),
            scale: sums.rating_latest.get().and_then(|(_, scale)| Scale::from_code(scale)).unwrap_or_default(),
            score_start: sums.score_start.get().map(score),
            score_end: sums.score_end.get().map(score),
            score_worst: sums.score_worst.map(score),
            language: interner.str(sums.language.symbol()),
            topics: sums.topics,
            friction_count: sums.friction_count,
            priority: interner.str(sums.priority.symbol()),
            department: interner.str(sums.department.symbol()),
            store: interner.str(sums.store.symbol()),
            country: place.country,
            city: place.city,
            status: STATUS[usize::from(sums.status.get().unwrap_or_default()).min(2)],
        }
    }
}

impl Sums {
    fn life(&mut self, kind: Kind, order: Order) {
        match kind {
            Kind::SupportOpened => self.status.offer(order, 0),
            Kind::SupportResolved => {
                self.first_resolved.offer(order, true);
                self.last_resolved.offer(order, true);
                self.status.offer(order, 1);
            }
            Kind::SupportReopened => {
                self.reopen_count += 1;
                self.last_reopened.offer(order, true);
                self.status.offer(order, 0);
            }
            Kind::SupportClosed => self.status.offer(order, 2),
            _ => {}
        }
    }

    fn message(&mut self, event: &Event, entry: &Entry) {
        let order = event.order();
        let is_message = match event.kind {
            Kind::SupportMessage | Kind::SupportMention => true,
            Kind::SupportOpened => event.has(Event::HAS_TEXT),
            _ => false,
        };
        match entry.author {
            Author::Customer => {
                self.customer_message_count += u32::from(is_message);
                if is_message || event.kind == Kind::SupportOpened {
                    self.first_word.offer(order, true);
                }
                if event.has(Event::HAS_SCORE) {
                    self.score_start.offer(order, event.score);
                    self.score_end.offer(order, event.score);
                    self.score_worst = Some(self.score_worst.map_or(event.score, |worst| worst.min(event.score)));
                }
                if event.has(Event::HAS_TEXT) && !entry.language.is_none() {
                    self.language.offer(order, entry.language);
                }
                self.topics |= entry.topics;
                self.friction_count += u32::from(event.has(Event::FRICTION));
            }
            Author::Agent if is_message => {
                self.agent_message_count += 1;
                if self.first_word.order().is_some_and(|word| word < order) {
                    self.first_reply.offer(order, true);
                }
            }
            Author::Bot if is_message => self.bot_message_count += 1,
            _ => {}
        }
    }

    fn absorb(&mut self, other: &Sums) {
        self.begin = self.begin.min(other.begin);
        self.end = self.end.max(other.end);
        self.size += other.size;
        self.id.absorb(&other.id);
        self.customer.absorb(&other.customer);
        self.visitor.absorb(&other.visitor);
        self.contact.absorb(&other.contact);
        self.place.absorb(&other.place);
        self.store.absorb(&other.store);
        self.opening.absorb(&other.opening);
        self.language.absorb(&other.language);
        self.priority.absorb(&other.priority);
        self.department.absorb(&other.department);
        self.first_word.absorb(&other.first_word);
        self.first_reply.absorb(&other.first_reply);
        self.first_resolved.absorb(&other.first_resolved);
        self.last_resolved.absorb(&other.last_resolved);
        self.last_reopened.absorb(&other.last_reopened);
        self.status.absorb(&other.status);
        self.reopen_count += other.reopen_count;
        self.customer_message_count += other.customer_message_count;
        self.agent_message_count += other.agent_message_count;
        self.bot_message_count += other.bot_message_count;
        self.rating_first.absorb(&other.rating_first);
        self.rating_latest.absorb(&other.rating_latest);
        self.score_start.absorb(&other.score_start);
        self.score_end.absorb(&other.score_end);
        self.score_worst = match (self.score_worst, other.score_worst) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.topics |= other.topics;
        self.friction_count += other.friction_count;
    }
}

/// Whose rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) key: Key,
    pub(crate) site: &'a str,
    pub(crate) interner: &'a Interner,
}

impl<'a> Owner<'a> {
    /// The id of a conversation that has none: made of person, channel and first entry.
    fn made_id(&self, begin: Order, channel: Channel, made: &'a mut String) -> &'a str {
        let mut bytes = [0; 25];
        bytes[..16].copy_from_slice(&self.key.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&begin.1.to_le_bytes());
        bytes[24] = channel as u8;
        made.clear();
        // Writing to a string cannot fail.
        let _ = write!(made, "~{:016x}", xxh3_64(&bytes));
        made
    }

    /// The row that takes back the conversation without an id which began with the entry at `begin`.
    pub(crate) fn retraction(&self, begin: Order, channel: Channel, made: &'a mut String) -> ConversationRow<'a> {
        ConversationRow {
            deleted: true,
            is_final: true,
            site: self.site,
            conversation_id: self.made_id(begin, channel, made),
            person: self.key,
            channel,
            opened_at: begin.0,
            last_at: begin.0,
            status: STATUS[0],
            ..ConversationRow::default()
        }
    }
}
