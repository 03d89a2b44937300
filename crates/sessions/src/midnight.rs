//! Midnight in a site's time zone, from a copy of the tz database that is part of the binary: the system's is never asked.

use crumbtrail_events::EventTime;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::OnceLock;

/// A time zone by its IANA name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    /// UTC.
    fn default() -> Zone {
        Zone(TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of this name, such as `Asia/Bangkok`; `None` if the tz database has none.
    #[must_use]
    pub fn named(name: &str) -> Option<Zone> {
        static TABLE: OnceLock<TimeZoneDatabase> = OnceLock::new();
        TABLE.get_or_init(TimeZoneDatabase::bundled).get(name).ok().map(Zone)
    }

    /// The local date at a moment; `None` outside of the years −9999 to 9999.
    pub(crate) fn date(&self, at: EventTime) -> Option<Date> {
        Some(Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.0.clone()).date())
    }

    /// When the local clock shows so many minutes after midnight of a date. A time the clock skips is the moment after
    /// the skip, one it shows twice the first of the two; `None` where the calendar ends.
    pub(crate) fn moment(&self, date: Date, minutes: i16) -> Option<EventTime> {
        let (date, minutes) = if minutes < 24 * 60 { (date, minutes) } else { (date.tomorrow().ok()?, 0) };
        if minutes == 0 {
            return Some(EventTime(
                date.to_zoned(self.0.clone()).ok()?.start_of_day().ok()?.timestamp().as_millisecond(),
            ));
        }
        let clock = date.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
        Some(EventTime(clock.to_zoned(self.0.clone()).ok()?.timestamp().as_millisecond()))
    }

    /// The first moment of the local day after the one `at` lies in; never where the calendar ends.
    pub(crate) fn next_midnight(&self, at: EventTime) -> EventTime {
        let next = || self.moment(self.date(at)?.tomorrow().ok()?, 0);
        next().unwrap_or(EventTime::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(utc: &str) -> EventTime {
        EventTime(utc.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn midnight(zone: &str, after: &str) -> String {
        let found = Zone::named(zone).unwrap().next_midnight(at(after));
        Timestamp::from_millisecond(found.0).unwrap().to_string()
    }

    #[test]
    fn midnight_is_the_sites_own() {
        assert_eq!(midnight("Asia/Bangkok", "2026-03-01T16:59:59.999Z"), "2026-03-01T17:00:00Z");
        assert_eq!(midnight("Asia/Bangkok", "2026-03-01T17:00:00Z"), "2026-03-02T17:00:00Z");
        assert_eq!(midnight("Asia/Jakarta", "2026-03-01T12:00:00Z"), "2026-03-01T17:00:00Z");
        assert_eq!(midnight("Asia/Kathmandu", "2026-03-01T12:00:00Z"), "2026-03-01T18:15:00Z");
        assert_eq!(midnight("UTC", "2026-03-01T12:00:00Z"), "2026-03-02T00:00:00Z");
        assert_eq!(Zone::named("Asia/Atlantis"), None);
        assert_eq!(Zone::default().next_midnight(EventTime::MAX), EventTime::MAX);
    }

    #[test]
    fn days_with_a_skipped_or_doubled_hour_are_23_and_25_hours_long() {
        let length = |zone: &str, noon: &str| {
            let zone = Zone::named(zone).unwrap();
            let end = zone.next_midnight(at(noon));
            let start = zone.moment(zone.date(at(noon)).unwrap(), 0).unwrap();
            end.since(start) / 3_600_000
        };
        assert_eq!(length("Europe/Berlin", "2026-03-29T12:00:00Z"), 23);
        assert_eq!(length("Europe/Berlin", "2026-10-25T12:00:00Z"), 25);
        assert_eq!(length("America/New_York", "2026-03-08T18:00:00Z"), 23);
        assert_eq!(length("America/New_York", "2026-11-01T18:00:00Z"), 25);
        assert_eq!(length("Asia/Bangkok", "2026-03-29T12:00:00Z"), 24);
    }

    #[test]
    fn where_midnight_itself_is_skipped_or_comes_twice_the_day_begins_once() {
        // Cairo, 2026-04-24: 00:00 is skipped to 01:00; the day begins with the first moment it has.
        assert_eq!(midnight("Africa/Cairo", "2026-04-23T12:00:00Z"), "2026-04-23T22:00:00Z");
        // Cairo, 2026-10-29 at 24:00: back to 23:00, so the old day lasts an hour longer.
        assert_eq!(midnight("Africa/Cairo", "2026-10-29T12:00:00Z"), "2026-10-29T22:00:00Z");
        // Havana, 2024-11-03 at 01:00: back to 00:00; the first of the two midnights begins the day.
        assert_eq!(midnight("America/Havana", "2024-11-02T18:00:00Z"), "2024-11-03T04:00:00Z");
        assert_eq!(midnight("America/Havana", "2024-11-03T05:30:00Z"), "2024-11-04T05:00:00Z");
    }
}
