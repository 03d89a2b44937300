//! Numbers that belong to somebody: a run of digit groups is read once, then judged as what it could be.

use super::{Found, is_thai_digit, is_word};

/// Most digits and groups looked at.
const DIGITS: usize = 24;
const GROUPS: usize = 8;

/// Digit groups with separators between them, as they stand in the text.
pub(super) struct Run {
    start: usize,
    plus: bool,
    bracket: bool,
    digits: [u8; DIGITS],
    groups: [Group; GROUPS],
    count: usize,
}

/// A group: digits up to (not including) number `to`, text up to byte `end`, and the separator before it.
#[derive(Clone, Copy, Default)]
struct Group {
    to: usize,
    end: usize,
    joint: u8,
}

impl Run {
    /// The run that begins at `at` with a digit, `+` or `(`; `None` if a number cannot begin there.
    pub(super) fn read(text: &str, at: usize) -> Option<Run> {
        let bytes = text.as_bytes();
        if !may_begin(text, at) {
            return None;
        }
        let mut run = Run {
            start: at,
            plus: false,
            bracket: false,
            digits: [0; DIGITS],
            groups: [Group::default(); GROUPS],
            count: 0,
        };
        let mut at = at;
        if bytes[at] == b'(' {
            run.bracket = true;
            at += 1;
        }
        if bytes.get(at) == Some(&b'+') {
            run.plus = true;
            at += 1;
        }
        let (mut len, mut joint) = (0, 0);
        while run.count < GROUPS {
            let from = len;
            while let Some((digit, width)) = digit_at(bytes, at) {
                if len == DIGITS {
                    return None;
                }
                run.digits[len] = digit;
                len += 1;
                at += width;
            }
            if len == from {
                break;
            }
            run.groups[run.count] = Group { to: len, end: at, joint };
            run.count += 1;
            (joint, at) = separator(bytes, at);
            if joint == 0 {
                break;
            }
        }
        (run.count > 0).then_some(run)
    }

    /// What the longest sensible beginning of the run is.
    pub(super) fn classify(&self, text: &str) -> Option<Found> {
        if let Some(groups) = self.thai_mobile() {
            return self.found(text, groups, "[phone]");
        }
        // One group that is something by itself, then the longest row of groups that is.
        for groups in std::iter::once(1).chain((2..=self.count).rev()) {
            if let Some(label) = self.label(text, groups)
                && let Some(found) = self.found(text, groups, label)
            {
                return Some(found);
            }
        }
        None
    }

    fn found(&self, text: &str, groups: usize, label: &'static str) -> Option<Found> {
        let end = self.groups[groups - 1].end;
        let next = text.as_bytes().get(end);
        // A word that goes on, an address, or digits that go on: not a number of its own.
        if next.is_some_and(|next| is_word(*next) || *next == b'@') || is_thai_digit(&text.as_bytes()[end..]) {
            return None;
        }
        Some(Found { start: self.start, end, label })
    }

    fn label(&self, text: &str, groups: usize) -> Option<&'static str> {
        let digits = &self.digits[..self.groups[groups - 1].to];
        let lens = self.lens(groups);
        let lens = &lens[..groups];
        let joints = &self.groups[1..groups];
        let same = joints.windows(2).all(|pair| pair[0].joint == pair[1].joint);
        if !self.plus && !self.bracket {
            if same && matches!(lens, [13] | [1, 4, 5, 2, 1]) && thai_id(digits) {
                return Some("[thai_id]");
            }
            if same && matches!(lens, [16] | [6, 6, 4]) && nik(digits) {
                return Some("[nik]");
            }
            if same && is_card(digits, lens) {
                return Some("[card]");
            }
            if same && matches!(lens, [4, 4, 4, 4]) && nik(digits) {
                return Some("[nik]");
            }
            if lens.len() == 4 && joints.iter().all(|group| group.joint == b'.') && is_ip(digits, lens) {
                return Some("[ip]");
            }
        }
        self.is_phone(text, groups, digits, lens).then_some("[phone]")
    }

    fn lens(&self, groups: usize) -> [usize; GROUPS] {
        let mut lens = [0; GROUPS];
        let mut from = 0;
        for (len, group) in lens.iter_mut().zip(&self.groups[..groups]) {
            *len = group.to - from;
            from = group.to;
        }
        lens
    }

    /// Groups of a Thai mobile number in its usual shapes, which could be read as a longer number with what follows.
    fn thai_mobile(&self) -> Option<usize> {
        if self.plus || self.bracket || self.digits[0] != 0 || !matches!(self.digits[1], 6 | 8 | 9) {
            return None;
        }
        let lens = self.lens(self.count);
        let next = |groups: usize| {
            self.groups.get(groups).map_or(0, |group| if groups < self.count { group.joint } else { 0 })
        };
        let groups = match lens[..self.count] {
            [10, ..] => 1,
            [3, 7, ..] | [2, 8, ..] => 2,
            [3, 3, 4, ..] | [3, 4, 3, ..] | [2, 4, 4, ..] => 3,
            _ => return None,
        };
        // "-" goes on: an Indonesian number of four groups.
        (next(groups) != b'-').then_some(groups)
    }

    fn is_phone(&self, text: &str, groups: usize, digits: &[u8], lens: &[usize]) -> bool {
        let joints = &self.groups[1..groups];
        // A space after a dash or dot ends a number: "081-2345678 20 pieces".
        let dashed = joints.iter().position(|group| group.joint != b' ').unwrap_or(groups);
        if !self.plus && !self.bracket && joints.iter().skip(dashed).any(|group| group.joint == b' ') {
            return false;
        }
        if lens[0] == digits.len() && !self.plus {
            return is_bare_phone(digits) || (7..=13).contains(&digits.len()) && after_cue(text, self.start);
        }
        if self.plus {
            return (8..=15).contains(&digits.len()) && digits[0] != 0;
        }
        if lens.iter().any(|len| *len < 2) && !matches!(lens, [1, 3, 3, 4]) || is_date(digits, lens) {
            return false;
        }
        let grouped = match digits {
            [0, 0, first, ..] => *first != 0 && (11..=17).contains(&digits.len()),
            [0, ..] => (9..=13).contains(&digits.len()) && (2..=5).contains(&lens[0]),
            _ => false,
        };
        let marked = self.bracket || joints.iter().any(|group| matches!(group.joint, b'-' | b'.' | b')'));
        let american = match (digits, lens) {
            ([area, _, _, exchange, ..], [3, 3, 4]) => marked && *area >= 2 && *exchange >= 2,
            ([1, area, _, _, exchange, ..], [1, 3, 3, 4]) => marked && *area >= 2 && *exchange >= 2,
            _ => false,
        };
        grouped
            || american
            || is_bare_phone(digits) && digits[0] != 0
            || (7..=13).contains(&digits.len()) && after_cue(text, self.start)
    }
}

/// The digit at `at`, ASCII or Thai, and its bytes.
fn digit_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    match *bytes.get(at)? {
        digit @ b'0'..=b'9' => Some((digit - b'0', 1)),
        0xE0 if is_thai_digit(&bytes[at..]) => Some((bytes[at + 2] - 0x90, 3)),
        _ => None,
    }
}

/// The separator at `at` if digits follow it, and where they begin; 0 if the run ends here.
fn separator(bytes: &[u8], at: usize) -> (u8, usize) {
    let mut end = at;
    let mut joint = 0;
    while end < bytes.len() && end - at < 3 {
        match bytes[end] {
            b' ' => joint = if joint == 0 { b' ' } else { joint },
            mark @ (b'-' | b'.' | b'(' | b')') => joint = if mark == b'(' { b')' } else { mark },
            _ => break,
        }
        end += 1;
    }
    if digit_at(bytes, end).is_some() { (joint, end) } else { (0, at) }
}

/// Whether a number can begin at `at`: not inside a word, a decimal, an order number or a path.
fn may_begin(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else { return true };
    if is_word(before) || matches!(before, b'#' | b'@' | b'+') || at >= 3 && is_thai_digit(&bytes[at - 3..]) {
        return false;
    }
    if matches!(before, b'-' | b'.' | b',' | b'/' | b':') && at >= 2 && is_word(bytes[at - 2]) {
        return !bytes[at - 2].is_ascii_digit() && after_cue(text, at);
    }
    true
}

/// Whether a word that announces a phone number stands right before `at`.
fn after_cue(text: &str, at: usize) -> bool {
    const CUES: [&str; 20] = [
        "tel",
        "telp",
        "telepon",
        "telephone",
        "phone",
        "call",
        "mobile",
        "whatsapp",
        "wa",
        "hp",
        "hotline",
        "fax",
        "sms",
        "handphone",
        "cell",
        "โทร",
        "เบอร์",
        "มือถือ",
        "โทรศัพท์",
        "line",
    ];
    let before = text[..at].trim_end_matches([' ', '.', ':', '-', '=', '\u{a0}']);
    CUES.iter().any(|cue| {
        let Some(start) = before.len().checked_sub(cue.len()) else { return false };
        before.as_bytes()[start..].eq_ignore_ascii_case(cue.as_bytes())
            && (!cue.is_ascii() || start == 0 || !is_word(before.as_bytes()[start - 1]))
    })
}

/// Numbers that are phone numbers without a separator to say so.
fn is_bare_phone(digits: &[u8]) -> bool {
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

/// 31-12-2024 or 2024-12-31, whatever follows, or 2016-2017.
fn is_date(digits: &[u8], lens: &[usize]) -> bool {
    let year = |from: usize| matches!(digits.get(from..from + 2), Some([1, 9] | [2, 0] | [2, 5]));
    match lens {
        [2, 2, 4, ..] => year(4),
        [4, 2, 2, ..] => year(0),
        // From one year to another.
        [4, 4] => year(0) && year(4),
        _ => false,
    }
}

fn is_ip(digits: &[u8], lens: &[usize]) -> bool {
    let mut rest = digits;
    lens.iter().enumerate().all(|(position, len)| {
        let (group, after) = rest.split_at((*len).min(rest.len()));
        rest = after;
        let value = |group: &[u8]| group.iter().fold(0u32, |value, digit| value * 10 + u32::from(*digit));
        group.len() <= 3 && value(group) <= 255 && (position > 0 || value(group) > 0)
    })
}

/// Thai national id: 13 digits, the last is a check digit modulo 11.
fn thai_id(digits: &[u8]) -> bool {
    let sum: u32 = digits[..12].iter().zip((2..=13).rev()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    (1..=8).contains(&digits[0]) && (11 - sum % 11) % 10 == u32::from(digits[12])
}

/// Indonesian NIK: province, regency, district, birthday (day + 40 for women), serial number.
fn nik(digits: &[u8]) -> bool {
    let pair = |at: usize| digits[at] * 10 + digits[at + 1];
    let day = if pair(6) > 40 { pair(6) - 40 } else { pair(6) };
    matches!(pair(0), 11..=19 | 21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97)
        && (1..=31).contains(&day)
        && (1..=12).contains(&pair(8))
        && digits[12..].iter().any(|digit| *digit != 0)
}

fn is_card(digits: &[u8], lens: &[usize]) -> bool {
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
