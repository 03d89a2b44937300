//! A state saved in parts, while it goes on, is the one it was when saving began, wherever its events lie.

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Touchpoint};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_scratch::Scratch;
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Budget, Out, RuleBook, Sessions};

struct Nowhere;

impl Out for Nowhere {
    fn session(&mut self, _: &SessionRow<'_>) {}
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

const MINUTE: i64 = 60_000;

/// The `n`-th touchpoint: of some hundred visitors, a fifth of them new, and now and then a message.
fn touchpoint(n: u32) -> Vec<u8> {
    let visitor =
        if n.is_multiple_of(5) { format!("once-{n}") } else { format!("v-{}", n.wrapping_mul(2_654_435_761) % 300) };
    let (id, page) = (format!("e-{n}"), format!("/page/{}", n % 17));
    let kind = if n.is_multiple_of(11) { Kind::SupportMessage } else { Kind::PageView };
    let head = Head {
        outcome: Outcome::Counted,
        kind,
        key: Key::visitor("shop", &visitor),
        id: id_hash(&id),
        occurred_at: EventTime(i64::from(n) * 2_000),
    };
    let mut bytes = Vec::new();
    let touchpoint =
        Touchpoint { head, event_id: &id, site: "shop", visitor: &visitor, page: &page, ..Touchpoint::default() };
    touchpoint.encode(&mut bytes);
    bytes
}

fn canonical(state: &Sessions) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.save(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_saved_in_parts_is_the_state_at_the_begin() {
    let in_memory = saved_in_parts(usize::MAX);
    assert!(in_memory == saved_in_parts(0), "where events lie is not seen in what is saved");
}

/// Saves a state again and again, whose events go to disk when they need more than so many bytes. Gives what was saved.
fn saved_in_parts(most_resident: usize) -> Vec<Vec<u8>> {
    let (mut all, mut on_disk, mut scratch) = (Vec::new(), 0, Scratch::new(std::env::temp_dir()));
    let mut state = Sessions::new(RuleBook::default());
    let mut under_way: Option<Vec<u8>> = None;
    let (mut whole, mut changed) = (0, 0);
    for n in 0..30_000 {
        let watermark = EventTime(i64::from(n) * 2_000 - MINUTE);
        state.touchpoint(&touchpoint(n), watermark, &mut Nowhere).unwrap();
        if n % 50 == 0 {
            state.tick(watermark, i64::from(n) * 2_000, &mut Nowhere).unwrap();
            state.spill(&mut scratch, Budget::of(most_resident)).unwrap();
        }
        if under_way.is_none() && n % 701 == 0 {
            under_way = Some(canonical(&state));
            state.begin_save();
        }
        if n % 30 == 0
            && let Some(pieces) = state.save_on(1).unwrap()
        {
            let expected = under_way.take().expect("one is under way");
            on_disk += usize::from(state.bytes_on_disk() > 0);
            all.push(expected.clone());
            let loaded = Sessions::load(RuleBook::default(), &pieces.concat()).unwrap();
            assert!(canonical(&loaded) == expected, "saved by {n}");
            changed += usize::from(canonical(&state) != expected);
            whole += 1;
        }
    }
    assert!(whole > 20 && changed == whole, "{whole} were saved, {changed} of them while something changed");
    assert_eq!(on_disk > whole / 2, most_resident == 0, "{on_disk} while events lay on disk");
    all
}
