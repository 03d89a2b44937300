//! What linking is done by.

use crate::ring::Packing;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The rules of one partition's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How far before a claim anonymous touchpoints join the customer's journey, ms. Default: 30 d. 0: none join.
    pub look_back_ms: i64,
    /// How late a claim may come behind the watermark and still find all of them, ms: the allowed lateness. Default: 1 h.
    pub lateness_ms: i64,
    /// How long a link outlives the last touchpoint of its visitor, ms. Default: 395 d, the longest a cookie should live.
    pub remember_ms: i64,
    /// Anonymous touchpoints of one visitor kept to change hands. Beyond, they stay with whom they were told to: that many
    /// are no person's. Default: 20,000.
    pub most_kept: u16,
    /// How kept touchpoints are packed.
    pub packing: Packing,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            look_back_ms: 30 * DAY,
            lateness_ms: HOUR,
            remember_ms: 395 * DAY,
            most_kept: 20_000,
            packing: Packing::default(),
        }
    }
}

impl Rules {
    /// How far behind the watermark a touchpoint may still change hands, ms.
    #[must_use]
    pub fn kept_ms(&self) -> i64 {
        self.look_back_ms.saturating_add(self.lateness_ms)
    }
}
