//! What stands before a number: whether one can begin there, and the words that say what it is.

use crate::pii::{before_unseen, ends_in_word, foreign_digit, is_word};

/// How a number stands to what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Apart.
    Free,
    /// Behind a `#`, as shops number their orders.
    Numbered,
    /// Behind a word and a mark that introduces values: `card:`, `nomor,`.
    Labelled,
    /// Behind a word and a mark that also joins codes: `card-`, `No.`, `hp/`.
    Joined,
    /// A part of a path or URL.
    InPath,
}

/// How a number begins at `at`; `None` inside a word, a decimal or an order number. What was found last ends at `found`:
/// what one mark parts from it is a value as it is.
pub(super) fn begin(text: &str, found: usize, at: usize) -> Option<Begin> {
    let bytes = text.as_bytes();
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else { return Some(Begin::Free) };
    if found > 0 && (found == at || (found + 1 == at && matches!(before, b'-' | b'.' | b',' | b'/' | b':' | b';'))) {
        return Some(Begin::Free);
    }
    if before == b'#' {
        return Some(Begin::Numbered);
    }
    if ends_in_word(&bytes[..at]) {
        return is_glued_cue(&bytes[..at]).then_some(Begin::Labelled);
    }
    if matches!(before, b'@' | b'+') || ends_in_digit(&bytes[..at]) {
        return None;
    }
    // Digits that only marks which nobody sees part are one number.
    if before >= 0x80 {
        let seen = &bytes[..before_unseen(bytes, at)];
        if seen.last().is_some_and(u8::is_ascii_digit) || ends_in_digit(seen) {
            return None;
        }
    }
    if !matches!(before, b'-' | b'.' | b',' | b'/' | b':') || at < 2 || !is_word(bytes[at - 2]) {
        return Some(Begin::Free);
    }
    let word = text[..at - 1].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    match before {
        _ if word.bytes().last().is_some_and(|last| last.is_ascii_digit()) => None,
        b',' | b':' => Some(Begin::Labelled),
        b'/' if is_path(text, at) => Some(Begin::InPath),
        // `SO-0812345678` is a code, `card-0812345678` a label; words with digits in them are codes, too.
        b'-' if !word.bytes().all(|b| b.is_ascii_alphabetic()) || word.bytes().all(|b| b.is_ascii_uppercase()) => {
            Some(Begin::InPath)
        }
        _ => Some(Begin::Joined),
    }
}

/// Words that announce a value and are written in one with it: `WA081234567890`.
const GLUED: [&str; 14] =
    ["wa", "hp", "tel", "telp", "tlp", "no", "nomor", "hub", "call", "phone", "sms", "cc", "nik", "ktp"];

/// Whether one of these stands last, as a word of its own.
fn is_glued_cue(before: &[u8]) -> bool {
    let letters = before.iter().rev().take(6).take_while(|b| b.is_ascii_alphabetic()).count();
    let (rest, word) = before.split_at(before.len() - letters);
    !ends_in_word(rest) && GLUED.iter().any(|cue| word.eq_ignore_ascii_case(cue.as_bytes()))
}

/// Whether a digit that is not ASCII stands last.
fn ends_in_digit(before: &[u8]) -> bool {
    [2, 3].into_iter().any(|width| {
        let from = before.len().checked_sub(width);
        from.and_then(|from| foreign_digit(&before[from..])).is_some_and(|(_, found)| found == width)
    })
}

/// Whether the `/` before `at` is one of a path's: another slash or a dot stands before it in its token.
fn is_path(text: &str, at: usize) -> bool {
    // As far as it tells: what is looked at again and again stays short.
    const LONGEST: usize = 256;
    let from = crate::text::clipped(text, (at - 1).saturating_sub(LONGEST)).len();
    let before = &text[from..at - 1];
    let token = before.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
    token.contains(['/', '.'])
}

/// Words that announce a phone number.
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
    "wa.me",
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
];

/// Words whose numbers are a shop's.
const ORDER_WORDS: [&str; 40] = [
    "order",
    "orders",
    "orderid",
    "pesanan",
    "resi",
    "noresi",
    "awb",
    "tracking",
    "shipment",
    "parcel",
    "paket",
    "sku",
    "ref",
    "reference",
    "referensi",
    "invoice",
    "inv",
    "faktur",
    "receipt",
    "ticket",
    "tiket",
    "booking",
    "serial",
    "imei",
    "transaksi",
    "transaction",
    "trx",
    "product",
    "produk",
    "item",
    "isbn",
    "ean",
    "barcode",
    "บาร์โค้ด",
    "ออเดอร์",
    "คำสั่งซื้อ",
    "ใบสั่งซื้อ",
    "พัสดุ",
    "อ้างอิง",
    "ใบเสร็จ",
];

/// Words between those and the number.
const FILLERS: [&str; 10] = ["no", "nr", "num", "number", "nomor", "id", "code", "kode", "is", "หมายเลข"];

/// Words whose numbers with dots are versions or sections.
const VERSION_WORDS: [&str; 22] = [
    "version",
    "ver",
    "v",
    "versi",
    "ios",
    "ipados",
    "macos",
    "android",
    "windows",
    "chrome",
    "firefox",
    "safari",
    "firmware",
    "build",
    "release",
    "section",
    "sec",
    "chapter",
    "bab",
    "pasal",
    "เวอร์ชัน",
    "เวอร์ชั่น",
];

/// Whether a currency stands right before `at`.
pub(super) fn after_price_word(text: &str, at: usize) -> bool {
    ["rp", "idr", "thb", "$", "฿", "ราคา"].iter().any(|word| without(ahead(text, at), word).is_some())
}

/// Whether a word that announces a phone number stands right before `at`.
pub(super) fn after_cue(text: &str, at: usize) -> bool {
    CUES.iter().any(|cue| without(ahead(text, at), cue).is_some())
}

/// Whether a word stands right before `at`, or with one between, whose number is a shop's.
pub(super) fn after_order_word(text: &str, at: usize) -> bool {
    let before = ahead(text, at);
    let is_order = |before: &str| ORDER_WORDS.iter().any(|word| without(before, word).is_some());
    is_order(before)
        || FILLERS.iter().filter_map(|filler| without(before, filler)).any(|rest| is_order(ahead(rest, rest.len())))
}

/// Whether a word stands right before `at` whose numbers with dots are versions.
pub(super) fn after_version_word(text: &str, at: usize) -> bool {
    VERSION_WORDS.iter().any(|word| without(ahead(text, at), word).is_some())
}

/// What stands before `at`, blanks and marks off.
fn ahead(text: &str, at: usize) -> &str {
    text[..at].trim_end_matches([' ', '.', ':', '-', '=', '/', '#', '\u{a0}'])
}

/// `before` without the word at its end, if it is there as a word of its own.
fn without<'a>(before: &'a str, word: &str) -> Option<&'a str> {
    let start = before.len().checked_sub(word.len())?;
    let bytes = before.as_bytes();
    let is_it = bytes[start..].eq_ignore_ascii_case(word.as_bytes())
        && (!word.is_ascii() || start == 0 || !is_word(bytes[start - 1]));
    is_it.then(|| &before[..start])
}
