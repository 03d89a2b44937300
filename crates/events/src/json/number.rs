//! Numbers of JSON text: exact for what money, counts and times look like, the standard parser for the rest.

/// Powers of ten that a double holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The double nearest to a number of JSON's grammar; `None` if it is beyond the range of doubles.
#[inline]
pub(crate) fn float(raw: &str) -> Option<f64> {
    let bytes = raw.as_bytes();
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    let (mut mantissa, mut scale, mut fraction) = (0u64, 0usize, false);
    if digits.len() <= 16 {
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + u64::from(byte - b'0');
                    scale += usize::from(fraction);
                }
                b'.' => fraction = true,
                _ => return slow(raw),
            }
        }
        // Below 2^53 both are exact, so one division rounds correctly (Clinger's fast path).
        if mantissa < 1 << 53 && scale < TENS.len() {
            let value = mantissa as f64 / TENS[scale];
            return Some(if negative { -value } else { value });
        }
    }
    slow(raw)
}

#[cold]
fn slow(raw: &str) -> Option<f64> {
    raw.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// A whole number of JSON's grammar; a fraction is cut off (`Date.now()` with sub-milliseconds). `None` out of range.
#[inline]
pub(crate) fn whole(raw: &str) -> Option<i64> {
    let bytes = raw.as_bytes();
    if bytes.len() <= 18 && bytes.iter().all(u8::is_ascii_digit) {
        return Some(bytes.iter().fold(0, |value, byte| value * 10 + i64::from(byte - b'0')));
    }
    if let Ok(value) = raw.parse() {
        return Some(value);
    }
    let value = slow(raw)?.trunc();
    (value.abs() < 9.2e18).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges() {
        assert_eq!(whole("1700000000123"), Some(1_700_000_000_123));
        assert_eq!(whole("-5"), Some(-5));
        assert_eq!(whole("1700000000123.75"), Some(1_700_000_000_123));
        assert_eq!(whole("1e3"), Some(1000));
        assert_eq!(whole("9223372036854775807"), Some(i64::MAX));
        assert_eq!(whole("1e19"), None);
        assert_eq!(float("1e999"), None);
        assert_eq!(float("-0.07"), Some(-0.07));
    }

    proptest! {
        #[test]
        fn equals_the_standard_parser(raw in "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?") {
            prop_assert_eq!(float(&raw), Some(raw.parse::<f64>().unwrap()));
        }
    }
}
