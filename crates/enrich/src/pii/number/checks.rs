//! What digits are, by their own checks: Luhn, modulo 11, dates inside, the shapes of phone numbers.

/// Numbers that are phone numbers without a separator to say so.
pub(super) fn is_bare_phone(digits: &[u8]) -> bool {
    match (digits, digits.len()) {
        // Thailand: mobile, landline. Indonesia: mobile, landlines of the large cities. Australia, Britain: mobile.
        ([0, 6 | 8 | 9, ..], 10)
        | ([0, 2..=5 | 7, ..], 9)
        | ([0, 8, ..], 11..=13)
        | ([0, 2, 1 | 2 | 4, ..] | [0, 3, 1, ..] | [0, 6, 1, ..], 10..=11)
        | ([0, 4, ..], 10)
        | ([0, 7, ..], 11)
        // With the country's code and no plus.
        | ([6, 2, 8, ..], 11..=14)
        | ([6, 6, 6 | 8 | 9, ..], 11) => true,
        ([0, 0, first, ..], 12..=17) => *first != 0,
        _ => false,
    }
}

/// An Indonesian mobile number as told without its zero: an operator's code, ten to twelve digits, no round number.
pub(super) fn is_mobile_without_zero(digits: &[u8]) -> bool {
    matches!(
        digits,
        [8, 1, 1..=9, ..]
            | [8, 2, 1..=3 | 8, ..]
            | [8, 3, 1..=3 | 8, ..]
            | [8, 5, 1..=3 | 5..=9, ..]
            | [8, 6, 8, ..]
            | [8, 7, 7..=9, ..]
            | [8, 8, 1..=9, ..]
            | [8, 9, 5..=9, ..]
    ) && (10..=12).contains(&digits.len())
        && !digits.ends_with(&[0, 0, 0])
}

/// `0-2123-4567`, `0-8123-45678`: Thai numbers with the zero apart.
pub(super) fn is_thai_by_one(digits: &[u8], lens: &[usize]) -> bool {
    match lens {
        [1, 4, 4] => matches!(digits, [0, 2..=5 | 7, ..]),
        [1, 4, 5] => matches!(digits, [0, 6 | 8 | 9, ..]),
        _ => false,
    }
}

/// A book's number: 978 or 979, and the check digit of goods.
pub(super) fn is_book(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().zip([1, 3].iter().cycle()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    matches!(digits, [9, 7, 8 | 9, ..]) && sum.is_multiple_of(10)
}

/// 31-12-2024 or 2024-12-31, whatever follows, or 2016-2017.
pub(super) fn is_date(digits: &[u8], lens: &[usize]) -> bool {
    let year = |from: usize| matches!(digits.get(from..from + 2), Some([1, 9] | [2, 0] | [2, 5]));
    match lens {
        [2, 2, 4, ..] => year(4),
        [4, 2, 2, ..] => year(0),
        // From one year to another.
        [4, 4] => year(0) && year(4),
        _ => false,
    }
}

/// From one round number to a larger one, `1500-1600`: what is counted, nobody's number.
pub(super) fn is_round_range(digits: &[u8], lens: &[usize]) -> bool {
    let [first, second] = lens else { return false };
    let (low, high) = digits.split_at(*first);
    first == second && low < high && low.ends_with(&[0]) && high.ends_with(&[0]) && low[0] != 0
}

/// A number as amounts are and nobody's number is: five zeros at the end, or thousands.
pub(super) fn is_round(digits: &[u8]) -> bool {
    digits.ends_with(&[0, 0, 0, 0, 0])
}

pub(super) fn is_ip(digits: &[u8], lens: &[usize]) -> bool {
    let mut rest = digits;
    lens.iter().enumerate().all(|(position, len)| {
        let (group, after) = rest.split_at((*len).min(rest.len()));
        rest = after;
        let value = |group: &[u8]| group.iter().fold(0u32, |value, digit| value * 10 + u32::from(*digit));
        group.len() <= 3 && value(group) <= 255 && (position > 0 || value(group) > 0)
    })
}

/// Thai national id: 13 digits, the last is a check digit modulo 11.
pub(super) fn thai_id(digits: &[u8]) -> bool {
    let sum: u32 = digits[..12].iter().zip((2..=13).rev()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    (11 - sum % 11) % 10 == u32::from(digits[12])
}

/// Indonesian NIK: province, regency, district, birthday (day + 40 for women), serial number.
pub(super) fn nik(digits: &[u8]) -> bool {
    let pair = |at: usize| digits[at] * 10 + digits[at + 1];
    let day = if pair(6) > 40 { pair(6) - 40 } else { pair(6) };
    matches!(pair(0), 11..=19 | 21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97)
        && (1..=31).contains(&day)
        && (1..=12).contains(&pair(8))
        && digits[12..].iter().any(|digit| *digit != 0)
}

pub(super) fn is_card(digits: &[u8], lens: &[usize]) -> bool {
    let shaped = match lens {
        [13..=19] | [4, 6, 4 | 5] => true,
        [first @ .., last] => first.len() >= 3 && first.iter().all(|len| *len == 4) && (1..=4).contains(last),
        [] => false,
    };
    let issued = matches!(
        (digits, digits.len()),
        ([4, ..], 13 | 16 | 19)
            | ([5, 1..=5, ..], 16)
            | ([2, 2..=7, ..], 16)
            // Indonesia, Turkey, Vietnam.
            | ([1, 9, 4, 6, ..] | [9, 7, 9, 2, ..], 16)
            | ([9, 7, 0, 4, ..], 16 | 19)
            | ([3, 4 | 7, ..], 15)
            | ([3, 0 | 6 | 8 | 9, ..], 14)
            | ([3, 5, ..] | [6, 0 | 2 | 4 | 5, ..], 16..=19)
            | ([5, 0 | 6..=8, ..] | [6, 3 | 7, ..], 13..=19)
    );
    shaped && issued && luhn(digits)
}

/// The check of card numbers.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| match u32::from(*digit) * (1 + position as u32 % 2) {
            doubled if doubled > 9 => doubled - 9,
            value => value,
        })
        .sum();
    sum.is_multiple_of(10)
}
