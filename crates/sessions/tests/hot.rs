//! A visitor with thousands of events within the lateness: in whatever order they come, again and again, and wherever the state is
//! saved and restored, the final rows are the same.

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Rules, Sessions};
use std::collections::BTreeMap;

const EVENTS: u64 = 9_000;
const MINUTE: i64 = 60_000;

/// The rows that stand, by session: start, end, events, views, why it was cut.
#[derive(Default, PartialEq, Debug)]
struct Table(BTreeMap<u64, String>);

impl Out for Table {
    fn session(&mut self, row: &SessionRow<'_>) {
        if row.deleted {
            self.0.remove(&row.session_id);
        } else {
            let SessionRow { started_at, ended_at, event_count, view_count, cut, is_final, .. } = row;
            let told = format!("{started_at:?} {ended_at:?} {event_count} {view_count} {cut:?} {is_final}");
            self.0.insert(row.session_id, told);
        }
    }
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

/// The `n`-th event, three a second.
fn touchpoint(n: u64) -> Vec<u8> {
    let at = n as i64 * 333;
    let id = format!("e-{n}");
    let kind = if n.is_multiple_of(3) { Kind::PageView } else { Kind::Click };
    let key = Key::visitor("shop", "hot");
    let head = Head { outcome: Outcome::Counted, kind, key, id: id_hash(&id), occurred_at: EventTime(at) };
    let mut bytes = Vec::new();
    let touchpoint =
        Touchpoint { head, event_id: &id, site: "shop", visitor: "hot", page: "/", ..Touchpoint::default() };
    Touchpoint { received_at: at + 80, ..touchpoint }.encode(&mut bytes);
    bytes
}

/// The rows when events come in steps of so many, which go through all of them.
fn rows(step: u64, saved_every: usize) -> Table {
    let rules = || RuleBook { default: Rules { most_events: 700, ..Rules::default() }, ..RuleBook::default() };
    let (mut state, mut table) = (Sessions::new(rules()), Table::default());
    let begin = EventTime::MIN;
    for (count, n) in (0..EVENTS).map(|n| n * step % EVENTS).enumerate() {
        let judged = state.touchpoint(&touchpoint(n), begin, &mut table).unwrap();
        assert_eq!(judged.outcome, Outcome::Counted);
        if count % 10 == 9 {
            let again = state.touchpoint(&touchpoint(n), begin, &mut table).unwrap();
            assert_eq!(again.outcome, Outcome::Duplicate);
        }
        if count % 1_700 == 0 {
            state.tick(begin, count as i64 * 10, &mut table).unwrap();
        }
        if count % saved_every == saved_every - 1 {
            let mut bytes = Vec::new();
            state.save(&mut bytes).unwrap();
            state = Sessions::load(rules(), &bytes).unwrap();
            let mut anew = Vec::new();
            state.save(&mut anew).unwrap();
            assert!(anew == bytes, "saved behind {count} events");
        }
    }
    state.tick(EventTime(600 * MINUTE), i64::MAX, &mut table).unwrap();
    assert_eq!(state.open_sessions(), 0);
    table
}

#[test]
fn a_hot_visitors_events_may_come_in_any_order() {
    let expected = rows(1, usize::MAX);
    assert_eq!(expected.0.len(), EVENTS.div_ceil(700) as usize);
    // Backwards; from all over; and saved in between.
    for (step, saved_every) in [(EVENTS - 1, usize::MAX), (4_001, usize::MAX), (7_919, 1_300), (EVENTS - 1, 2_111)] {
        assert_eq!(rows(step, saved_every), expected, "in steps of {step}");
    }
}
