//! What kind of small word a word is: bits of [`Token::flags`](crate::token::Token).

/// The word turns what follows ("not", "tidak").
pub(crate) const NEGATOR: u8 = 1;
/// The word may begin a question.
pub(crate) const QUESTION: u8 = 2;
/// The word makes the next one stronger.
pub(crate) const BOOSTER: u8 = 4;
/// The word makes the next one weaker.
pub(crate) const DAMPENER: u8 = 8;
/// The word sets what follows against what went before ("but", "tapi").
pub(crate) const CONTRAST: u8 = 16;
/// The word's letters were drawn out.
pub(crate) const DRAWN_OUT: u8 = 32;
/// The word is surely English; with [`INDONESIAN`], surely of a language that is not scored.
pub(crate) const ENGLISH: u8 = 64;
/// The word is surely Indonesian.
pub(crate) const INDONESIAN: u8 = 128;
