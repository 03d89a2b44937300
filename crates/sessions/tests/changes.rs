//! Rules that change while sessions are open: what is cut anew, and what stays.

mod scene;

use crumbtrail_events::{Outcome, Touchpoint};
use crumbtrail_sessions::{Limits, RuleBook, Rules};
use scene::Scene;

const MINUTE: i64 = 60_000;

/// Half an hour of gap, an hour of lateness.
fn scene() -> Scene {
    Scene::new(RuleBook::default())
}

fn gap(minutes: i64) -> impl FnOnce(&mut RuleBook) {
    move |book| book.default.limits.gap_ms = minutes * MINUTE
}

#[test]
fn behind_a_shorter_gap_a_session_is_cut_a_millisecond_after_it() {
    // gap 30 min: one session      gap 10 min:  0 .. 10 min    10 min + 1 ms later: another
    for (distance, sessions) in [(10 * MINUTE - 1, 1), (10 * MINUTE, 1), (10 * MINUTE + 1, 2)] {
        for change_first in [true, false] {
            let mut scene = scene();
            scene.click(0);
            scene.tick(1);
            if change_first {
                scene.change(gap(10));
                scene.click(distance);
            } else {
                scene.click(distance);
                scene.tick(2);
                scene.change(gap(10));
            }
            scene.tick(3);
            assert_eq!(scene.open_rows().len(), sessions, "{distance} ms apart, changed first: {change_first}");
        }
    }
}

#[test]
fn what_is_final_stays_as_it_was_cut() {
    let mut scene = scene();
    [0, 20 * MINUTE].into_iter().for_each(|at| assert_eq!(scene.click(at), Outcome::Counted));
    // Passed by gap and lateness, to the millisecond.
    scene.tick(110 * MINUTE + 1);
    let cut = [(0, 20 * MINUTE, 2)];
    assert_eq!(scene.final_rows(), cut);
    scene.change(gap(10));
    scene.tick(200 * MINUTE);
    assert_eq!((scene.final_rows().as_slice(), scene.open_rows().len()), (&cut[..], 0));
}

#[test]
fn what_is_one_millisecond_from_final_is_cut_anew() {
    let mut scene = scene();
    [0, 20 * MINUTE].into_iter().for_each(|at| assert_eq!(scene.click(at), Outcome::Counted));
    scene.tick(110 * MINUTE);
    assert_eq!(scene.open_rows(), [(0, 20 * MINUTE, 2)]);
    scene.change(gap(10));
    scene.tick(110 * MINUTE);
    assert_eq!(scene.final_rows(), [(0, 0, 1), (20 * MINUTE, 20 * MINUTE, 1)], "and final at once, by the shorter gap");
}

#[test]
fn a_longer_gap_joins_what_is_open_and_takes_the_later_row_back() {
    let mut scene = scene();
    [0, 40 * MINUTE, 100 * MINUTE].into_iter().for_each(|at| assert_eq!(scene.click(at), Outcome::Counted));
    scene.tick(60 * MINUTE);
    assert_eq!(scene.open_rows().len(), 3);
    scene.change(gap(45));
    scene.tick(61 * MINUTE);
    assert_eq!(scene.open_rows(), [(0, 40 * MINUTE, 2), (100 * MINUTE, 100 * MINUTE, 1)]);
    assert_eq!(scene.retracted(), [40 * MINUTE]);
}

#[test]
fn behind_a_longer_gap_a_repeat_of_what_is_final_is_still_late() {
    let mut scene = scene();
    scene.click(0);
    scene.click(40 * MINUTE);
    scene.tick(90 * MINUTE + 1);
    assert_eq!(scene.final_rows(), [(0, 0, 1)]);
    scene.change(gap(60));
    assert_eq!(scene.click(0), Outcome::Late, "though an open session is within the new gap");
    assert_eq!(scene.click(31 * MINUTE), Outcome::Counted);
    let mut restored = Vec::new();
    scene.state.save(&mut restored).unwrap();
    scene.state = crumbtrail_sessions::Sessions::load(scene.book.clone(), &restored).expect("its own bytes");
    assert_eq!(scene.click(0), Outcome::Late, "after a restart too");
}

#[test]
fn rules_of_one_site_change_nothing_at_others() {
    let mut scene = scene();
    scene.click(0);
    scene.click(20 * MINUTE);
    scene.tick(1);
    let rows = scene.rows;
    let limits = Limits { gap_ms: MINUTE, ..Limits::default() };
    let own = Rules { limits, ..Rules::default() };
    scene.change(|book| drop(book.sites.insert("blog".to_owned(), own.clone())));
    scene.tick(2);
    assert_eq!((scene.rows, scene.open_rows().len()), (rows, 1), "nothing is said anew");
    scene.change(|book| drop(book.sites.insert("shop".to_owned(), own)));
    scene.tick(3);
    assert_eq!(scene.open_rows().len(), 2);
}

#[test]
fn conversations_part_and_join_as_sessions_do() {
    let mut scene = scene();
    let hours = |hours: i64| hours * 60 * MINUTE;
    for at in [0, hours(20)] {
        scene.send(at, |entry: &mut Touchpoint<'_>| entry.head.kind = crumbtrail_events::Kind::SupportMessage);
    }
    scene.tick(1);
    assert_eq!(scene.state.open_conversations(), 1);
    scene.change(|book| book.default.limits.conversation_gap_ms = hours(20) - 1);
    assert_eq!(scene.state.open_conversations(), 2);
    scene.change(|book| book.default.limits.conversation_gap_ms = hours(20));
    assert_eq!(scene.state.open_conversations(), 1);
}

#[test]
fn a_long_chain_keeps_the_cuts_of_what_was_folded() {
    let mut scene =
        Scene::new(RuleBook { default: Rules { kept_events: 3, ..Rules::default() }, ..RuleBook::default() });
    (0..40).for_each(|n| assert_eq!(scene.click(n * 8 * MINUTE), Outcome::Counted));
    scene.tick(200 * MINUTE);
    scene.change(gap(5));
    scene.tick(200 * MINUTE);
    // Of the 18 events behind 140 min all but the last 3 are a sum; each of the others is alone.
    let sessions = [scene.final_rows(), scene.open_rows()].concat();
    assert_eq!(sessions[0], (0, 112 * MINUTE, 15));
    assert_eq!(sessions.iter().map(|(.., events)| events).sum::<u32>(), 40);
    assert_eq!(sessions.len(), 26);
}
