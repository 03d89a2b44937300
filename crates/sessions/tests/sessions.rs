//! What a partition says of clicks, step by step: lateness, merges, repeats, corrections, robots.

mod scene;

use crumbtrail_events::{EventTime, Kind, Outcome, Touchpoint};
use crumbtrail_sessions::{Limits, RuleBook, Rules};
use scene::Scene;

fn rules(gap_ms: i64, lateness_ms: i64) -> Scene {
    with(gap_ms, lateness_ms, |_| {})
}

fn with(gap_ms: i64, lateness_ms: i64, change: impl FnOnce(&mut Rules)) -> Scene {
    let limits = Limits { gap_ms, lateness_ms, ..Limits::default() };
    let mut default = Rules { limits, ..Rules::default() };
    change(&mut default);
    Scene::new(RuleBook { default, ..RuleBook::default() })
}

#[test]
fn kafka_streams_vector_grace() {
    // Gap 10, grace 1: time 0 is kept at stream time 11 and dropped at 12, when a window [0, 10] could still be open.
    for (stream_time, kept) in [(11, true), (12, false)] {
        let mut scene = rules(10, 1);
        scene.click(10);
        scene.tick(stream_time);
        assert_eq!(scene.click(0), if kept { Outcome::Counted } else { Outcome::Late }, "at {stream_time}");
    }
}

#[test]
fn flink_vectors_late_events_merge_while_the_merged_window_is_in_time() {
    // Gap 3 s, lateness 10 s.
    // 1000 2000 4500 7000 8500            one session of 5
    //                          11600      alone: 3100 after 8500
    //                       10000         comes late and bridges the two: 7 events
    //                                14500  8 events
    let mut scene = rules(3_000, 10_000);
    for at in [1_000, 2_000, 4_500, 8_500, 7_000] {
        scene.click(at);
    }
    scene.tick(11_500);
    assert_eq!(scene.open_rows(), [(1_000, 8_500, 5)]);
    scene.click(11_600);
    scene.tick(20_000);
    assert_eq!(scene.open_rows(), [(1_000, 8_500, 5), (11_600, 11_600, 1)]);
    assert_eq!(scene.click(10_000), Outcome::Counted);
    scene.tick(20_001);
    assert_eq!(scene.open_rows(), [(1_000, 11_600, 7)]);
    assert_eq!(scene.retracted(), [11_600], "the absorbed session is taken back");
    assert_eq!(scene.click(14_500), Outcome::Counted);
    scene.tick(20_002);
    assert_eq!(scene.open_rows(), [(1_000, 14_500, 8)]);
    // Final when the watermark has passed the end by gap and lateness, not before.
    scene.tick(27_500);
    assert_eq!(scene.final_rows(), []);
    scene.tick(27_501);
    assert_eq!(scene.final_rows(), [(1_000, 14_500, 8)]);
    assert_eq!(scene.state.open_sessions(), 0);
    assert_eq!(scene.click(14_500), Outcome::Late, "a repeat of what is closed is late");
}

#[test]
fn an_earlier_first_event_changes_the_id_and_takes_the_old_row_back() {
    let mut scene = rules(1_000, 10_000);
    scene.click(500);
    scene.tick(500);
    scene.click(100);
    scene.tick(501);
    assert_eq!((scene.open_rows(), scene.retracted()), (vec![(100, 500, 2)], vec![500]));
}

#[test]
fn an_old_event_joins_a_long_session_whose_end_is_in_time() {
    // Lateness 100: the session's beginning is folded, its end is not; an event between them is still counted once.
    let mut scene = rules(50, 100);
    for at in 0..100 {
        scene.click(at * 10);
    }
    scene.tick(1_000);
    scene.tick(1_001);
    assert_eq!(scene.click(15), Outcome::Counted);
    assert_eq!(scene.click(15), Outcome::Duplicate);
    assert_eq!(scene.click(-40), Outcome::Counted, "it moves the start");
    assert_eq!(scene.click(-1_000), Outcome::Late);
    scene.tick(1_002);
    assert_eq!((scene.open_rows(), scene.retracted()), (vec![(-40, 990, 102)], vec![0]));
}

#[test]
fn what_belongs_to_a_session_that_was_rolled_over_and_is_past_is_late() {
    let mut scene = with(50, 100, |rules| (rules.most_events, rules.kept_events) = (40, 30));
    for at in 0..100 {
        scene.click(at * 10);
    }
    scene.tick(1_000);
    // Sessions 0–390, 400–790, 800–990; the horizon is at 900.
    assert_eq!(scene.final_rows(), [(0, 390, 40)]);
    assert_eq!(scene.open_rows(), [(400, 790, 40), (800, 990, 20)]);
    assert_eq!(scene.click(15), Outcome::Late);
    assert_eq!(scene.click(390), Outcome::Late, "a repeat, no longer known");
    assert_eq!(scene.click(589), Outcome::Late, "it would be sorted in before 590, which was folded");
    assert_eq!(scene.click(801), Outcome::Counted, "behind the horizon, but the window it joins is in time");
    assert_eq!(scene.click(990), Outcome::Duplicate);
    scene.tick(2_000);
    assert_eq!(scene.final_rows(), [(0, 390, 40), (400, 790, 40), (800, 990, 21)]);
}

#[test]
fn what_belongs_to_the_session_still_open_is_not_late_however_many_events_it_has() {
    let mut scene = rules(50, 100);
    for at in 0..25_000 {
        scene.click(at * 10);
    }
    scene.tick(249_990);
    // Two sessions of the most events; what is kept reaches back beyond the beginning of the third.
    assert_eq!(scene.click(55), Outcome::Late);
    assert_eq!(scene.click(200_005), Outcome::Counted);
    assert_eq!(scene.click(201_000), Outcome::Duplicate);
    scene.tick(300_000);
    assert_eq!(scene.final_rows(), [(0, 99_990, 10_000), (100_000, 199_990, 10_000), (200_000, 249_990, 5_001)]);
}

#[test]
fn a_row_said_before_its_first_event_was_folded_is_taken_back_too() {
    let mut scene = rules(50, 100);
    for at in 0..10 {
        scene.click(at * 10);
    }
    scene.tick_at(100, 1);
    for at in 10..40 {
        scene.click(at * 10);
    }
    // The row waits for its turn; meanwhile its beginning falls behind the horizon, at 290, and moves.
    scene.tick_at(390, 2);
    assert_eq!(scene.open_rows(), [(0, 90, 10)]);
    assert_eq!(scene.click(-40), Outcome::Counted);
    scene.tick(391);
    assert_eq!((scene.open_rows(), scene.retracted()), (vec![(-40, 390, 41)], vec![0]));
}

#[test]
fn of_sessions_rolled_over_those_that_changed_are_said_anew() {
    let mut scene = with(50, 10_000, |rules| rules.longest_ms = 300);
    for at in 0..100 {
        scene.click(at * 10);
    }
    scene.tick(1_000);
    assert_eq!(scene.open_rows(), [(0, 300, 31), (310, 610, 31), (620, 920, 31), (930, 990, 7)]);
    let rows = scene.rows;
    scene.click(405);
    scene.click(1_000);
    scene.tick(1_001);
    assert_eq!(scene.open_rows(), [(0, 300, 31), (310, 610, 32), (620, 920, 31), (930, 1_000, 8)]);
    assert!(scene.rows - rows < 4, "the first session was not said again");
}

#[test]
fn the_first_row_comes_at_the_next_tick_and_corrections_every_five_seconds() {
    let mut scene = rules(30_000, 0);
    scene.click(1);
    assert_eq!(scene.rows, 0);
    scene.tick_at(1, 10_000);
    assert_eq!(scene.rows, 1);
    scene.click(2);
    scene.tick_at(2, 14_999);
    assert_eq!(scene.rows, 1, "not yet");
    scene.click(3);
    scene.tick_at(3, 15_000);
    assert_eq!((scene.rows, scene.open_rows()), (2, vec![(1, 3, 3)]));
    scene.tick_at(4, 90_000);
    assert_eq!(scene.rows, 2, "nothing new, nothing said");
}

#[test]
fn of_two_records_of_one_event_the_one_received_first_counts_whichever_comes_first() {
    // The event at 5 bridges 0 and 10; the record of it that was received first says 500 instead.
    let record = |at: i64, received_at: i64| {
        move |t: &mut Touchpoint<'_>| {
            (t.event_id, t.received_at, t.page) = ("twice", received_at, if at == 5 { "/late" } else { "/first" });
        }
    };
    for first_comes_first in [true, false] {
        let mut scene = with(6, 1_000, |_| {});
        scene.click(0);
        scene.click(10);
        let mut two = [(500, 510), (5, 520)];
        if !first_comes_first {
            two.reverse();
        }
        assert_eq!(scene.send_as(two[0].0, 77, record(two[0].0, two[0].1)), Outcome::Counted);
        scene.tick(500);
        let mut bytes = Vec::new();
        scene.state.save(&mut bytes).unwrap();
        let book = scene.book.clone();
        scene.state = crumbtrail_sessions::Sessions::load(book, &bytes).expect("own state");
        assert_eq!(scene.send_as(two[1].0, 77, record(two[1].0, two[1].1)), Outcome::Duplicate, "it counts once");
        scene.tick(501);
        assert_eq!(scene.open_rows(), [(0, 0, 1), (10, 10, 1), (500, 500, 1)], "came first: {first_comes_first}");
        assert_eq!(scene.state.open_sessions(), 3);
    }
}

#[test]
fn a_repeat_is_known_for_the_lateness_and_late_after_it() {
    let mut scene = rules(10, 100);
    scene.click(0);
    scene.tick(110);
    assert_eq!(scene.click(0), Outcome::Duplicate);
    scene.tick(111);
    assert_eq!(scene.click(0), Outcome::Late);
}

#[test]
fn the_lateness_may_be_days() {
    const DAY: i64 = 86_400_000;
    let mut scene = rules(1_800_000, 3 * DAY);
    scene.click(5 * DAY);
    scene.tick(8 * DAY);
    assert_eq!(scene.click(5 * DAY + 1), Outcome::Counted);
    scene.tick(8 * DAY + 2);
    assert_eq!(scene.click(5 * DAY + 2), Outcome::Counted, "its window ends where it stands itself");
    scene.tick(8 * DAY + 1_800_000 + 2);
    assert_eq!(scene.final_rows(), []);
    scene.tick(8 * DAY + 1_800_000 + 3);
    assert_eq!(scene.final_rows(), [(5 * DAY, 5 * DAY + 2, 3)]);
}

#[test]
fn rules_are_each_sites_own() {
    let mut book = RuleBook::default();
    book.default.limits.gap_ms = 10;
    let mut own = book.default.clone();
    own.limits.gap_ms = 20;
    book.sites.insert("other".into(), own);
    let mut scene = Scene::new(book);
    for site in ["shop", "other"] {
        for at in [0, 15] {
            scene.send(at, |t| (t.site, t.head.key) = (site, crumbtrail_events::Key::visitor(site, "v")));
        }
    }
    scene.tick(15);
    let mut rows = scene.open_rows();
    rows.sort_unstable();
    assert_eq!(rows, [(0, 0, 1), (0, 15, 2), (15, 15, 1)]);
}

#[test]
fn another_customer_on_the_device_is_another_session_of_another_person() {
    let mut scene = rules(1_000, 0);
    let of = |customer: &'static str| move |t: &mut Touchpoint<'_>| t.customer = customer;
    scene.send(1, of(""));
    scene.send(2, of("ann"));
    scene.send(3, of("bob"));
    scene.tick(3);
    assert_eq!(scene.open_rows(), [(1, 2, 2), (3, 3, 1)]);
    // A late event of ann's after bob's came makes a third: people are not mixed.
    scene.send(4, of("ann"));
    scene.tick(4);
    assert_eq!(scene.open_rows(), [(1, 2, 2), (3, 3, 1), (4, 4, 1)]);
}

#[test]
fn robots_are_kept_apart_even_on_one_visitor_id() {
    let mut scene = rules(1_000, 0);
    scene.click(1);
    scene.send(2, |t| t.bot = "user agent");
    scene.click(3);
    scene.tick(3);
    assert_eq!(scene.open_rows(), [(1, 3, 2), (2, 2, 1)]);
    assert_eq!(scene.state.open_sessions(), 2);
}

#[test]
fn stubs_come_back_with_the_outcome_intake_gave_them() {
    let mut scene = rules(1_000, 0);
    for outcome in [Outcome::Bot, Outcome::Filtered, Outcome::Erased, Outcome::Dead] {
        assert_eq!(scene.send(1, |t| t.head.outcome = outcome), outcome);
    }
    scene.tick(5_000);
    assert_eq!((scene.rows, scene.state.open_sessions()), (0, 0));
}

#[test]
fn a_visitor_with_messages_alone_has_no_session() {
    let mut scene = rules(1_000, 0);
    assert_eq!(scene.send(1, |t| t.head.kind = Kind::MessageSent), Outcome::Counted);
    scene.tick(5_000);
    assert_eq!((scene.rows, scene.state.open_sessions()), (0, 0), "closed by the watermark all the same");
}

#[test]
fn idle_visitors_are_closed_by_the_watermark_and_their_memory_is_freed() {
    let mut scene = rules(1_000, 1_000);
    let mut most = 0;
    for round in 0..20 {
        for visitor in 0..2_000 {
            let id = format!("v{}", round * 2_000 + visitor);
            scene.visit(&id, round * 10_000 + visitor);
        }
        scene.tick(round * 10_000 + 9_999);
        assert_eq!(scene.state.open_sessions(), 0, "round {round}");
        if round < 10 {
            most = most.max(scene.state.resident_bytes());
        }
    }
    assert!(scene.state.resident_bytes() <= most, "memory does not grow with visitors of the past");
}

#[test]
fn the_session_told_with_a_touchpoint_is_the_one_in_the_rows() {
    let mut scene = rules(1_000, 1_000);
    scene.click(5);
    let told = scene.last_session;
    scene.tick(5);
    assert_eq!(scene.ids(), [told]);
    assert_ne!(told, 0);
}

#[test]
fn damaged_state_is_an_error_and_never_a_panic() {
    let mut scene = rules(1_000, 1_000);
    scene.click(5);
    scene.click(9);
    scene.tick(10);
    let mut bytes = Vec::new();
    scene.state.save(&mut bytes).unwrap();
    for end in 0..bytes.len() {
        assert!(crumbtrail_sessions::Sessions::load(RuleBook::default(), &bytes[..end]).is_err(), "cut at {end}");
    }
    assert_eq!(scene.watermark, EventTime(10));
}

#[test]
fn state_of_another_format_is_refused_in_plain_words() {
    let mut bytes = Vec::new();
    rules(1_000, 1_000).state.save(&mut bytes).unwrap();
    for version in [0, 7, 9] {
        bytes[0] = version;
        let refusal = crumbtrail_sessions::Sessions::load(RuleBook::default(), &bytes).map(|_| ()).unwrap_err();
        assert!(refusal.to_string().contains("another format version: remove the snapshots"), "{refusal}");
    }
}
