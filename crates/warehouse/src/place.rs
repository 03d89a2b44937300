//! What identifies a row that stands for one record, as a number: where the record came from, and which it is.
//!
//! The ledger has the sum over the rows of a stretch, and the views `touchpoints` and `dead_letters` say each row's share as
//! `position_hash`, so that the audit adds up what stands there. The same formula stands in their SQL; a test compares both.

use crumbtrail_events::Touchpoint;

const OFFSETS: u64 = 0x9E37_79B9_7F4A_7C15;
const MULTIPLIERS: [u64; 2] = [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB];

/// A hash of source, partition, offset and event: SplitMix64's finaliser, cheap, and sums of it don't cancel.
#[inline]
#[must_use]
pub fn hash(touchpoint: &Touchpoint<'_>) -> u64 {
    let Touchpoint { head, origin, partition, offset, .. } = touchpoint;
    let [first, second] = MULTIPLIERS;
    let mut x = head.id
        ^ offset.wrapping_mul(OFFSETS)
        ^ u64::from(*partition).wrapping_mul(first)
        ^ origin.wrapping_mul(second);
    x = (x ^ (x >> 30)).wrapping_mul(first);
    x = (x ^ (x >> 27)).wrapping_mul(second);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_what_identifies_a_record_counts() {
        let one = Touchpoint { origin: 1, partition: 2, offset: 3, ..Touchpoint::default() };
        let mut others = [one; 4];
        others[0].origin = 9;
        others[1].partition = 9;
        others[2].offset = 9;
        others[3].head.id = 9;
        let hashes: std::collections::HashSet<u64> = others.iter().chain([&one]).map(hash).collect();
        assert_eq!(hashes.len(), 5);
        assert_ne!(hash(&Touchpoint::default()), hash(&one));
    }
}
