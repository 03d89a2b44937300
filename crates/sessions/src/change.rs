//! Other rules from here on: what becomes of the sessions and conversations that are open then.
//!
//! What the watermark has passed is final under the rules it was cut by. The rest is cut anew, whole, by the new ones: a
//! shorter gap parts chains, a longer one joins them, and every row that is still open is said again. Where events were
//! folded into a sum, its cuts stand (see `fold.rs`).
//!
//! ```text
//!  gap 30 min  ●────20────●────20────●          gap 10 min  ●          ●          ●
//! ```
//!
//! With a longer gap an event could reach an open chain across one that is final, and whose ids are forgotten: a repeat of
//! that one's would count twice. So once a gap has grown, what lies behind the horizon of that moment is late, whatever
//! open window it would have joined.

use crate::chain::Chain;
use crate::rows::Out;
use crate::rules::{Limits, RuleBook};
use crate::state::{BUCKET, Sessions, arm, count_of};
use crumbtrail_events::{EventTime, Key};
use smallvec::SmallVec;
use std::io;

/// Keys whose rows are said anew in a ms of the ticks' wall time: 16,000 at a tick a second.
const ROWS_A_MS: u64 = 16;
/// So many ms have one turn.
const TURN_MS: u64 = 100;

impl Sessions {
    /// From here on other rules hold. Rows that become final by the old ones come out now, the others at ticks, those of many keys
    /// over more than one.
    ///
    /// # Errors
    /// Events that were moved to disk cannot be read.
    pub fn change(&mut self, rules: RuleBook, out: &mut impl Out) -> io::Result<()> {
        self.close(out)?;
        if grows(&self.rules, &rules) {
            self.grown_at = self.grown_at.max(self.watermark);
        }
        self.rules = rules;
        let mut is_other = Vec::with_capacity(self.sites.len());
        for site in &mut self.sites {
            let now = self.rules.of(&site.name);
            is_other.push(*now != site.rules);
            site.rules.clone_from(now);
        }
        // No row is said here, so the slots may come as they lie in memory.
        let numbers: Vec<u32> = self.slots.in_place().collect();
        for some in numbers.chunks(Sessions::AHEAD) {
            self.slots_ahead(some.iter().copied());
            for &n in some {
                if is_other[usize::from(self.slots.get(n).site)] {
                    self.cut_anew(n)?;
                }
            }
        }
        Ok(())
    }

    /// Closes what the watermark has passed.
    fn close(&mut self, out: &mut impl Out) -> io::Result<()> {
        let (mut ringing, slots) = (Vec::new(), &mut self.slots);
        self.timers.take(self.watermark.0 >> BUCKET, |bucket, n| {
            let slot = slots.get_mut(n);
            if i64::from(slot.armed) == bucket {
                slot.armed = i32::MAX;
                ringing.push((slot.key(), n));
            }
        });
        ringing.sort_unstable();
        ringing.into_iter().try_for_each(|(_, n)| self.visit(n, i64::MIN, out))
    }

    /// When rows of what was cut anew are due: of a million keys not all at the next tick, which would stand still for them, but
    /// [`ROWS_A_MS`] as time passes, whose turn it is by their keys.
    fn due_anew(&self, key: Key) -> i64 {
        let turns = self.slots.len() as u64 / (ROWS_A_MS * TURN_MS) + 1;
        self.wall_ms.saturating_add((key.0 as u64 % turns * TURN_MS) as i64)
    }

    /// Parts and joins the chains of one slot as the gap of its site now says, and has their rows said again.
    fn cut_anew(&mut self, n: u32) -> io::Result<()> {
        let slot = self.slots.get(n);
        let (due, limits) = (self.due_anew(slot.key()), self.sites[usize::from(slot.site)].rules.limits);
        // Most have one chain, and most of those remain one.
        let is_whole = |chain: &Chain| chain.span().1.since(chain.span().0) <= chain.class.gap_ms(&limits);
        let stays = matches!(&slot.chains[..], [one] if is_whole(one));
        if !stays {
            self.recall(n, |_| true)?;
        }
        let slot = self.slots.get_mut(n);
        let chains = std::mem::take(&mut slot.chains);
        for chain in &chains {
            self.heap_bytes -= chain.heap_bytes();
            if !chain.is_settled {
                *count_of(&mut self.open_sessions, &mut self.open_conversations, chain.class) -= 1;
            }
        }
        slot.chains = if stays { chains } else { joined(parted(chains, &limits), &limits) };
        let mut next = EventTime::MAX;
        let mut is_dirty = false;
        for chain in &mut slot.chains {
            if !chain.is_settled {
                *count_of(&mut self.open_sessions, &mut self.open_conversations, chain.class) += 1;
                chain.is_dirty = true;
                is_dirty = true;
                if let Some(rare) = &mut chain.rare {
                    rare.begin_anew();
                    rare.changed_from = EventTime::MIN;
                }
            }
            self.heap_bytes += chain.heap_bytes();
            next = next.min(chain.closes_at(&limits));
        }
        if is_dirty && !std::mem::replace(&mut slot.is_dirty, true) {
            slot.due = slot.due.max(due);
            self.dirty.push(slot.due, n);
        }
        arm(&mut self.timers, slot, n, next);
        Ok(())
    }

    /// What happened before this time and is heard of only now is late, whatever it would join.
    pub(crate) fn floor(&self, limits: &Limits) -> EventTime {
        if self.grown_at == EventTime::MIN { EventTime::MIN } else { crate::window::horizon(self.grown_at, limits) }
    }
}

/// Whether the gap of any site is longer than before.
fn grows(before: &RuleBook, now: &RuleBook) -> bool {
    let names = before.sites.keys().chain(now.sites.keys()).map(|name| (before.of(name), now.of(name)));
    names.chain([(&before.default, &now.default)]).any(|(before, now)| {
        let (before, now) = (&before.limits, &now.limits);
        now.gap_ms > before.gap_ms
            || now.conversation_gap_ms > before.conversation_gap_ms
            || now.conversation_memory_ms > before.conversation_memory_ms
    })
}

type Chains = SmallVec<[Chain; 1]>;

fn parted(chains: Chains, limits: &Limits) -> Chains {
    let mut parted = Chains::new();
    for mut head in chains {
        while let Some(tail) = head.split_off(head.class.gap_ms(limits)) {
            parted.push(std::mem::replace(&mut head, tail));
        }
        parted.push(head);
    }
    parted.sort_by_key(|chain| (chain.class, chain.span()));
    parted
}

/// Joins neighbours, sorted by class and time. The later one has no sum: its folded events would lie behind a horizon
/// before which the earlier one is final.
fn joined(chains: Chains, limits: &Limits) -> Chains {
    let mut joined = Chains::new();
    for chain in chains {
        let (start, end) = chain.span();
        match joined.last_mut() {
            Some(last)
                if last.class == chain.class
                    && start <= end
                    && last.span().0 <= last.span().1
                    && start.since(last.span().1) <= chain.class.gap_ms(limits) =>
            {
                last.absorb(chain);
            }
            _ => joined.push(chain),
        }
    }
    joined
}
