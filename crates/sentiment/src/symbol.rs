//! A normalised character and its class.

/// What kind of symbol a normalised character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// A letter or mark of the Latin script.
    Latin,
    /// A digit of any script (normalised to `0`).
    Digit,
    /// A letter of any other script.
    Foreign,
    /// A Thai letter, vowel or tone mark.
    Thai,
    /// White space.
    Space,
    /// An emoji.
    Emoji,
    /// Anything else.
    Punctuation,
}

const CLASSES: [Class; 8] = [
    Class::Latin,
    Class::Digit,
    Class::Foreign,
    Class::Thai,
    Class::Space,
    Class::Emoji,
    Class::Punctuation,
    Class::Punctuation,
];

/// A normalised character: its code point in the lower 21 bits, its class above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol(u32);

impl Symbol {
    const CODE_BITS: u32 = 21;

    /// Packs a code point and its class.
    pub(crate) const fn new(code: u32, class: Class) -> Self {
        Self(code | (class as u32) << Self::CODE_BITS)
    }

    /// The code point.
    #[inline(always)]
    pub(crate) const fn code(self) -> u32 {
        self.0 & ((1 << Self::CODE_BITS) - 1)
    }

    /// The class.
    #[inline(always)]
    pub(crate) const fn class(self) -> Class {
        CLASSES[(self.0 >> Self::CODE_BITS & 7) as usize]
    }

    /// True for what words are made of: letters and digits, but not Thai.
    #[inline(always)]
    pub(crate) const fn in_word(self) -> bool {
        self.0 < (Class::Thai as u32) << Self::CODE_BITS
    }

    /// True for the symbol of this ASCII character.
    #[inline(always)]
    pub(crate) const fn is(self, ascii: char) -> bool {
        self.code() == ascii as u32
    }

    /// The character.
    #[cfg(test)]
    pub(crate) fn character(self) -> Option<char> {
        char::from_u32(self.code())
    }
}

/// True for what ends a clause.
#[inline]
pub(crate) fn ends_clause(symbol: Symbol) -> bool {
    matches!(symbol.code(), 0x21 | 0x28 | 0x29 | 0x2C | 0x2E | 0x3A | 0x3B | 0x3F)
}
