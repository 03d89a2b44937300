//! From a chain to its rows: what it says now, and what it takes back of what it said before.

use crate::chain::{Base, Chain, Class};
use crate::conversation;
use crate::event::Event;
use crate::intern::Interner;
use crate::rows::Cut;
use crate::rows::Out;
use crate::rules::Rules;
use crate::session;
use crate::window::{self, Segment};
use crumbtrail_events::{EventTime, Key};

/// Whose chain it is and by which rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) key: Key,
    pub(crate) site: &'a str,
    pub(crate) visitor: &'a str,
    pub(crate) rules: &'a Rules,
    pub(crate) horizon: EventTime,
    pub(crate) interner: &'a Interner,
}

/// Buffers kept between emissions.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    segments: Vec<Segment>,
    made: String,
}

/// Emits the rows of a chain. Every row is said at most once, and what is taken back is said first.
pub(crate) fn emit(chain: &mut Chain, is_final: bool, of: Context<'_>, scratch: &mut Scratch, out: &mut impl Out) {
    chain.is_dirty = false;
    scratch.segments.clear();
    chain.gather();
    if chain.wants_fold(of.horizon, of.rules) {
        chain.fold(of.horizon, of.rules, of.interner);
    }
    let from = if chain.class.is_session() && !is_final { chain.cut_from() } else { 0 };
    if chain.class.is_session() {
        sessions(chain, from, is_final, of, &mut scratch.segments, out);
    } else {
        conversation(chain, is_final, of, &mut scratch.made, out);
    }
    if chain.rare.is_some() || scratch.segments.len() > 1 {
        chain.find_heads_from(from);
    }
    if let Some(rare) = &mut chain.rare {
        rare.changed_from = EventTime::MAX;
    }
}

/// The rows of the sessions that begin among the live events from place `from` on; from 0, of the one open before, too.
fn sessions(
    chain: &mut Chain,
    from: usize,
    is_final: bool,
    of: Context<'_>,
    segments: &mut Vec<Segment>,
    out: &mut impl Out,
) {
    let owner = session::Owner { key: of.key, site: of.site, visitor: of.visitor, interner: of.interner };
    let carried = if from == 0 { chain.carried() } else { None };
    window::cut(&chain.live[from..], carried, of.rules, of.interner, |segment| {
        let Segment { events, .. } = segment;
        segments.push(Segment { events: events.start + from..events.end + from, ..segment });
    });
    let mut rare = chain.rare.as_deref_mut();
    if let Some(rare) = &mut rare {
        // A row that is said anew under the same key need not be taken back first.
        let done = &rare.done;
        let said = segments.iter().map(|segment| segment.open.start).chain(done.iter().map(|(sum, _)| sum.open.start));
        rare.stale.retain(|begin| !said.clone().any(|start| (start.at, start.id) == (begin.at, begin.id)));
        rare.stale.drain(..).for_each(|begin| out.session(&owner.retraction(begin)));
    }
    let mut heads =
        segments.iter().filter(|segment| !segment.is_carried).map(|segment| segment.events.start).peekable();
    for (i, event) in chain.live.iter_mut().enumerate().skip(from) {
        if heads.next_if_eq(&i).is_none() && event.has(Event::EMITTED) {
            event.flags &= !Event::EMITTED;
            out.session(&owner.retraction(event.order()));
        }
    }
    let mut changed_from = EventTime::MIN;
    if let Some(rare) = &mut rare {
        for (sum, cut) in rare.done.drain(..) {
            out.session(&sum.row(owner, cut, true, of.rules));
        }
        changed_from = rare.changed_from;
    }
    for (n, segment) in segments.iter().enumerate() {
        if !is_final && is_unchanged(&chain.live, segment, segments.get(n + 1), changed_from) {
            continue;
        }
        let base = rare.as_mut().and_then(|rare| rare.base.as_mut());
        let mut sum = match base {
            Some(Base::Session(sum)) if segment.is_carried => {
                sum.is_emitted = true;
                session::Summary::clone(sum)
            }
            _ => {
                chain.live[segment.events.start].flags |= Event::EMITTED;
                session::Summary::default()
            }
        };
        chain.live[segment.events.clone()].iter().for_each(|event| sum.add(event, of.rules, of.interner));
        sum.open = segment.open;
        let cut = match segment.cut {
            Cut::Open if is_final => Cut::Gap,
            cut => cut,
        };
        out.session(&sum.row(owner, cut, is_final, of.rules));
    }
}

/// Whether a session was emitted as it is: nothing came before the end of it or the start of the next.
fn is_unchanged(live: &[Event], segment: &Segment, next: Option<&Segment>, changed_from: EventTime) -> bool {
    let is_old = |segment: &Segment| {
        let head = &live[segment.events.start];
        head.has(Event::EMITTED) && head.at() < changed_from
    };
    !segment.is_carried && is_old(segment) && next.is_some_and(is_old)
}

fn conversation(chain: &mut Chain, is_final: bool, of: Context<'_>, made: &mut String, out: &mut impl Out) {
    let owner = conversation::Owner { key: of.key, site: of.site, interner: of.interner };
    let mut sum = match chain.rare.as_mut().and_then(|rare| rare.base.as_mut()) {
        Some(Base::Conversation(sum)) => {
            sum.is_emitted = true;
            conversation::Summary::clone(sum)
        }
        _ => conversation::Summary::default(),
    };
    let is_carried = !sum.is_empty();
    if chain.class == Class::CASE {
        // Its id is the source's, so no row of it is ever taken back.
        if let Some(rare) = &mut chain.rare {
            rare.stale.clear();
        }
    } else {
        let channel = chain.class.channel();
        if let Some(rare) = &mut chain.rare {
            let begins = if is_carried { Some(sum.begin().id) } else { chain.live.first().map(|event| event.id) };
            rare.stale.retain(|begin| Some(begin.id) != begins);
            for begin in rare.stale.drain(..) {
                out.conversation(&owner.retraction(begin, channel, made));
            }
        }
        for (i, event) in chain.live.iter_mut().enumerate() {
            if i == 0 && !is_carried {
                continue;
            }
            if event.has(Event::EMITTED) {
                event.flags &= !Event::EMITTED;
                out.conversation(&owner.retraction(event.order(), channel, made));
            }
        }
        if !is_carried && let Some(first) = chain.live.first_mut() {
            first.flags |= Event::EMITTED;
        }
    }
    if sum.is_empty() && chain.live.is_empty() {
        return;
    }
    chain.live.iter().for_each(|event| sum.add(event, of.rules, of.interner));
    out.conversation(&sum.row(owner, of.rules, made, is_final));
}
