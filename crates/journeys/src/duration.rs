//! Durations as people write them in rules: `30s`, `60m`, `24h`, `90d`.

/// Milliseconds of `text`: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::parse_ms;

    #[test]
    fn units_are_required_and_understood() {
        assert_eq!(parse_ms("90d"), Some(7_776_000_000));
        assert_eq!(parse_ms("60 m"), Some(3_600_000));
        for wrong in ["", "90", "d", "-1d", "1.5h", "9999999999999999999d", "3 weeks"] {
            assert_eq!(parse_ms(wrong), None, "{wrong}");
        }
    }
}
