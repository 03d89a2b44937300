//! Business time: how much of a stretch of time the service was open.
//!
//! ```text
//!        Fri 09 ──── 17      Sat, Sun: closed      Mon 09 ──── 17
//!            ███████              closed               ███████
//!             from ▲───────────────────────────────────────▲ to     only the dark parts between the two count
//! ```

use crate::midnight::Zone;
use crumbtrail_events::EventTime;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Opening hours of a week in a zone, and the days off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    zone: Zone,
    /// Opening spans by weekday, Monday first; minutes after midnight, in order, not overlapping.
    /// No span in the whole week: always open.
    week: [Vec<(i16, i16)>; 7],
    holidays: BTreeSet<Date>,
}

/// Why opening hours cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHours(&'static str);

impl std::fmt::Display for BadHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadHours {}

/// Days looked at for one answer: longer stretches count up to there.
const MOST_DAYS: usize = 3_660;

impl Hours {
    /// Opening hours by weekday, Monday first, each as `09:00-12:30,13:30-18:00` or empty for closed, and the dates
    /// (`2026-04-13`) on which the service is closed all day. A week without any hours is always open, but for these.
    ///
    /// # Errors
    /// A span or date that cannot be read, or spans that overlap or are out of order.
    pub fn parse<'a>(
        zone: Zone,
        week: [&str; 7],
        holidays: impl IntoIterator<Item = &'a str>,
    ) -> Result<Hours, BadHours> {
        let mut hours = Hours { zone, ..Hours::default() };
        for (day, text) in week.into_iter().enumerate() {
            for span in text.split(',').map(str::trim).filter(|span| !span.is_empty()) {
                let (from, to) = span.split_once('-').ok_or(BadHours("hours are written as 09:00-17:00"))?;
                let span = (minutes(from)?, minutes(to)?);
                let after = hours.week[day].last().map_or(0, |&(_, to)| to);
                if span.0 >= span.1 {
                    return Err(BadHours(
                        "hours end before they begin: those past midnight are written on two lines, 22:00-24:00 on the day they begin and \
                         00:00-02:00 on the next",
                    ));
                }
                if span.0 < after {
                    return Err(BadHours("hours overlap or are out of order"));
                }
                hours.week[day].push(span);
            }
        }
        for date in holidays {
            hours.holidays.insert(date.trim().parse().map_err(|_| BadHours("holidays are written as 2026-04-13"))?);
        }
        if hours.is_always_open() && !hours.holidays.is_empty() {
            hours.week.fill_with(|| vec![(0, 24 * 60)]);
        }
        Ok(hours)
    }

    /// Whether there is no time at which the service is closed by its hours.
    fn is_always_open(&self) -> bool {
        self.week.iter().all(Vec::is_empty)
    }

    /// The opening spans from the day of `from` on, as moments.
    fn spans(&self, from: EventTime) -> impl Iterator<Item = (EventTime, EventTime)> {
        let days = std::iter::successors(self.zone.date(from), |date| date.tomorrow().ok()).take(MOST_DAYS);
        days.filter(|date| !self.holidays.contains(date)).flat_map(move |date| {
            let spans = &self.week[date.weekday().to_monday_zero_offset() as usize];
            spans
                .iter()
                .filter_map(move |&(from, to)| Some((self.zone.moment(date, from)?, self.zone.moment(date, to)?)))
        })
    }

    /// Milliseconds between two moments in which the service was open; 0 if `to` is not after `from`.
    pub(crate) fn between(&self, from: EventTime, to: EventTime) -> i64 {
        if self.is_always_open() {
            return to.since(from).max(0);
        }
        let spans = self.spans(from).take_while(|&(opens, _)| opens < to);
        spans.map(|(opens, closes)| closes.min(to).since(opens.max(from)).max(0)).sum()
    }

    /// The moment at which `ms` of open time have passed since `from`; `None` if that is not within ten years.
    pub(crate) fn after(&self, from: EventTime, ms: i64) -> Option<EventTime> {
        if self.is_always_open() {
            return Some(from.plus(ms));
        }
        let mut left = ms;
        for (opens, closes) in self.spans(from) {
            let open = closes.since(opens.max(from)).max(0);
            if open >= left && open > 0 {
                return Some(opens.max(from).plus(left));
            }
            left -= open;
        }
        None
    }
}

/// `09:30` as minutes after midnight; 24:00 is the day's end.
fn minutes(text: &str) -> Result<i16, BadHours> {
    let wrong = BadHours("times are written as 09:00, up to 24:00");
    let (hours, minutes) = text.trim().split_once(':').ok_or(wrong)?;
    let (hours, minutes): (i16, i16) = (hours.parse().map_err(|_| wrong)?, minutes.parse().map_err(|_| wrong)?);
    let all = hours.checked_mul(60).and_then(|all| all.checked_add(minutes)).ok_or(wrong)?;
    if (0..60).contains(&minutes) && (0..=24 * 60).contains(&all) { Ok(all) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(utc: &str) -> EventTime {
        EventTime(utc.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn office(zone: &str) -> Hours {
        let day = "09:00-17:00";
        Hours::parse(Zone::named(zone).unwrap(), [day, day, day, day, day, "", ""], ["2026-04-13"]).unwrap()
    }

    #[test]
    fn nights_weekends_and_holidays_do_not_count() {
        let hours = office("Asia/Bangkok");
        // Friday 2026-04-10 16:00 to Tuesday 2026-04-14 10:00, Bangkok; Monday is Songkran.
        let (from, to) = (at("2026-04-10T09:00:00Z"), at("2026-04-14T03:00:00Z"));
        assert_eq!(hours.between(from, to), 2 * HOUR);
        assert_eq!(hours.after(from, 2 * HOUR), Some(to));
        assert_eq!(hours.between(to, from), 0);
        assert_eq!(Hours::default().between(from, to), to.since(from), "without hours it is always open");
        assert_eq!(Hours::default().after(from, 5), Some(from.plus(5)));
    }

    #[test]
    fn to_the_millisecond_at_both_edges() {
        let hours = office("Asia/Bangkok");
        let (opens, closes) = (at("2026-04-10T02:00:00Z"), at("2026-04-10T10:00:00Z"));
        assert_eq!(hours.between(opens.plus(-1), opens.plus(1)), 1);
        assert_eq!(hours.between(closes.plus(-1), closes.plus(1)), 1);
        assert_eq!(hours.between(closes, closes.plus(1)), 0);
        assert_eq!(hours.after(closes.plus(-1), 1), Some(closes));
        assert_eq!(hours.after(closes.plus(-1), 2), Some(at("2026-04-14T02:00:00.001Z")));
    }

    #[test]
    fn who_is_always_there_but_on_holidays_is_closed_on_these() {
        let hours = Hours::parse(Zone::named("Asia/Bangkok").unwrap(), [""; 7], ["2026-04-13"]).unwrap();
        // Sunday 2026-04-12 23:00 to Tuesday 01:00, Bangkok.
        let (from, to) = (at("2026-04-12T16:00:00Z"), at("2026-04-13T18:00:00Z"));
        assert_eq!(hours.between(from, to), 2 * HOUR);
        assert_eq!(hours.after(from, HOUR), Some(from.plus(HOUR)));
        assert_eq!(hours.after(from, HOUR + 1), Some(to.plus(-HOUR + 1)));
    }

    #[test]
    fn hours_past_midnight_are_two_spans() {
        let bar = ["", "", "", "", "22:00-24:00", "00:00-02:00", ""];
        let hours = Hours::parse(Zone::named("Asia/Bangkok").unwrap(), bar, []).unwrap();
        // Friday 2026-04-10 23:00 to Saturday 01:00, Bangkok; and what is left from there.
        let (from, to) = (at("2026-04-10T16:00:00Z"), at("2026-04-10T18:00:00Z"));
        assert_eq!(hours.between(from, to), 2 * HOUR);
        assert_eq!(hours.after(from, 3 * HOUR), Some(to.plus(HOUR)));
    }

    #[test]
    fn a_skipped_hour_is_not_open_and_a_doubled_one_is_twice() {
        let whole = |week| Hours::parse(Zone::named("Europe/Berlin").unwrap(), week, []).unwrap();
        let hours = whole(["", "", "", "", "", "", "00:00-24:00"]);
        // The Sundays of the change, 23 and 25 hours long.
        assert_eq!(hours.between(at("2026-03-28T12:00:00Z"), at("2026-03-30T12:00:00Z")), 23 * HOUR);
        assert_eq!(hours.between(at("2026-10-24T12:00:00Z"), at("2026-10-26T12:00:00Z")), 25 * HOUR);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let parse = |text| Hours::parse(Zone::default(), [text, "", "", "", "", "", ""], []);
        assert!(parse("09:00-12:00, 13:00-18:00").is_ok());
        for wrong in ["9", "09:00", "09:00-25:00", "17:00-09:00", "09:00-12:00,11:00-13:00", "09:60-10:00", "a:b-c:d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(Hours::parse(Zone::default(), [""; 7], ["13.4.2026"]).is_err());
        let past_midnight = parse("22:00-02:00").unwrap_err().to_string();
        assert!(
            past_midnight.contains("22:00-24:00") && past_midnight.contains("00:00-02:00 on the next"),
            "{past_midnight}"
        );
        let closed = Hours::parse(Zone::default(), ["", "", "", "", "", "", "00:00-00:01"], []).unwrap();
        assert_eq!(closed.after(EventTime(0), i64::MAX), None, "not within ten years");
    }
}
