//! Several records of one event: a client that tries again, an entry that was edited, a source read twice.
//!
//! The one received first counts, whichever came first. Mostly that is the one already known, and nothing happens; else it
//! takes the other's place, as if that had never come: what the other joined may fall apart, and rows it began are taken back.
//!
//! ```text
//!  ●───────◌───────●     ◌ came first, but was received later, and corrected to a later time, than
//!  └── one chain ──┘
//!  ●               ●                      ● this: two chains, and a third
//! ```

use crate::chain::{Chain, Class};
use crate::event::Event;
use crate::rules::Limits;
use crate::state::{Sessions, count_of};
use crate::window;
use smallvec::SmallVec;

impl Sessions {
    /// Of several events with one id the earliest received counts: puts `event` in the place of the one known.
    #[cold]
    pub(crate) fn replace(&mut self, n: u32, known: usize, event: Event, class: Class, limits: &Limits) {
        let slot = self.slots.get_mut(n);
        let chain = &mut slot.chains[known];
        if chain.live_event(event.id).is_none_or(|held| held.rank() <= event.rank()) {
            return;
        }
        self.heap_bytes -= chain.heap_bytes();
        let held = chain.take(event.id);
        if let Some(held) = held.filter(|held| held.has(Event::EMITTED)) {
            chain.rare().stale.push(held.order());
        }
        let of = chain.class;
        let tails: SmallVec<[Chain; 1]> =
            std::iter::from_fn(|| slot.chains[known].split_off(of.gap_ms(limits))).collect();
        *count_of(&mut self.open_sessions, &mut self.open_conversations, of) += tails.len();
        self.heap_bytes += slot.chains[known].heap_bytes() + tails.iter().map(Chain::heap_bytes).sum::<usize>();
        slot.chains.extend(tails);
        let (gap, horizon) = (class.gap_ms(limits), window::horizon(self.watermark, limits));
        // A chain left empty has rows to take back: it may not be joined, and goes at the next tick.
        let touches = |chain: &Chain| {
            let (start, end) = chain.span();
            let is_near = event.at() >= start.plus(-gap) && event.at() <= end.plus(gap);
            chain.class == class && start <= end && is_near && !window::is_closed(end, gap, horizon)
        };
        let touched: SmallVec<[usize; 2]> =
            slot.chains.iter().enumerate().filter(|(_, chain)| touches(chain)).map(|(n, _)| n).collect();
        self.add(n, event, class, &touched, limits);
        self.move_stale(n, event.id, class);
    }

    /// Rows that an event began are taken back in the chain it is in now, where one of them may be said anew.
    fn move_stale(&mut self, n: u32, id: u64, class: Class) {
        let chains = &mut self.slots.get_mut(n).chains;
        let before: usize = chains.iter().map(Chain::heap_bytes).sum();
        let mut moved = Vec::new();
        for chain in chains.iter_mut() {
            // Ids of conversations are made of the channel too: those of another channel stay apart.
            let is_akin = if class.is_session() { chain.class.is_session() } else { chain.class == class };
            if let Some(rare) = chain.rare.as_mut().filter(|_| is_akin) {
                moved.extend(rare.stale.extract_if(.., |begin| begin.id == id));
            }
        }
        if let Some(chain) = chains.iter_mut().find(|chain| chain.live_event(id).is_some()) {
            chain.rare().stale.extend(moved);
        }
        let after: usize = chains.iter().map(Chain::heap_bytes).sum();
        self.heap_bytes = self.heap_bytes + after - before;
    }
}
