//! From a chain to its rows: what it says now, and what it takes back of what it said before.

use crate::chain::{Base, Chain, Class};
use crate::conversation;
use crate::event::{Event, Order};
use crate::intern::Interner;
use crate::parts::Part;
use crate::rows::Cut;
use crate::rows::Out;
use crate::rules::Rules;
use crate::session;
use crate::window::{self, Segment};
use crumbtrail_events::{EventTime, Key};
use smallvec::SmallVec;

/// Whose chain it is and by which rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) key: Key,
    pub(crate) site: &'a str,
    pub(crate) visitor: &'a str,
    pub(crate) rules: &'a Rules,
    pub(crate) horizon: EventTime,
    pub(crate) interner: &'a Interner,
    /// Most events of a chain of which rows are said at once: see `parts.rs`.
    pub(crate) at_once: usize,
}

/// Buffers kept between emissions.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    segments: Vec<Segment>,
    made: String,
}

/// Emits the rows of a chain, or of a part of a long one. Every row is said at most once, and what is taken back is said first.
pub(crate) fn emit(chain: &mut Chain, is_final: bool, of: Context<'_>, scratch: &mut Scratch, out: &mut impl Out) {
    let before = chain.live.len();
    chain.fold(chain.foldable(of.horizon, of.rules), of.rules, of.interner);
    if chain.class.is_session() {
        // Folding has taken its time, too.
        let most = of.at_once.saturating_sub(before - chain.live.len()).max(Chain::SCANNED);
        sessions(chain, (is_final, most), of, &mut scratch.segments, out);
    } else {
        chain.is_dirty = false;
        conversation(chain, is_final, of, &mut scratch.made, out);
        if chain.rare.is_some() {
            chain.find_heads();
        }
    }
}

/// The rows of the sessions that end in the next part of a chain, and of the one open at its end if nothing comes behind.
fn sessions(
    chain: &mut Chain,
    (is_final, most): (bool, usize),
    of: Context<'_>,
    segments: &mut Vec<Segment>,
    out: &mut impl Out,
) {
    let owner = session::Owner { key: of.key, site: of.site, visitor: of.visitor, interner: of.interner };
    let mut part = chain.next_part(is_final, most);
    let (from, count) = (part.places.start, part.places.len());
    let mut carried = part.carried.take();
    segments.clear();
    let open = carried.as_ref().map(|sum| sum.open);
    window::cut(chain.live.rest(from).take(count), open, of.rules, of.interner, |segment| segments.push(segment));
    if let Some(first) = segments.first_mut() {
        first.open.is_continuation |= part.continues;
    }
    take_back(chain, &part, segments, owner, out);
    if let Some(rare) = &mut chain.rare {
        for (sum, cut) in rare.done.drain(..) {
            out.session(&sum.row(owner, cut, true, of.rules));
        }
    }
    let is_whole = part.places.end == chain.live.len();
    let (mut open, mut said_before) = (None, None);
    for segment in segments.iter() {
        let is_open = segment.cut == Cut::Open;
        let mut sum = carried.take_if(|_| segment.is_carried).unwrap_or_default();
        let events = chain.live.rest(from + segment.events.start).take(segment.events.len());
        events.for_each(|event| sum.add(event, of.rules, of.interner));
        sum.open = segment.open;
        if is_whole || !is_open {
            chain.mark_said(segment.open);
            said_before = said_before.or(segment.is_carried.then_some(segment.open.start));
            let cut = if is_open && is_final { Cut::Gap } else { segment.cut };
            out.session(&sum.row(owner, cut, is_final, of.rules));
        }
        if is_open {
            open = Some(sum);
        }
    }
    if chain.rare.is_some() || segments.len() > 1 {
        chain.find_heads_in(part.places.clone(), said_before);
    }
    chain.said(&part, open, of.at_once);
}

/// Takes back the rows that begin in a part no more.
fn take_back(chain: &mut Chain, part: &Part, segments: &[Segment], owner: session::Owner<'_>, out: &mut impl Out) {
    let is_whole = part.places.end == chain.live.len();
    if let Some(rare) = &mut chain.rare {
        // A row that is said anew under the same key, now, need not be taken back first.
        let ended = segments.iter().filter(|segment| is_whole || segment.cut != Cut::Open);
        let done = rare.done.iter().map(|(sum, _)| sum.open.start);
        let said = ended.map(|segment| segment.open.start).chain(done);
        rare.stale.retain(|begin| !said.clone().any(|start| (start.at, start.id) == (begin.at, begin.id)));
        rare.stale.drain(..).for_each(|begin| out.session(&owner.retraction(begin)));
    }
    let heads = segments.iter().filter(|segment| !segment.is_carried);
    let mut heads = heads.map(|segment| segment.events.start).peekable();
    for (i, event) in chain.live.rest_mut(part.places.start).take(part.places.len()).enumerate() {
        if heads.next_if_eq(&i).is_none() && event.has(Event::EMITTED) {
            event.flags &= !Event::EMITTED;
            out.session(&owner.retraction(event.order()));
        }
    }
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
    let begins = if is_carried { Some(sum.begin()) } else { chain.live.first().map(Event::order) };
    let has_id = chain.class == Class::CASE;
    // A key is the id and the time of the first entry. An id that is made is made of that entry, too.
    let is_same_row = |begin: Order| {
        begins.is_some_and(
            |first| if has_id { first.at == begin.at } else { (first.at, first.id) == (begin.at, begin.id) },
        )
    };
    let mut taken_back: SmallVec<[Order; 2]> = SmallVec::new();
    if let Some(rare) = &mut chain.rare {
        taken_back.extend(rare.stale.drain(..));
    }
    for event in chain.live.rest_mut(0).filter(|event| event.has(Event::EMITTED)) {
        event.flags &= !Event::EMITTED;
        taken_back.push(event.order());
    }
    taken_back.retain(|begin| !is_same_row(*begin));
    taken_back.sort_unstable();
    // Of two entries at one time each may have begun the row of a conversation with an id.
    taken_back.dedup_by_key(|begin| (begin.at, if has_id { 0 } else { begin.id }));
    let channel = chain.class.channel();
    for begin in taken_back {
        let told_id = has_id.then(|| sum.id_or(chain.live.first(), of.interner));
        out.conversation(&owner.retraction(begin, channel, told_id, made));
    }
    if !is_carried && let Some(first) = chain.live.rest_mut(0).next() {
        first.flags |= Event::EMITTED;
    }
    if begins.is_none() {
        return;
    }
    chain.live.iter().for_each(|event| sum.add(event, of.rules, of.interner));
    out.conversation(&sum.row(owner, of.rules, made, is_final));
}
