//! Where a session is cut, and when an event is late. Everything else in this crate only carries these rules out.
//!
//! Events of one visitor stand in total order: corrected time, then id. A *session* is what [`cut`] makes of that
//! order; it reads the events and nothing else, so neither arrival order, nor ticks, nor batches can move a cut.
//!
//! * An event starts a session if none is open and it [may start one](Event::may_start): marketing messages never do.
//! * The open session goes on while the next event is at most `gap` after its last one (exactly the gap: same session).
//! * It is rolled over before an event more than `longest` after its first, and when it has `most` events. The session
//!   that this event starts is a continuation.
//! * Heartbeats are events: they start, extend and fill sessions. They are not counted in the rows.
//!
//! A rule that looks at the events (another campaign, midnight, another customer, the client's own session id) is one
//! more arm in [`why_cut`].

use crate::event::Event;
use crate::rows::Cut;
use crate::rules::Rules;
use crumbtrail_events::EventTime;
use std::ops::Range;

/// What the rules remember of the open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// Time of its first event.
    pub(crate) start: EventTime,
    /// Time of its last event.
    pub(crate) last: EventTime,
    /// Its events so far.
    pub(crate) size: u32,
    /// It began where a longer one was rolled over.
    pub(crate) is_continuation: bool,
}

/// One session within a sorted slice of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its events in the slice.
    pub(crate) events: Range<usize>,
    /// It goes on from the session that was open before the slice.
    pub(crate) is_carried: bool,
    /// It began where a longer one was rolled over.
    pub(crate) is_continuation: bool,
    /// Why it ended; `Open` if the slice ended first.
    pub(crate) cut: Cut,
}

/// Why `event` cannot go on with the open session; `None` if it can.
fn why_cut(open: &Open, event: &Event, rules: &Rules) -> Option<Cut> {
    if event.at.since(open.last) > rules.gap_ms {
        Some(Cut::Gap)
    } else if event.at.since(open.start) > rules.longest_ms {
        Some(Cut::Longest)
    } else if open.size >= rules.most_events {
        Some(Cut::Most)
    } else {
        None
    }
}

/// Cuts `events`, in total order, into sessions; the first may go on from `carried`, the session open before them.
pub(crate) fn cut(events: &[Event], carried: Option<Open>, rules: &Rules, mut each: impl FnMut(Segment)) {
    let mut open = carried;
    let mut segment = Segment { events: 0..0, is_carried: open.is_some(), is_continuation: false, cut: Cut::Open };
    segment.is_continuation = open.is_some_and(|open| open.is_continuation);
    for (i, event) in events.iter().enumerate() {
        let mut rolled_over = false;
        if let Some(cut) = open.as_ref().and_then(|open| why_cut(open, event, rules)) {
            rolled_over = cut != Cut::Gap;
            each(Segment { cut, ..segment.clone() });
            open = None;
        }
        match &mut open {
            Some(open) => {
                open.last = event.at;
                open.size += 1;
            }
            None if event.may_start() => {
                open = Some(Open { start: event.at, last: event.at, size: 1, is_continuation: rolled_over });
                segment = Segment { events: i..i, is_carried: false, is_continuation: rolled_over, cut: Cut::Open };
            }
            None => continue,
        }
        segment.events.end = i + 1;
    }
    if open.is_some() {
        each(segment);
    }
}

/// The event time before which nothing may arrive any more on its own.
pub(crate) fn horizon(watermark: EventTime, rules: &Rules) -> EventTime {
    if watermark == EventTime::MAX { watermark } else { watermark.plus(-rules.lateness_ms) }
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
mod tests {
    use super::*;
    use crumbtrail_events::Kind;

    const RULES: Rules = Rules {
        gap_ms: 10,
        lateness_ms: 1,
        longest_ms: 50,
        most_events: 6,
        engaged_ms: 0,
        engaged_views: 0,
        conversation_gap_ms: 0,
        conversation_memory_ms: 0,
    };

    fn at(kind: Kind, times: &[i64]) -> Vec<Event> {
        times.iter().map(|&t| Event { at: EventTime(t), id: t as u64, kind, ..Event::default() }).collect()
    }

    fn cuts(events: &[Event]) -> Vec<(i64, i64, Cut)> {
        let mut found = Vec::new();
        cut(events, None, &RULES, |s| {
            found.push((events[s.events.start].at.0, events[s.events.end - 1].at.0, s.cut));
        });
        found
    }

    #[test]
    fn exactly_the_gap_is_the_same_session_and_one_ms_more_is_a_new_one() {
        // 0         10         21
        // ├──= gap──┤   > gap   │
        // └─────A───┘           B
        assert_eq!(cuts(&at(Kind::Click, &[0, 10, 21])), [(0, 10, Cut::Gap), (21, 21, Cut::Open)]);
    }

    #[test]
    fn beam_vector() {
        // 1  10  15  22  30      95 100 101
        // └──────A────────┘      └────B───┘
        let events = at(Kind::Click, &[1, 10, 15, 22, 30, 95, 100, 101]);
        assert_eq!(cuts(&events), [(1, 30, Cut::Gap), (95, 101, Cut::Open)]);
    }

    #[test]
    fn the_longest_session_is_rolled_over_one_ms_after_its_length() {
        // 0   10   20   30   40   50           0   10   20   30   40   50 51
        // └──────────── A ────────┘ = longest  └──────────── A ────────┘ └B: a continuation
        let rules = Rules { most_events: 100, ..RULES };
        let run = |times: &[i64]| {
            let mut found = Vec::new();
            cut(&at(Kind::Click, times), None, &rules, |s| found.push((s.events, s.is_continuation, s.cut)));
            found
        };
        assert_eq!(run(&[0, 10, 20, 30, 40, 50]), [(0..6, false, Cut::Open)]);
        assert_eq!(run(&[0, 10, 20, 30, 40, 50, 51]), [(0..6, false, Cut::Longest), (6..7, true, Cut::Open)]);
    }

    #[test]
    fn the_fullest_session_is_rolled_over_before_one_event_more() {
        // 1 2 3 4 5 6 │ 7     most = 6
        // └────A────┘   B: a continuation
        assert_eq!(cuts(&at(Kind::PagePing, &[1, 2, 3, 4, 5, 6])), [(1, 6, Cut::Open)]);
        assert_eq!(cuts(&at(Kind::PagePing, &[1, 2, 3, 4, 5, 6, 7])), [(1, 6, Cut::Most), (7, 7, Cut::Open)]);
    }

    #[test]
    fn a_marketing_message_never_starts_a_session() {
        // m0   m8   v12   m20   v30        m99
        //           └─────A─────┘          (none)
        let mut events = at(Kind::MessageOpened, &[0, 8, 12, 20, 30, 99]);
        events[2].kind = Kind::PageView;
        events[4].kind = Kind::PageView;
        assert_eq!(cuts(&events), [(12, 30, Cut::Gap)]);
    }

    #[test]
    fn a_cut_may_stop_anywhere_and_go_on() {
        let events = at(Kind::Click, &[0, 1, 2, 3, 4, 5, 6, 7, 20, 21]);
        let mut whole = Vec::new();
        cut(&events, None, &RULES, |s| whole.push((s.events, s.is_continuation, s.cut)));
        for stop in 1..events.len() {
            let mut last = None;
            let mut found = Vec::new();
            cut(&events[..stop], None, &RULES, |s| {
                found.push((s.events.clone(), s.is_continuation, s.cut));
                last = Some(s);
            });
            let last = last.unwrap();
            let open = Open {
                start: events[last.events.start].at,
                last: events[last.events.end - 1].at,
                size: last.events.len() as u32,
                is_continuation: last.is_continuation,
            };
            found.pop();
            cut(&events[stop..], Some(open), &RULES, |s| {
                let begin = if s.is_carried { last.events.start } else { s.events.start + stop };
                found.push((begin..s.events.end.max(s.events.start) + stop, s.is_continuation, s.cut));
            });
            assert_eq!(found, whole, "stopped at {stop}");
        }
    }

    #[test]
    fn lateness_is_judged_against_the_merged_window() {
        // Gap 10, lateness 1. The event at 0 alone: kept at watermark 1, late at 2.
        assert!(!is_late(EventTime(0), horizon(EventTime(1), &RULES)));
        assert!(is_late(EventTime(0), horizon(EventTime(2), &RULES)));
        // Merged into a window that ends at 11 it is kept until watermark 12.
        assert!(!is_late(EventTime(11), horizon(EventTime(12), &RULES)));
        // A window is closed when nothing that is in time can touch it: end + gap + lateness < watermark.
        assert!(!is_closed(EventTime(0), 10, horizon(EventTime(11), &RULES)));
        assert!(is_closed(EventTime(0), 10, horizon(EventTime(12), &RULES)));
        assert_eq!(horizon(EventTime::MIN, &RULES), EventTime::MIN);
    }
}
