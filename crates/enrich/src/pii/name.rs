//! Names after titles (`Mr. Smith`, `Ibu Siti`) and after words that announce them (`my name is …`, `ผมชื่อ…`). Names
//! without either are not found.

mod thai;

use super::{Found, is_word};

/// What stands before a name, as it is written.
const TITLES: [&str; 32] = [
    "Mr",
    "Mrs",
    "Ms",
    "Miss",
    "Dr",
    "Prof",
    "Bapak",
    "bapak",
    "Ibu",
    "ibu",
    "Pak",
    "pak",
    "Bpk",
    "Bu",
    "bu",
    "Sdr",
    "Sdri",
    "Sir",
    "Professor",
    "Khun",
    "Mbak",
    "mbak",
    "Mas",
    "mas",
    "Kak",
    "kak",
    "a.n",
    "my name is",
    "My name is",
    "nama saya",
    "Nama saya",
    "atas nama",
];

/// Capitalised words that follow titles and are no names.
const NO_NAMES: [&str; 23] = [
    "Bapak",
    "Ibu",
    "Pak",
    "Bu",
    "Kota",
    "Rumah",
    "Negara",
    "Guru",
    "Presiden",
    "Haji",
    "Hamil",
    "Sekalian",
    "Universe",
    "World",
    "Right",
    "President",
    "Chairman",
    "Speaker",
    "The",
    "Who",
    "More",
    "Ph",
    "And",
];

/// What people are called by what they do, behind titles that are said to everybody.
const ROLES: [&str; 32] = [
    "Admin",
    "Administrator",
    "Agen",
    "Apoteker",
    "Bos",
    "Boss",
    "Camat",
    "Customer",
    "Direktur",
    "Dokter",
    "Driver",
    "Gojek",
    "Grab",
    "Kasir",
    "Kepala",
    "Ketua",
    "Kurir",
    "Manager",
    "Manajer",
    "Operator",
    "Owner",
    "Pembeli",
    "Penjual",
    "Petugas",
    "Polisi",
    "Sales",
    "Satpam",
    "Seller",
    "Sopir",
    "Supir",
    "Teknisi",
    "Tukang",
];

/// Titles said to somebody of whom no more is known than what they do.
const COMMON: [&str; 14] =
    ["Bapak", "bapak", "Ibu", "ibu", "Pak", "pak", "Bpk", "Bu", "bu", "Mbak", "mbak", "Mas", "mas", "Kak"];

/// What bears a title as its name: `Dr Pepper`, `Ms Office`.
const PRODUCTS: [(&str, &[&str]); 4] = [
    ("Mr", &["Coffee", "Muscle", "Kipling", "Donut"]),
    ("Dr", &["Pepper", "Martens", "Oetker", "Scholl", "Bronner", "Jart"]),
    ("Ms", &["Office", "Word", "Excel", "Teams", "Windows", "Outlook", "Access", "Project", "Paint", "Edge", "Store"]),
    ("Miss", &["Dior", "Grand"]),
];

/// Small words within a name: `van der Berg`, `binti Ahmad`.
const PARTICLES: [&str; 10] = ["van", "von", "der", "den", "de", "la", "le", "al", "bin", "binti"];

/// Most words of a name.
const WORDS: usize = 4;

/// The next name of each sort.
#[derive(Clone, Copy)]
pub(super) struct Names {
    titled: Option<Found>,
    thai: Option<Found>,
}

impl Names {
    /// Those of a text in which no names are looked for.
    pub(super) const NONE: Names = Names { titled: None, thai: None };

    #[inline]
    pub(super) fn of(text: &str) -> Names {
        let titled = may_hold_titles(text.as_bytes()).then(|| after_title(text, 0)).flatten();
        Names { titled, thai: thai::next(text, 0) }
    }

    /// The first of them.
    #[inline]
    pub(super) fn first(&self) -> Option<Found> {
        match (self.titled, self.thai) {
            (Some(one), Some(other)) => Some(if one.start <= other.start { one } else { other }),
            (one, other) => one.or(other),
        }
    }

    /// Leaves those before `at` behind; what stands further on is not looked for again.
    #[inline]
    pub(super) fn pass(&mut self, text: &str, at: usize) {
        if self.titled.is_some_and(|name| name.start < at) {
            self.titled = after_title(text, at);
        }
        if self.thai.is_some_and(|name| name.start < at) {
            self.thai = thai::next(text, at);
        }
    }
}

/// Whether a capital follows a blank or a dot somewhere. All bytes, not up to the first: what the compiler makes wide.
fn may_hold_titles(bytes: &[u8]) -> bool {
    let Some(after) = bytes.get(1..) else { return false };
    let pairs = bytes[..after.len()].iter().zip(after);
    pairs.fold(0u8, |any, (before, after)| {
        any | ((u8::from(*before == b' ') | u8::from(*before == b'.')) & u8::from(begins_name(*after)))
    }) != 0
}

/// A capital, or the first byte of a Latin letter with a mark.
fn begins_name(byte: u8) -> bool {
    byte.wrapping_sub(b'A') < 26 || byte.wrapping_sub(0xC3) < 7
}

/// The name after the first title at or after `from` that has one.
fn after_title(text: &str, from: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b' ', b'.', &bytes[from..]).map(|at| from + at).find_map(|at| {
        if !bytes.get(at + 1).is_some_and(|next| begins_name(*next)) {
            return None;
        }
        let before = text[from..at].trim_end_matches([' ', '.', ':']);
        let is_title = |title: &&str| {
            before
                .strip_suffix(*title)
                .is_some_and(|rest| rest.as_bytes().last().is_none_or(|last| !is_word(*last) && *last < 0x80))
        };
        // `kak. Semoga …`: a dot behind what is never written short ends a sentence.
        let is_short = |title: &&str| *title == "a.n" || title.starts_with(|c: char| c.is_ascii_uppercase());
        let has_dot = text[from + before.len()..=at].contains('.');
        let title = TITLES.iter().find(|title| is_title(title) && (!has_dot || is_short(title)))?;
        let product = PRODUCTS.iter().find(|(of, _)| of == title);
        let is_product = |word: &&str| text[at + 1..].strip_prefix(*word).is_some_and(|rest| !begins_word(rest));
        if product.is_some_and(|(_, words)| words.iter().any(is_product)) {
            return None;
        }
        let is_role = |word: &&str| COMMON.contains(title) && is_product(word);
        if ROLES.iter().any(is_role) {
            return None;
        }
        name_at(text, at + 1)
    })
}

/// The capitalised words at `from`.
fn name_at(text: &str, from: usize) -> Option<Found> {
    let (mut at, mut end) = (from, from);
    for word in 0..WORDS {
        let len = name_word(text, at);
        if len == 0 || (word == 0 && NO_NAMES.contains(&&text[at..at + len])) {
            break;
        }
        at += len;
        end = at;
        match text.as_bytes().get(at) {
            Some(b' ') => at = after_particles(text, at + 1),
            Some(b'-') => at += 1,
            _ => break,
        }
    }
    (end > from).then_some(Found { start: from, end, label: "[name]" })
}

/// What stands behind the small words of a name that stand at `at`, two at most.
fn after_particles(text: &str, at: usize) -> usize {
    (0..2).fold(at, |at, _| {
        let rest = |particle: &&str| text[at..].strip_prefix(*particle)?.strip_prefix(' ');
        PARTICLES.iter().find_map(rest).map_or(at, |rest| text.len() - rest.len())
    })
}

fn begins_word(text: &str) -> bool {
    text.as_bytes().first().is_some_and(|byte| is_word(*byte))
}

/// Bytes of the capitalised word or initial at `at`; 0 if there is none.
fn name_word(text: &str, at: usize) -> usize {
    let mut chars = text[at..].char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    if !first.is_uppercase() {
        return 0;
    }
    let (mut len, mut lower, mut marked) = (first.len_utf8(), 0, false);
    for (offset, c) in chars {
        match c {
            '.' if lower == 0 && offset == len => return offset + 1,
            '\'' | '’' => marked = true,
            _ if c.is_lowercase() => (lower, marked) = (lower + 1, false),
            _ if c.is_alphanumeric() || c == '_' || c == '@' => {
                // `McDonald` and `O'Brien` are names, `iPhone5` and `USA` are none.
                if !c.is_uppercase() || (lower == 0 && !marked) {
                    return 0;
                }
                (lower, marked) = (0, false);
            }
            _ => break,
        }
        len = offset + c.len_utf8();
    }
    if lower == 0 {
        return 0;
    }
    let word = text[at..at + len].trim_end_matches(['\'', '’']);
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word).len()
}
