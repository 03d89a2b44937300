//! A state saved in parts, while it goes on, is byte for byte the one it was when saving began.

use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Head, Role, Touchpoint, hand_over};
use crumbtrail_events::{EventTime, Key, Kind, Outcome};
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_journeys::{JourneyRules, Journeys, Out};
use crumbtrail_scratch::Scratch;

/// Keeps no row, but looks under whose name it is: the strings of others are swept.
struct Nowhere;

impl Out for Nowhere {
    fn journey(&mut self, row: &JourneyRow<'_>) {
        let expected = if row.deleted { String::new() } else { customer(row.visitor) };
        assert_eq!(row.customer, expected, "{}", row.visitor);
    }
    fn stage_move(&mut self, _: &StageMoveRow<'_>) {}
    fn conversion(&mut self, row: &ConversionRow<'_>) {
        assert!(row.customer.is_empty() || Key::customer("shop", row.customer) == row.person);
    }
    fn breadcrumb(&mut self, _: &BreadcrumbRow<'_>) {}
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The customer whom a visitor is, if they are one.
fn customer(visitor: &str) -> String {
    if visitor.starts_with("v-") && visitor.ends_with(['2', '7']) { format!("c{visitor}") } else { String::new() }
}

/// The `n`-th touchpoint: of some hundred people, a fifth of them new, with words of their own.
fn touchpoint(n: u32) -> Vec<u8> {
    let visitor =
        if n.is_multiple_of(5) { format!("once-{n}") } else { format!("v-{}", n.wrapping_mul(2_654_435_761) % 300) };
    let customer = customer(&visitor);
    let (id, page) = (format!("e-{n}"), format!("/page/{}", n % 17));
    let (city, order) = (format!("city-{}", n / 3), format!("order-{n}"));
    let kind = if n.is_multiple_of(11) { Kind::Purchase } else { Kind::PageView };
    let head = Head {
        outcome: Outcome::Counted,
        kind,
        key: if customer.is_empty() { Key::visitor("shop", &visitor) } else { Key::customer("shop", &customer) },
        id: id_hash(&id),
        occurred_at: EventTime(i64::from(n) * 10 * MINUTE),
    };
    let mut bytes = Vec::new();
    let touchpoint =
        Touchpoint { head, event_id: &id, site: "shop", visitor: &visitor, page: &page, ..Touchpoint::default() };
    let touchpoint = Touchpoint { customer: &customer, ..touchpoint };
    Touchpoint { city: &city, country: "TH", order_id: &order, ..touchpoint }.encode(&mut bytes);
    bytes
}

fn bytes(state: &Journeys) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.save(&mut bytes);
    bytes
}

/// The state goes on by the `n`-th touchpoint; every ninth goes to somebody else at once, so that places become vacant.
fn go_on(state: &mut Journeys, n: u32) {
    let at = i64::from(n) * 10 * MINUTE;
    let watermark = EventTime(at - MINUTE);
    let record = touchpoint(n);
    state.touchpoint(&record, watermark).unwrap();
    if n.is_multiple_of(9) {
        let mut taken = Vec::new();
        hand_over(&record, Head::peek(&record).unwrap().key, Role::Taken, "", &mut taken).unwrap();
        state.touchpoint(&taken, watermark).unwrap();
    }
    if n.is_multiple_of(50) {
        state.tick(watermark, at, &mut Nowhere).unwrap();
    }
}

#[test]
fn what_is_saved_in_parts_is_the_state_at_the_begin() {
    // What people did is let go of after a few days, so that strings are swept and their numbers used again, too.
    let rules = JourneyRules { horizon_ms: DAY, history_ms: 3 * DAY, ..JourneyRules::default() };
    let new = || Journeys::new(rules.clone()).in_blocks_of(3_000);
    let (mut state, mut never_saved, mut scratch) = (new(), new(), Scratch::new(std::env::temp_dir()));
    let (mut blocks, mut most_on_disk) = (Vec::new(), 0);
    let mut under_way: Option<Vec<u8>> = None;
    let (mut whole, mut changed) = (0, 0);
    for n in 0..150_000 {
        go_on(&mut state, n);
        go_on(&mut never_saved, n);
        if under_way.is_none() && n % 2_003 == 0 {
            under_way = Some(bytes(&state));
            state.begin_save();
            blocks = state.blocks().map(|(_, block)| block.clone()).collect();
        }
        if n % 100 == 0 {
            state.spill(&mut scratch, 6_000).unwrap();
            most_on_disk = most_on_disk.max(state.bytes_on_disk());
        }
        if n % 5 == 0
            && let Some(pieces) = state.save_on(3)
        {
            let expected = under_way.take().expect("one is under way");
            assert!(pieces.concat() == expected, "saved by {n}");
            assert!(bytes(&Journeys::load(rules.clone(), &expected, &blocks).unwrap()) == expected, "restored of {n}");
            changed += usize::from(bytes(&state) != expected);
            whole += 1;
        }
    }
    assert!(whole > 5 && changed == whole, "{whole} were saved, {changed} of them while something changed");
    assert!(bytes(&state) == bytes(&never_saved), "neither saving nor the disk leaves a trace");
    assert!(most_on_disk > 5_000 && state.reads() > 100, "{most_on_disk} bytes on disk, {} reads", state.reads());
}
