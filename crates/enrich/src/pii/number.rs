//! Numbers that belong to somebody: a run of digit groups is read once, then judged as what it could be.

mod checks;
mod context;

use self::checks::{
    is_bare_phone, is_book, is_card, is_date, is_ip, is_mobile_without_zero, is_round, is_round_range, is_thai_by_one,
    nik, thai_id,
};
use self::context::{Begin, after_cue, after_order_word, after_price_word, after_version_word, begin};
use super::{Found, after_unseen, begins_with_word, foreign_digit, is_wide_plus, is_word};

/// Most digits and groups looked at: two cards behind one another.
const DIGITS: usize = 40;
const GROUPS: usize = 8;

/// Digit groups with separators between them, as they stand in the text.
pub(super) struct Run {
    start: usize,
    begin: Begin,
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
    /// The run that begins at `at` with a digit, `+` or `(`; `None` if a number cannot begin there. What was found last
    /// ends at `found`.
    pub(super) fn read(text: &str, found: usize, at: usize) -> Option<Run> {
        let bytes = text.as_bytes();
        let mut run = Run {
            start: at,
            begin: begin(text, found, at)?,
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
        } else if is_wide_plus(&bytes[at..]) {
            run.plus = true;
            at += '＋'.len_utf8();
        }
        let (mut len, mut joint) = (0, 0);
        while run.count < GROUPS {
            let from = len;
            while let Some((digit, width)) = digit_at(bytes, at).or_else(|| unseen_digit_at(bytes, at)) {
                if len < DIGITS {
                    run.digits[len] = digit;
                }
                len += 1;
                at += width;
            }
            // A group that there is no room for is none; those before it may be something.
            if len == from || len > DIGITS {
                break;
            }
            run.groups[run.count] = Group { to: len, end: at, joint };
            run.count += 1;
            (joint, at) = match separator(bytes, at) {
                (0, at) if run.may_have_slash(len) => slash(bytes, at),
                found => found,
            };
            if joint == 0 {
                break;
            }
        }
        // A bracket that closes behind the run is the sentence's: `(6288 1458 1311 1138)`.
        let is_whole = !run.bracket || run.groups[..run.count].iter().any(|group| group.joint == b')');
        (run.count > 0 && is_whole).then_some(run)
    }

    /// Whether what was read, `len` digits, may be the codes of a country and a city, behind which `/` is written.
    fn may_have_slash(&self, len: usize) -> bool {
        let has_one = self.groups[..self.count].iter().any(|group| group.joint == b'/');
        !has_one && if self.plus { len <= 7 } else { self.count == 1 && self.digits[0] == 0 && (3..=5).contains(&len) }
    }

    /// What the longest sensible beginning of the run is.
    pub(super) fn classify(&self, text: &str) -> Option<Found> {
        if let Some(groups) = self.thai_mobile()
            && self.may_be_phone(text, groups, &self.digits[..self.groups[groups - 1].to])
            && (groups > 2 || !after_order_word(text, self.start))
        {
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
        // A word that goes on, an address, or digits that go on: not a number of its own.
        let rest = &text.as_bytes()[end..];
        let is_joined = groups < self.count && self.groups[groups].joint == b'_';
        let goes_on = begins_with_word(rest) && !is_joined && !self.is_followed(rest, groups);
        if goes_on || rest.first() == Some(&b'@') || foreign_digit(rest).is_some() {
            return None;
        }
        Some(Found { start: self.start, end, label })
    }

    /// Whether a word that stands right behind is one of its own (`081-234-5678krub`, `0812345678x2`), not the rest of a code: small
    /// letters, not all of which are also hexadecimal digits where no marks group the number.
    fn is_followed(&self, rest: &[u8], groups: usize) -> bool {
        const LONGEST: usize = 12;
        let len = rest.iter().take_while(|b| is_word(**b)).count();
        let word = &rest[..len];
        let times = matches!(word, [b'x' | b'X', count @ ..] if (1..=2).contains(&count.len()) && count.iter().all(u8::is_ascii_digit));
        let is_plain = (2..=LONGEST).contains(&len) && word.iter().all(u8::is_ascii_lowercase);
        times || is_plain && (groups > 2 || word.iter().any(|letter| *letter > b'f'))
    }

    fn label(&self, text: &str, groups: usize) -> Option<&'static str> {
        let digits = &self.digits[..self.groups[groups - 1].to];
        let lens = self.lens(groups);
        let lens = &lens[..groups];
        let joints = &self.groups[1..groups];
        let same = joints.windows(2).all(|pair| pair[0].joint == pair[1].joint);
        if !self.plus && !self.bracket {
            // Few ids begin with 0 or 9, and many goods' numbers do.
            let may_be_id = matches!(digits[0], 1..=8) && self.begin != Begin::Numbered;
            let is_id = || may_be_id || lens.len() > 1 || !self.is_goods(text, digits);
            if same && matches!(lens, [13] | [1, 4, 5, 2, 1]) && thai_id(digits) && is_id() {
                return Some("[thai_id]");
            }
            if same && matches!(lens, [16] | [6, 6, 4] | [2, 2, 2, 6, 4]) && nik(digits) {
                return Some("[nik]");
            }
            if same && is_card(digits, lens) {
                return Some("[card]");
            }
            if same && matches!(lens, [4, 4, 4, 4]) && nik(digits) {
                return Some("[nik]");
            }
            let dotted = || {
                // A fifth part: no address, but a version or an object's number.
                let more = groups < self.count && self.groups[groups].joint == b'.';
                joints.iter().all(|group| group.joint == b'.') && !more
            };
            if lens.len() == 4 && dotted() && is_ip(digits, lens) && !after_version_word(text, self.start) {
                return Some("[ip]");
            }
        }
        let is_phone = self.is_phone(text, groups, digits, lens)
            && self.may_be_phone(text, groups, digits)
            // An order's number looks like a phone's; what is grouped as only phones are stays one.
            && (self.plus || groups > 2 || !after_order_word(text, self.start));
        is_phone.then_some("[phone]")
    }

    /// Whether what stands right before allows a phone number, which has no check of its own.
    fn may_be_phone(&self, text: &str, groups: usize, digits: &[u8]) -> bool {
        let is_local = || matches!(digits, [0, ..]) || is_bare_phone(digits);
        match self.begin {
            Begin::Free | Begin::Labelled => true,
            Begin::Numbered => self.plus || groups > 2,
            Begin::Joined => {
                let end = self.groups[groups - 1].end;
                let goes_on = (groups < self.count && self.groups[groups].joint != b' ')
                    || matches!(text.as_bytes().get(end), Some(b'-' | b'_'));
                self.plus || (is_local() && !goes_on) || after_cue(text, self.start)
            }
            Begin::InPath => self.plus || after_cue(text, self.start),
        }
    }

    /// Whether the number is a book's, or what stands before says that it is a shop's.
    fn is_goods(&self, text: &str, digits: &[u8]) -> bool {
        is_book(digits) || after_order_word(text, self.start)
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
        let called = || (7..=13).contains(&digits.len()) && after_cue(text, self.start);
        if lens[0] == digits.len() && !self.plus {
            // Without the zero only where something stands beside it: alone it is as likely an id.
            let is_all = || self.start == 0 && self.groups[groups - 1].end == text.len();
            let without_zero = is_mobile_without_zero(digits) && !is_all() && !after_price_word(text, self.start);
            return is_bare_phone(digits) || without_zero || called();
        }
        if self.plus {
            let is_amount =
                is_round(digits) && joints.iter().zip(&lens[1..]).all(|(group, len)| group.joint == b'.' && *len == 3);
            return (8..=15).contains(&digits.len()) && digits[0] != 0 && (!is_amount || after_cue(text, self.start));
        }
        if joints.iter().any(|group| group.joint == b'/') {
            return groups == 2 && called() && (9..=13).contains(&digits.len());
        }
        // `66-8-1234-5678`, whose plus a URL took for a blank.
        let is_thai_abroad = || matches!(lens, [2, 1, 4, 4]) && is_bare_phone(digits);
        if lens.iter().any(|len| *len < 2)
            && !matches!(lens, [1, 3, 3, 4])
            && !is_thai_by_one(digits, lens)
            && !is_thai_abroad()
            || is_date(digits, lens)
        {
            return false;
        }
        let grouped = match digits {
            [0, 0, first, ..] => *first != 0 && (11..=17).contains(&digits.len()),
            [0, ..] => (9..=13).contains(&digits.len()) && (2..=5).contains(&lens[0]),
            _ => false,
        };
        let marked = self.bracket || joints.iter().any(|group| matches!(group.joint, b'-' | b'.' | b'_' | b')'));
        let american = match (digits, lens) {
            ([area, _, _, exchange, ..], [3, 3, 4]) => marked && *area >= 2 && *exchange >= 2,
            ([1, area, _, _, exchange, ..], [1, 3, 3, 4]) => marked && *area >= 2 && *exchange >= 2,
            _ => false,
        };
        let by_one = is_thai_by_one(digits, lens) && joints.iter().all(|group| group.joint == b'-');
        grouped
            || by_one
            || american
            || is_bare_phone(digits) && digits[0] != 0
            || !is_round_range(digits, lens) && called()
    }
}

/// The digit behind marks at `at` that are not seen, and the bytes of all of them.
fn unseen_digit_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    if bytes.get(at)?.is_ascii() {
        return None;
    }
    let after = after_unseen(bytes, at);
    digit_at(bytes, after).map(|(digit, width)| (digit, after - at + width))
}

/// The digit at `at`, ASCII or of another script, and its bytes.
fn digit_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    match *bytes.get(at)? {
        digit @ b'0'..=b'9' => Some((digit - b'0', 1)),
        0x80.. => foreign_digit(&bytes[at..]),
        _ => None,
    }
}

/// As [`separator`], of a `/` behind which a subscriber's number stands.
fn slash(bytes: &[u8], at: usize) -> (u8, usize) {
    const SHORTEST: usize = 5;
    let is_long = |from: usize| {
        let digits = bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        digits >= SHORTEST
    };
    match bytes.get(at) {
        Some(b'/') if is_long(at + 1) => (b'/', at + 1),
        _ => (0, at),
    }
}

/// The separator at `at` if digits follow it, and where they begin; 0 if the run ends here. Blanks that don't break
/// stand as blanks, typographic hyphens and the dash of figures as `-`.
fn separator(bytes: &[u8], at: usize) -> (u8, usize) {
    let (mut end, mut marks, mut joint) = (after_unseen(bytes, at), 0, 0);
    while marks < 3 {
        let (mark, width) = match bytes.get(end..).unwrap_or_default() {
            [b' ', ..] => (b' ', 1),
            [mark @ (b'-' | b'.' | b'_' | b')'), ..] => (*mark, 1),
            [b'(', ..] => (b')', 1),
            [0xC2, 0xA0, ..] => (b' ', 2),
            // Typographic hyphens, the minus, what is as wide as full-width digits.
            [0xE2, 0x80, 0x90..=0x93, ..] | [0xE2, 0x88, 0x92, ..] | [0xEF, 0xBC, 0x8D, ..] => (b'-', 3),
            [0xE3, 0x80, 0x80, ..] => (b' ', 3),
            _ => break,
        };
        joint = if mark == b' ' && joint != 0 { joint } else { mark };
        end = after_unseen(bytes, end + width);
        marks += 1;
    }
    if digit_at(bytes, end).is_some() { (joint, end) } else { (0, at) }
}
