//! What is found in a text, by its place there.

/// A rule found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// First symbol.
    pub(crate) start: u32,
    /// Behind the last symbol.
    pub(crate) end: u32,
    pub(crate) rule: u16,
    /// Feeling in hundredths, turned if negated.
    pub(crate) valence: i16,
    /// What it says does not count: it is taken back, part of a longer phrase, or only supposed.
    pub(crate) void: bool,
    /// A topic's name in another sense.
    pub(crate) elsewhere: bool,
}

impl Hit {
    /// A rule found at these symbols, not yet weighed against others.
    pub(crate) fn new(start: u32, end: u32, rule: u16) -> Self {
        Self { start, end, rule, valence: 0, void: false, elsewhere: false }
    }
}

/// A place in the text with a feeling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feeling {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) valence: i32,
    /// It is a fact complained of.
    pub(crate) friction: bool,
    /// It is good only because "not" stands before something bad.
    pub(crate) denied: bool,
}
