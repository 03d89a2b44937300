//! The identity of a sessionize partition, as a snapshot holds it: one that went through a short life and of which a few bytes are
//! foreign, or foreign altogether. It is refused, or goes on living without a panic.
#![no_main]

use crumbtrail_events::{EventTime, Key};
use crumbtrail_identity::{AliasEvidence, Evidence, How, IdKind, Identity, LinkRow, Out, Packing, Rules};
use crumbtrail_scratch::Block;

/// Takes what is told and forgets it.
struct Nowhere;

impl Out for Nowhere {
    fn link(&mut self, _: &LinkRow<'_>) {}
    fn hand_over(&mut self, _: &[u8], _: Key, _: Key, _: &str) {}
}

const CUSTOMERS: [&str; 4] = ["c0", "c1", "c2", "c3"];

fn rules() -> Rules {
    // Small chunks and blocks, so that a short life fills some.
    let packing = Packing { chunk_bytes: 60, block_chunks: 2, ..Packing::default() };
    Rules { look_back_ms: 300, lateness_ms: 50, remember_ms: 100_000, most_kept: 100, packing, ..Rules::default() }
}

/// Lives on by what each three bytes say; whether it could.
fn live(identity: &mut Identity, days: &[u8]) -> bool {
    for (event, day) in days.chunks_exact(3).enumerate() {
        let (at, event) = (EventTime(i64::from(day[2]) * 8), event as u64);
        let watermark = EventTime(at.0 - 40);
        let key = Key::visitor("shop", &format!("v{}", day[1] % 8));
        let [one, other] = [day[1] / 8 % 4, day[1] / 32 % 4].map(|n| CUSTOMERS[usize::from(n)]);
        let person = Key::customer("shop", one);
        let taken = match day[0] % 4 {
            0 => {
                let _ = identity.person(key, at, watermark);
                identity.keep(key, at, &event.to_le_bytes());
                true
            }
            1 => {
                let how = if day[0] > 128 { How::Login } else { How::Seen };
                let (id_kind, customer) = (IdKind::Visitor, one);
                let evidence =
                    Evidence { site: "shop", id_kind, id: "v", key, customer, person, at, event, how };
                identity.claim(&evidence, watermark, &mut Nowhere).is_ok()
            }
            2 => {
                let evidence = AliasEvidence {
                    site: "shop",
                    alias: other,
                    alias_key: Key::customer("shop", other),
                    customer: one,
                    person,
                    at,
                    event,
                    is_operator: day[0] > 128,
                    is_so: day[0] < 192,
                    is_home: true,
                };
                identity.alias(&evidence, watermark, &mut Nowhere).is_ok()
            }
            _ => {
                identity.tick(watermark);
                true
            }
        };
        if !taken {
            return false;
        }
    }
    true
}

/// Loads what was saved, and lives on.
fn reload(bytes: &[u8], blocks: &[Block], days: &[u8]) {
    let Ok(mut identity) = Identity::load(rules(), bytes, blocks) else { return };
    if live(&mut identity, days) {
        identity.save(&mut Vec::new());
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&[which, split], data)) = data.split_first_chunk() else { return };
    let (first, second) = data.split_at(usize::from(split).min(data.len()));
    if which % 4 == 0 {
        let blocks: &[Block] = if which > 128 { &[Block::new(second.to_vec())] } else { &[] };
        reload(first, blocks, second);
        return;
    }
    let mut identity = Identity::new(rules());
    assert!(live(&mut identity, first), "blocks in memory can be read");
    let mut saved = Vec::new();
    identity.save(&mut saved);
    let blocks: Vec<Block> = identity.blocks().map(|(_, block)| block.clone()).collect();
    let again = Identity::load(rules(), &saved, &blocks).expect("what was saved can be loaded");
    let mut same = Vec::new();
    again.save(&mut same);
    assert_eq!(saved, same, "it is the same identity");
    let (changes, days) = second.split_at(second.len().min(usize::from(which / 4 % 8) * 3));
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % saved.len();
        saved[at] ^= change[2];
    }
    reload(&saved, &blocks, days);
});
