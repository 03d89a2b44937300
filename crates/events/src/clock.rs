//! Event time from three clocks: the device's two readings and the collector's.
//!
//! ```text
//! device:     occurred ────────── sent            the distance is right even when the clock is not
//! collector:  corrected ───────── received        so: corrected = received − (sent − occurred)
//! ```
//! Behaviour after Snowplow's derived time stamp and PostHog's limit on times ahead.

use crate::ids::EventTime;

/// 1990-01-01T00:00:00Z: the earliest time believed.
pub const EARLIEST: i64 = 631_152_000_000;
/// 2200-01-01T00:00:00Z: the latest time believed when nothing says what time it is.
pub const LATEST: i64 = 7_258_118_400_000;
/// How far ahead of its arrival a time may be before it is absurd: ten years, ms.
pub const ABSURD_AHEAD: i64 = 3_652 * 86_400_000;
/// How far ahead of its arrival a time may be and still be used: less than 23 h, ms.
pub const MAX_AHEAD: i64 = 23 * 3_600_000;
/// The longest distance between occurred and sent that is believed (a device offline), ms: one year.
pub const MAX_QUEUED: i64 = 366 * 86_400_000;

/// Why a time is not what the device said; the name becomes the touchpoint's `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFlag {
    /// The event claims to have happened after it was sent: the time of receipt is used.
    AfterSent,
    /// 23 h or more ahead of its arrival: the time of arrival is used.
    FarAhead,
}

impl ClockFlag {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ClockFlag::AfterSent => "clock_after_sent",
            ClockFlag::FarAhead => "clock_far_ahead",
        }
    }
}

/// The times a record carries, ms since the epoch; 0 is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// When it happened, by the device's clock.
    pub occurred: i64,
    /// When it was sent, by the device's clock.
    pub sent: i64,
    /// When it was received, by the collector's clock.
    pub received: i64,
}

/// An event time and what was done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// The time to use.
    pub at: EventTime,
    /// Set when the device's claim was not used.
    pub flag: Option<ClockFlag>,
}

/// Corrects a device's time. All in ms since the epoch; 0 is unknown.
///
/// `received` is the collector's own reading, `arrived` when the record reached the log. Only `received` corrects: the
/// arrival of an import or a replay says nothing about the device's clock. Either bounds how far ahead a time may be.
#[must_use]
pub fn correct(occurred: i64, sent: i64, received: i64, arrived: i64) -> Corrected {
    let bound = if received == 0 { arrived } else { received };
    let plain = |at| Corrected { at: EventTime(at), flag: None };
    let flagged = |at, flag| Corrected { at: EventTime(at), flag: Some(flag) };
    if mendable(occurred, sent, received) {
        return plain(received - (sent - occurred));
    }
    if sent != 0 && received != 0 && occurred > sent {
        return flagged(received, ClockFlag::AfterSent);
    }
    if bound != 0 && occurred.saturating_sub(bound) >= MAX_AHEAD {
        return flagged(bound, ClockFlag::FarAhead);
    }
    plain(occurred)
}

/// Whether `received − (sent − occurred)` makes sense.
pub(crate) fn mendable(occurred: i64, sent: i64, received: i64) -> bool {
    sent != 0 && received != 0 && occurred <= sent && sent.saturating_sub(occurred) <= MAX_QUEUED
}

/// Whether `time` lies between 1990 and ten years after `now` (the year 2200 when `now` is unknown).
pub(crate) fn plausible(time: i64, now: i64) -> bool {
    let latest = if now == 0 { LATEST } else { now.saturating_add(ABSURD_AHEAD).min(LATEST) };
    (EARLIEST..=latest).contains(&time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::rfc3339;

    const NOW: i64 = 1_772_331_300_000;

    fn at(occurred: i64, sent: i64, received: i64) -> (i64, Option<ClockFlag>) {
        let corrected = correct(occurred, sent, received, 0);
        (corrected.at.0, corrected.flag)
    }

    #[test]
    fn the_distance_to_sent_is_kept() {
        // The device is two hours ahead.
        assert_eq!(at(NOW + 7_200_000 - 500, NOW + 7_200_000, NOW), (NOW - 500, None));
        // Across a month's end, device behind by a day.
        let occurred = rfc3339("2026-02-28T23:59:59.500Z").unwrap();
        let sent = rfc3339("2026-03-01T00:00:00.500Z").unwrap();
        let received = rfc3339("2026-03-02T00:00:00.600Z").unwrap();
        assert_eq!(at(occurred, sent, received), (received - 1000, None));
        // Exactly equal: it happened when it was sent.
        assert_eq!(at(NOW, NOW, NOW + 5), (NOW + 5, None));
        // One ms after it was sent: the device contradicts itself.
        assert_eq!(at(NOW + 1, NOW, NOW + 5), (NOW + 5, Some(ClockFlag::AfterSent)));
    }

    #[test]
    fn a_queue_longer_than_a_year_is_not_believed() {
        assert_eq!(at(NOW - MAX_QUEUED, NOW, NOW + 1), (NOW - MAX_QUEUED + 1, None));
        assert_eq!(at(NOW - MAX_QUEUED - 1, NOW, NOW + 1), (NOW - MAX_QUEUED - 1, None));
    }

    #[test]
    fn far_ahead_is_clamped_at_23_hours() {
        assert_eq!(at(NOW + MAX_AHEAD - 1, 0, NOW), (NOW + MAX_AHEAD - 1, None));
        assert_eq!(at(NOW + MAX_AHEAD, 0, NOW), (NOW, Some(ClockFlag::FarAhead)));
        assert_eq!(correct(NOW + MAX_AHEAD, 0, 0, NOW).at, EventTime(NOW));
        // Nobody knows what time it is: the device is believed.
        assert_eq!(at(NOW + MAX_AHEAD, 0, 0), (NOW + MAX_AHEAD, None));
    }

    #[test]
    fn an_import_moves_nothing_to_today() {
        assert_eq!(correct(NOW - 500, NOW, 0, NOW + 86_400_000).at, EventTime(NOW - 500));
    }

    #[test]
    fn plausible_bounds() {
        assert!(plausible(EARLIEST, NOW) && !plausible(EARLIEST - 1, NOW));
        assert!(plausible(NOW + ABSURD_AHEAD, NOW) && !plausible(NOW + ABSURD_AHEAD + 1, NOW));
        assert!(plausible(LATEST, 0) && !plausible(LATEST + 1, 0));
    }
}
