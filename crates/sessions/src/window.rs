//! Where a session is cut, and when an event is late. Everything else in this crate only carries these rules out.
//!
//! Events of one visitor stand in total order: corrected time, device time, id. A *session* is what [`cut`] makes of that
//! order; it reads the events and nothing else, so neither arrival order, nor ticks, nor batches can move a cut.
//!
//! * An event starts a session if none is open and it [may start one](Event::may_start): marketing messages never do. Nor do
//!   they end one: what comes behind a session's end is in none, and the next event says why it ended.
//! * The open session goes on while the next event is at most `gap` after its last one (exactly the gap: same session).
//! * It is rolled over before an event more than `longest` after its first, and when it has `most` events. The session
//!   that this event starts is a continuation; so is the one that goes on after midnight, if midnight cuts.
//! * Another customer than the one it has known cuts it: a shared device doesn't mix people. Events without a customer
//!   (before a login, after a logout) belong to the session they fall into.
//! * If the client's own session id decides, another one cuts, and the same one is not cut by midnight or a campaign.
//! * A new and different campaign cuts it, if campaigns do: see `campaign.rs`.
//! * Heartbeats are events: they start, extend and fill sessions. They are not counted in the rows.
//!
//! The rules are asked in the order of [`why_cut`]; the first that cuts names the reason. Bots never meet people here:
//! their events are another chain (`chain.rs`).

use crate::attributes::{CLIENT, CUSTOMER};
use crate::campaign;
use crate::event::{Event, Order};
use crate::intern::{Interner, Symbol};
use crate::rows::Cut;
use crate::rules::{Limits, Rules};
use crate::stored::stored_fields;
use crumbtrail_events::{EventTime, Kind};
use std::ops::Range;

/// What the rules remember of the open session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open {
    /// Its first event.
    pub(crate) start: Order,
    /// Time of its last event.
    pub(crate) last: EventTime,
    /// Its events so far.
    pub(crate) size: u32,
    /// It began where a longer one was rolled over.
    pub(crate) is_continuation: bool,
    /// When the day of its first event ends, if midnight cuts.
    midnight: EventTime,
    /// Its first customer.
    pub(crate) customer: Symbol,
    /// The client's own id of it, if that decides.
    pub(crate) client: Symbol,
    /// Its first touch that is not direct.
    pub(crate) touch: Symbol,
}

stored_fields!(Open { start, last, size, is_continuation, midnight, customer, client, touch });

/// One session within a row of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its events, by their places among those that were cut.
    pub(crate) events: Range<usize>,
    /// It goes on from the session that was open before these.
    pub(crate) is_carried: bool,
    /// The session after its last event.
    pub(crate) open: Open,
    /// Why it ended; `Open` if the events ended first.
    pub(crate) cut: Cut,
}

/// What an event shows of who came, and how.
#[derive(Clone, Copy)]
struct Signs {
    customer: Symbol,
    client: Symbol,
    touch: Symbol,
}

/// Why `event` cannot go on with the open session; `None` if it can.
#[inline]
fn why_cut(open: &Open, event: &Event, signs: Signs, rules: &Rules, interner: &Interner) -> Option<Cut> {
    let differ = |ours: Symbol, theirs: Symbol| !ours.is_none() && !theirs.is_none() && ours != theirs;
    let clients_agree = !open.client.is_none() && (signs.client == open.client || !event.may_start());
    if event.at().since(open.last) > rules.limits.gap_ms {
        Some(Cut::Gap)
    } else if event.at().since(open.start.at) > rules.longest_ms {
        Some(Cut::Longest)
    } else if open.size >= rules.most_events {
        Some(Cut::Most)
    } else if rules.cut_on_customer && differ(open.customer, signs.customer) {
        Some(Cut::Customer)
    } else if differ(open.client, signs.client) && event.kind != Kind::PagePing {
        // A heartbeat of a page left open says nothing of where the visitor is.
        Some(Cut::ClientSession)
    } else if rules.midnight.is_some() && event.at() >= open.midnight && !clients_agree {
        Some(Cut::Midnight)
    } else if rules.cut_on_campaign && !clients_agree && campaign::is_another(open.touch, signs.touch, interner) {
        Some(Cut::Campaign)
    } else {
        None
    }
}

impl Open {
    /// The session that `event` starts.
    fn start(event: &Event, signs: Signs, is_continuation: bool, rules: &Rules) -> Open {
        Open {
            start: event.order(),
            last: event.at(),
            size: 1,
            is_continuation,
            midnight: rules.midnight.as_ref().map_or(EventTime::MAX, |zone| zone.next_midnight(event.at())),
            customer: signs.customer,
            client: signs.client,
            touch: signs.touch,
        }
    }

    /// Takes in an event that goes on with it.
    fn extend(&mut self, event: &Event, signs: Signs) {
        let first = |held: &mut Symbol, found| *held = if held.is_none() { found } else { *held };
        self.last = event.at();
        self.size += 1;
        first(&mut self.customer, signs.customer);
        first(&mut self.client, signs.client);
        first(&mut self.touch, signs.touch);
    }
}

/// Reads the signs of events one after the other; of most, they are those of the one before. The touch is read only
/// where it matters: while the session holds none, or where campaigns cut.
struct Reader<'a> {
    interner: &'a Interner,
    attributes: Symbol,
    customer: Symbol,
    client: Symbol,
}

impl Reader<'_> {
    #[inline]
    fn signs(&mut self, event: &Event, held: Symbol, rules: &Rules) -> Signs {
        if event.attributes != self.attributes {
            self.attributes = event.attributes;
            self.customer = self.interner.part(event.attributes, CUSTOMER);
            self.client = self.interner.part(event.attributes, CLIENT);
        }
        let mut signs = Signs { customer: self.customer, client: Symbol::NONE, touch: Symbol::NONE };
        if rules.limits.client_sessions {
            signs.client = self.client;
        }
        if !event.may_start() {
            // A message sent to somebody is not that somebody's coming.
            (signs.customer, signs.client) = (Symbol::NONE, Symbol::NONE);
        } else if event.has(Event::RICH) && (held.is_none() || rules.cut_on_campaign) {
            let touch = self.interner.part(event.detail(self.interner), 0);
            signs.touch = if campaign::says_whence(touch, self.interner) { touch } else { Symbol::NONE };
        }
        signs
    }
}

/// Cuts `events`, in total order, into sessions; the first may go on from `carried`, the session open before them.
pub(crate) fn cut<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    carried: Option<Open>,
    rules: &Rules,
    interner: &Interner,
    mut each: impl FnMut(Segment),
) {
    let none = Symbol::NONE;
    let mut reader = Reader { interner, attributes: none, customer: none, client: none };
    let mut open = carried;
    let mut begin = 0;
    let mut end = 0;
    let mut is_carried = open.is_some();
    for (i, event) in events.into_iter().enumerate() {
        let held = open.as_ref().map_or(Symbol::NONE, |open| open.touch);
        let mut signs = reader.signs(event, held, rules);
        let why = open.as_ref().and_then(|open| why_cut(open, event, signs, rules, interner));
        if why.is_some() && !event.may_start() {
            continue;
        }
        let is_continuation = why.is_some_and(Cut::is_rolled_over);
        if let Some(cut) = why
            && let Some(open) = open.take()
        {
            each(Segment { events: begin..end, is_carried, open, cut });
            signs = reader.signs(event, Symbol::NONE, rules);
        }
        match &mut open {
            Some(open) => open.extend(event, signs),
            None if event.may_start() => {
                open = Some(Open::start(event, signs, is_continuation, rules));
                (begin, is_carried) = (i, false);
            }
            None => continue,
        }
        end = i + 1;
    }
    if let Some(open) = open {
        each(Segment { events: begin..end, is_carried, open, cut: Cut::Open });
    }
}

/// The event time before which nothing may arrive any more on its own.
pub(crate) fn horizon(watermark: EventTime, limits: &Limits) -> EventTime {
    if watermark == EventTime::MAX { watermark } else { watermark.plus(-limits.lateness_ms) }
}

/// Whether an event is late: the window it would belong to *after merging* ended before the horizon.
pub(crate) fn is_late(merged_end: EventTime, horizon: EventTime) -> bool {
    merged_end < horizon
}

/// Whether no event that is not late can reach a window that ended at `end`.
pub(crate) fn is_closed(end: EventTime, gap_ms: i64, horizon: EventTime) -> bool {
    end.plus(gap_ms) < horizon
}

#[cfg(test)]
mod tests;
