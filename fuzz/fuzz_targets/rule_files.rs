//! Files that configure enrichment: fences, channel rules, page rules, address lists. The first byte says which.
#![no_main]

use crumbtrail_enrich::channel::ChannelRules;
use crumbtrail_enrich::fence::{Fences, Position};
use crumbtrail_enrich::network::AddressList;
use crumbtrail_enrich::page::PageRules;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match which % 4 {
        0 => {
            if let Ok(fences) = Fences::read(text, 100.0) {
                let _ = Position::new(13.75, 100.5).map(|at| fences.near(at).count());
            }
        }
        1 => drop(ChannelRules::read(text)),
        2 => drop(PageRules::read(text).map(|rules| rules.of("shop.example", "/orders/:id").group.len())),
        _ => drop(AddressList::read(text).map(|list| list.len())),
    }
});
