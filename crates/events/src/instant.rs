//! Times as text: RFC 3339 and the combined log's form, to milliseconds since the epoch.

/// Milliseconds of an RFC 3339 time such as `2026-03-01T09:15:00.123+07:00`.
///
/// The offset is required; `T` may be `t` or a space; more digits than milliseconds are cut off; a leap second (`:60`)
/// is the second after. `None` for anything else.
#[must_use]
pub fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let fixed: &[u8; 19] = bytes.first_chunk()?;
    if fixed[4] != b'-' || fixed[7] != b'-' || fixed[13] != b':' || fixed[16] != b':' {
        return None;
    }
    if !matches!(fixed[10], b'T' | b't' | b' ') {
        return None;
    }
    let year = two(fixed, 0)? * 100 + two(fixed, 2)?;
    let day = days(year, two(fixed, 5)?, two(fixed, 8)?)?;
    let clock = clock(two(fixed, 11)?, two(fixed, 14)?, two(fixed, 17)?)?;
    let mut rest = &bytes[19..];
    let mut millis = 0;
    if let Some((b'.', fraction)) = rest.split_first() {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for index in 0..3 {
            millis =
                millis * 10 + fraction.get(index).filter(|_| index < digits).map_or(0, |byte| i64::from(byte - b'0'));
        }
        rest = &fraction[digits..];
    }
    Some(((day * 86_400 + clock) - offset(rest)?) * 1000 + millis)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Milliseconds of a combined log's time such as `17/May/2015:10:05:03 +0000`; `None` for anything else.
#[must_use]
pub fn common_log(text: &str) -> Option<i64> {
    let bytes: &[u8; 26] = text.as_bytes().try_into().ok()?;
    if bytes[2] != b'/'
        || bytes[6] != b'/'
        || bytes[11] != b':'
        || bytes[14] != b':'
        || bytes[17] != b':'
        || bytes[20] != b' '
    {
        return None;
    }
    let month = MONTHS.iter().position(|name| bytes[3..6].eq_ignore_ascii_case(name.as_bytes()))? as i64 + 1;
    let year = two(bytes, 7)? * 100 + two(bytes, 9)?;
    let day = days(year, month, two(bytes, 0)?)?;
    let clock = clock(two(bytes, 12)?, two(bytes, 15)?, two(bytes, 18)?)?;
    Some(((day * 86_400 + clock) - offset(&bytes[21..])?) * 1000)
}

/// Appends a time as [`common_log`] reads it, in UTC, cut to the second. Years 0 to 9999; others are clamped.
pub fn put_common_log(out: &mut Vec<u8>, at: i64) {
    use std::io::Write as _;
    let seconds = at.clamp(-62_167_219_200_000, 253_402_300_799_999).div_euclid(1000);
    let (day, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(day);
    let name = MONTHS[(month - 1).rem_euclid(12) as usize];
    // Writing to a vector cannot fail.
    let _ = write!(out, "{day:02}/{name}/{year:04}:{:02}:{:02}:{:02} +0000", clock / 3600, clock / 60 % 60, clock % 60);
}

/// Appends a time as RFC 3339 in UTC with milliseconds, as encoders write it. Years 0 to 9999; others are clamped.
pub fn put_rfc3339(out: &mut Vec<u8>, at: i64) {
    use std::io::Write as _;
    let at = at.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let (seconds, millis) = (at.div_euclid(1000), at.rem_euclid(1000));
    let (day, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(day);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    );
}

fn two(bytes: &[u8], at: usize) -> Option<i64> {
    match bytes.get(at..at + 2)? {
        &[tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0')),
        _ => None,
    }
}

fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Seconds of `Z`, `+07:00` or `+0700`.
fn offset(text: &[u8]) -> Option<i64> {
    let (&sign, rest) = text.split_first()?;
    let sign = match sign {
        b'Z' | b'z' => return rest.is_empty().then_some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let minutes_at = match rest.len() {
        4 => 2,
        5 if rest[2] == b':' => 3,
        _ => return None,
    };
    let (hours, minutes) = (two(rest, 0)?, two(rest, minutes_at)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days since the epoch of a civil date (Howard Hinnant's `days_from_civil`); `None` if there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The civil date of days since the epoch (the inverse).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc3339_forms() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2026-03-01T09:15:00.123+07:00"), Some(1_772_331_300_123));
        assert_eq!(rfc3339("2026-03-01 02:15:00.1239999Z"), Some(1_772_331_300_123));
        assert_eq!(rfc3339("2024-02-29T23:59:60z"), rfc3339("2024-03-01T00:00:00Z"));
        for wrong in [
            "",
            "2026-03-01",
            "2026-03-01T09:15:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T09:15:00.Z",
            "2026-03-01T09:15:00+7",
            "1700000000123",
        ] {
            assert_eq!(rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn common_log_forms() {
        assert_eq!(common_log("17/May/2015:10:05:03 +0000"), rfc3339("2015-05-17T10:05:03Z"));
        assert_eq!(common_log("17/May/2015:10:05:03 +0730"), rfc3339("2015-05-17T02:35:03Z"));
        assert_eq!(common_log("17/Mai/2015:10:05:03 +0000"), None);
        assert_eq!(common_log("17/May/2015"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(at in -62_167_219_200_000i64..253_402_300_799_999) {
            let mut text = Vec::new();
            put_rfc3339(&mut text, at);
            prop_assert_eq!(rfc3339(std::str::from_utf8(&text).unwrap()), Some(at));
            text.clear();
            put_common_log(&mut text, at);
            prop_assert_eq!(common_log(std::str::from_utf8(&text).unwrap()), Some(at.div_euclid(1000) * 1000));
        }
    }
}
