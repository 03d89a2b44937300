//! What the entries of one conversation add up to, and the row that says it.
//!
//! A conversation with an id is the entries of that id, cut where nothing was said for more than 90 days. One without is the
//! entries of one customer (else visitor, else contact) on one channel, cut where nothing was said for more than 24 h. It is
//! *settled* when it has been silent for 24 h and the lateness besides: its row is then marked final. A settled conversation
//! with an id is kept as a summary until nothing in time can join it, and an entry that does opens it again: its row is then not
//! final until it has settled anew. What comes later is another conversation of the same id; its first entry tells it apart.
//!
//! A *message* is a message or mention, or an opening that has text; so is the text of a human agent's `resolved` or `closed`. A
//! rating with text is one on the public channels (review, social, comment), where it is how a contact begins. The customer's
//! *first word* is a message, an opening or a reopening of theirs, or a rating of any kind where the conversation began on a
//! public channel or by a survey. From it the clocks run: without one nothing is promised. The *first reply* is the first message
//! of a human agent after it; automata never reply. `resolved` and `closed` show as the status until the case is `opened` or
//! `reopened`, which takes both back, and nobody waits meanwhile.

use crate::attributes::{self, CONTACT, CUSTOMER, ENTRY_PLACE, Entry, STORE, VISITOR};
use crate::event::{Event, Order};
use crate::feedback::{Feelings, Ratings};
use crate::intern::{Interner, Symbol};
use crate::opinions::Opinions;
use crate::place::Whence;
use crate::rows::ConversationRow;
use crate::rules::Rules;
use crate::session::first;
use crate::sla;
use crate::stored::{Resolve, Stored, stored_fields};
use crate::waiting::{Turn, Waiting};
use crumbtrail_events::vocabulary::{Author, Channel};
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{EventTime, Key, Kind};
use std::fmt::Write as _;
use xxhash_rust::xxh3::xxh3_64;

/// The sum of a conversation's entries, added in total order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    /// A row of this conversation has been emitted and not retracted.
    pub(crate) is_emitted: bool,
    sums: Sums,
    /// Distinct agents, in the order of their first entry.
    agents: Vec<Symbol>,
    /// Distinct departments, likewise.
    departments: Vec<Symbol>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    begin: Order,
    end: EventTime,
    size: u32,
    /// The source's conversation id.
    id: Symbol,
    customer: Symbol,
    visitor: Symbol,
    contact: Symbol,
    whence: Whence,
    store: Symbol,
    channel: u8,
    channel_latest: u8,
    channel_change_count: u32,
    language: Symbol,
    priority: Symbol,
    /// The agent and department told last.
    agent: Symbol,
    department: Symbol,
    handover_count: u32,
    department_change_count: u32,
    /// The customer's first.
    first_word: Option<EventTime>,
    first_reply: Option<EventTime>,
    first_resolved: Option<EventTime>,
    resolved: Option<EventTime>,
    /// The first close that holds.
    closed: Option<EventTime>,
    /// Messages of human agents up to the resolution that holds.
    touches: u32,
    status: u8,
    reopen_count: u32,
    customer_message_count: u32,
    agent_message_count: u32,
    bot_message_count: u32,
    waiting: Waiting,
    ratings: Ratings,
    feelings: Feelings,
    opinions: Opinions,
}

stored_fields!(Sums {
    begin,
    end,
    size,
    id,
    customer,
    visitor,
    contact,
    whence,
    store,
    channel,
    channel_latest,
    channel_change_count,
    language,
    priority,
    agent,
    department,
    handover_count,
    department_change_count,
    first_word,
    first_reply,
    first_resolved,
    resolved,
    closed,
    touches,
    status,
    reopen_count,
    customer_message_count,
    agent_message_count,
    bot_message_count,
    waiting,
    ratings,
    feelings,
    opinions,
});

/// The status of what is not over, as stored.
const OPEN: u8 = 0;
const STATUS: [&str; 3] = ["open", "resolved", "closed"];

impl Summary {
    /// Adds one entry; they come in total order.
    pub(crate) fn add(&mut self, event: &Event, rules: &Rules, interner: &Interner) {
        let entry = attributes::entry(event.detail(interner), interner);
        let sums = &mut self.sums;
        if sums.size == 0 {
            sums.begin = event.order();
            (sums.channel, sums.channel_latest) = (entry.channel as u8, entry.channel as u8);
        }
        sums.end = event.at();
        sums.size += 1;
        let part = |n| interner.part(event.attributes, n);
        first(&mut sums.id, event.page(interner));
        first(&mut sums.customer, part(CUSTOMER));
        first(&mut sums.visitor, part(VISITOR));
        first(&mut sums.contact, part(CONTACT));
        first(&mut sums.store, part(STORE));
        sums.whence.offer(part(ENTRY_PLACE), event.has(Event::HAS_COUNTRY));
        if !entry.priority.is_none() {
            sums.priority = entry.priority;
        }
        if entry.channel as u8 != sums.channel_latest {
            sums.channel_latest = entry.channel as u8;
            sums.channel_change_count += 1;
        }
        if entry.author != Author::Bot {
            sums.handover_count += u32::from(hand_over(&mut sums.agent, entry.agent, &mut self.agents));
        }
        let is_moved = hand_over(&mut sums.department, entry.department, &mut self.departments);
        sums.department_change_count += u32::from(is_moved);
        sums.reopen(event, rules);
        sums.message(event, &entry, rules, interner);
        sums.end(event, rules);
        if let Some(rating) = entry.scale.rating_by(entry.author, entry.rating) {
            sums.ratings.rate(rating, entry.scale);
        }
    }

    /// Whether it has no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.sums.size == 0
    }

    /// The source's id of it; while it is empty, that of `next`, its first entry to be.
    pub(crate) fn id_or<'a>(&self, next: Option<&Event>, interner: &'a Interner) -> &'a str {
        let next = || next.map_or(Symbol::NONE, |event| event.page(interner));
        interner.str(if self.is_empty() { next() } else { self.sums.id })
    }

    /// Its first entry.
    pub(crate) fn begin(&self) -> Order {
        self.sums.begin
    }

    /// Time of its last entry.
    pub(crate) fn end(&self) -> EventTime {
        self.sums.end
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(&self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        self.is_emitted.save(out, symbol);
        self.sums.save(out, symbol);
        for set in [&self.agents, &self.departments] {
            (set.len() as u32).save(out, symbol);
            set.iter().for_each(|held| held.save(out, symbol));
        }
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Summary, WireError> {
        let mut read = Summary {
            is_emitted: Stored::load(reader, symbol)?,
            sums: Stored::load(reader, symbol)?,
            ..Summary::default()
        };
        for set in [&mut read.agents, &mut read.departments] {
            for _ in 0..u32::load(reader, symbol)? {
                set.push(Symbol::load(reader, symbol)?);
            }
        }
        Ok(read)
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        self.sums.mark(interner);
        self.agents.iter().chain(&self.departments).for_each(|&held| interner.mark(held));
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        (self.agents.capacity() + self.departments.capacity()) * size_of::<Symbol>()
    }

    /// The row; `made` holds the id made for it if the source gave none.
    pub(crate) fn row<'a>(
        &self,
        of: Owner<'a>,
        rules: &Rules,
        made: &'a mut String,
        is_final: bool,
    ) -> ConversationRow<'a> {
        let (sums, interner) = (&self.sums, of.interner);
        let id = interner.str(sums.id);
        let (customer, visitor) = (interner.str(sums.customer), interner.str(sums.visitor));
        let contact = interner.str(sums.contact);
        let place = attributes::place(sums.whence.place, interner);
        let channel = Channel::from_code(sums.channel).unwrap_or_default();
        let priority = interner.str(sums.priority);
        let opened_at = sums.begin.at;
        let due = |word| sla::due(&rules.policies, &rules.hours, priority, channel, word);
        let due = sums.first_word.map(due).unwrap_or_default();
        let business = |at: Option<EventTime>| at.map(|at| rules.hours.between(opened_at, at));
        let replied = sums.first_word.zip(sums.first_reply);
        let [rating_first, rating_latest] = sums.ratings.ends();
        let [score_start, score_end, score_worst] = sums.feelings.scores();
        let (awaiting, waiting_since) = sums.waiting.awaiting(sums.status != OPEN);
        ConversationRow {
            deleted: false,
            is_final,
            site: of.site,
            conversation_id: if id.is_empty() { of.made_id(sums.begin, channel, made) } else { id },
            customer,
            visitor,
            contact,
            person: match (customer, visitor, contact) {
                ("", "", "") => of.key,
                ("", "", contact) => Key::contact(of.site, contact),
                ("", visitor, _) => Key::visitor(of.site, visitor),
                (customer, _, _) => Key::customer(of.site, customer),
            },
            channel,
            opened_at,
            last_at: sums.end,
            first_word_at: sums.first_word,
            first_reply_at: sums.first_reply,
            first_resolved_at: sums.first_resolved,
            resolved_at: sums.resolved,
            first_reply_business_ms: replied.map(|(word, reply)| rules.hours.between(word, reply)),
            first_resolution_business_ms: business(sums.first_resolved),
            resolution_business_ms: business(sums.resolved),
            awaiting,
            waiting_since,
            requester_wait_ms: sums.waiting.requester_ms,
            requester_wait_business_ms: sums.waiting.requester_business_ms,
            agent_wait_ms: sums.waiting.agent_ms,
            first_reply_due_at: due.first_reply,
            resolution_due_at: due.resolution,
            is_first_reply_breached: sla::is_breached(due.first_reply, sums.first_reply),
            is_resolution_breached: sla::is_breached(due.resolution, sums.resolved.or(sums.closed)),
            touch_class: match (sums.resolved, sums.touches) {
                (None, _) => "",
                (_, 0) => "none",
                (_, 1) => "one",
                (_, 2) => "two",
                _ => "multi",
            },
            reopen_count: sums.reopen_count,
            customer_message_count: sums.customer_message_count,
            agent_message_count: sums.agent_message_count,
            bot_message_count: sums.bot_message_count,
            agent_count: self.agents.len() as u32,
            handover_count: sums.handover_count,
            department_count: self.departments.len() as u32,
            department_change_count: sums.department_change_count,
            channel_change_count: sums.channel_change_count,
            rating_first,
            rating_latest,
            rating_move: sums.ratings.movement(),
            rating_turn: sums.ratings.turn(),
            csat: sums.ratings.csat,
            nps: sums.ratings.nps,
            ces: sums.ratings.ces,
            scale: sums.ratings.scale(),
            score_start,
            score_end,
            score_worst,
            score_trend: sums.feelings.trend(),
            language: interner.str(sums.language),
            topics: sums.opinions.topics,
            likes: sums.opinions.likes,
            dislikes: sums.opinions.dislikes,
            frictions: sums.opinions.frictions,
            friction_count: sums.opinions.friction_count,
            question_count: sums.opinions.question_count,
            complaint_count: sums.opinions.complaint_count,
            suggestion_count: sums.opinions.suggestion_count,
            praise_count: sums.opinions.praise_count,
            priority,
            department: interner.str(sums.department),
            store: interner.str(sums.store),
            country: place.country,
            city: place.city,
            status: STATUS[usize::from(sums.status).min(2)],
        }
    }
}

/// Notes whom an entry names; true if the conversation goes from one to another.
fn hand_over(held: &mut Symbol, found: Symbol, all: &mut Vec<Symbol>) -> bool {
    if found.is_none() || found == *held {
        return false;
    }
    if !all.contains(&found) {
        all.push(found);
    }
    !std::mem::replace(held, found).is_none()
}

impl Sums {
    /// What is resolved or closed is so no longer once it is opened, whether for the first time or again.
    fn reopen(&mut self, event: &Event, rules: &Rules) {
        let is_over = self.status != OPEN;
        let is_again = match event.kind {
            Kind::SupportOpened => is_over,
            Kind::SupportReopened => true,
            _ => return,
        };
        self.reopen_count += u32::from(is_over);
        (self.resolved, self.closed, self.status) = (None, None, OPEN);
        if is_again {
            self.turn(Turn::Customer, event.at(), rules);
        }
    }

    fn end(&mut self, event: &Event, rules: &Rules) {
        let at = event.at();
        match event.kind {
            Kind::SupportResolved => {
                self.first_resolved = self.first_resolved.or(Some(at));
                self.resolved = Some(at);
                self.touches = self.agent_message_count;
                self.turn(Turn::Over, at, rules);
                self.status = 1;
            }
            Kind::SupportClosed => {
                self.closed = self.closed.or(Some(at));
                self.turn(Turn::Over, at, rules);
                self.status = 2;
            }
            _ => {}
        }
    }

    fn turn(&mut self, turn: Turn, at: EventTime, rules: &Rules) {
        if self.status == OPEN {
            self.waiting.turn(turn, at, &rules.hours);
        } else {
            self.waiting.after(turn, at);
        }
    }

    fn message(&mut self, event: &Event, entry: &Entry, rules: &Rules, interner: &Interner) {
        let has_text = event.has(Event::HAS_TEXT);
        let is_message = match event.kind {
            Kind::SupportMessage | Kind::SupportMention => true,
            Kind::SupportOpened => has_text,
            Kind::SupportResolved | Kind::SupportClosed => has_text && entry.author == Author::Agent,
            Kind::SupportRating => has_text && is_public(entry.channel),
            _ => false,
        };
        match entry.author {
            Author::Customer => {
                self.customer_message_count += u32::from(is_message);
                let is_rating = event.kind == Kind::SupportRating && is_begun_by_rating(self.channel);
                if is_message || is_rating || matches!(event.kind, Kind::SupportOpened | Kind::SupportReopened) {
                    self.first_word = self.first_word.or(Some(event.at()));
                    self.turn(Turn::Customer, event.at(), rules);
                }
                if let Some(score) = event.score(interner) {
                    self.feelings.feel(score);
                }
                if has_text {
                    first(&mut self.language, entry.language);
                }
                self.opinions.add(entry, event.has(Event::FRICTION));
            }
            Author::Agent if is_message => {
                self.agent_message_count += 1;
                if self.first_word.is_some() {
                    self.first_reply = self.first_reply.or(Some(event.at()));
                }
                self.turn(Turn::Agent, event.at(), rules);
            }
            Author::Bot if is_message => self.bot_message_count += 1,
            _ => {}
        }
    }
}

/// Channels on which everyone reads along.
fn is_public(channel: Channel) -> bool {
    matches!(channel, Channel::Review | Channel::Social | Channel::CommentOnSite)
}

/// Whether a conversation that began on this channel is one of ratings: without a word, too, they are a contact to be answered. A
/// survey in a case that began elsewhere is a verdict on it.
fn is_begun_by_rating(began: u8) -> bool {
    Channel::from_code(began).is_some_and(|channel| channel == Channel::Survey || is_public(channel))
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
        bytes[16..24].copy_from_slice(&begin.id.to_le_bytes());
        bytes[24] = channel as u8;
        made.clear();
        // Writing to a string cannot fail.
        let _ = write!(made, "~{:016x}", xxh3_64(&bytes));
        made
    }

    /// The row that takes back the conversation which began with the entry at `begin`; `told_id` is the source's own id.
    pub(crate) fn retraction(
        &self,
        begin: Order,
        channel: Channel,
        told_id: Option<&'a str>,
        made: &'a mut String,
    ) -> ConversationRow<'a> {
        ConversationRow {
            deleted: true,
            is_final: true,
            site: self.site,
            conversation_id: told_id.unwrap_or_else(|| self.made_id(begin, channel, made)),
            person: self.key,
            channel,
            opened_at: begin.at,
            last_at: begin.at,
            status: STATUS[0],
            ..ConversationRow::default()
        }
    }
}
