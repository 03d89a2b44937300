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
}

/// A place in the text with a feeling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feeling {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) clause: u32,
    pub(crate) valence: i32,
}
