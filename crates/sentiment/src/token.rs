//! Cuts normalised symbols into words, Thai runs, emoji and runs of punctuation.

use crate::hash::fold;
use crate::symbol::{Class, Symbol};

/// Seed of a word's hash.
pub(crate) const WORD: u64 = 0x51;
/// Seed of the hash of a run of punctuation.
pub(crate) const MARK: u64 = 0x55;

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// First symbol.
    pub(crate) start: u32,
    /// Behind the last symbol.
    pub(crate) end: u32,
    /// Of the first symbol. Words are `Latin`, `Digit` or `Foreign`.
    pub(crate) class: Class,
    /// White space stands before it.
    pub(crate) spaced: bool,
    /// Hash of a word or a run of punctuation, the code of an emoji, nothing for Thai.
    pub(crate) hash: u64,
    /// Hash of a word as it should be spelled. Set by the rules, as are the next two.
    pub(crate) canonical: u64,
    /// See [`crate::flags`].
    pub(crate) flags: u8,
    /// A rule may begin with this word.
    pub(crate) has_rules: bool,
}

impl Token {
    /// The token's symbols.
    #[inline(always)]
    pub(crate) fn of<'a>(&self, symbols: &'a [Symbol]) -> &'a [Symbol] {
        &symbols[self.start as usize..self.end as usize]
    }

    /// True for a word of letters or digits.
    #[inline(always)]
    pub(crate) fn is_word(&self) -> bool {
        matches!(self.class, Class::Latin | Class::Digit | Class::Foreign)
    }
}

/// Hash of a word's symbols.
#[inline]
pub(crate) fn word_hash(word: &[Symbol]) -> u64 {
    word.iter().fold(WORD, |hash, symbol| fold(hash, symbol.code()))
}

/// Fills `tokens` anew. A word runs over letters and digits; an apostrophe between letters belongs to it.
pub(crate) fn tokenise(symbols: &[Symbol], tokens: &mut Vec<Token>) {
    tokens.clear();
    let mut at = 0;
    let mut spaced = true;
    while at < symbols.len() {
        let start = at;
        let first = symbols[at];
        let class = first.class();
        let mut hash = 0;
        match class {
            Class::Space => {
                spaced = true;
                at += 1;
                continue;
            }
            Class::Latin | Class::Digit | Class::Foreign => {
                hash = WORD;
                while at < symbols.len() {
                    let symbol = symbols[at];
                    let joins = |next: &Symbol| symbol.is('\'') && next.in_word();
                    if !(symbol.in_word() || symbols.get(at + 1).is_some_and(joins)) {
                        break;
                    }
                    hash = fold(hash, symbol.code());
                    at += 1;
                }
            }
            Class::Thai => {
                while at < symbols.len() && symbols[at].class() == Class::Thai {
                    at += 1;
                }
            }
            Class::Emoji => {
                hash = u64::from(first.code());
                at += 1;
            }
            Class::Punctuation => {
                hash = MARK;
                while at < symbols.len() && symbols[at].class() == Class::Punctuation {
                    hash = fold(hash, symbols[at].code());
                    at += 1;
                }
            }
        }
        tokens.push(Token {
            start: start as u32,
            end: at as u32,
            class,
            spaced,
            hash,
            canonical: hash,
            flags: 0,
            has_rules: false,
        });
        spaced = false;
    }
}

#[cfg(test)]
mod tests {
    use crate::Scratch;

    #[test]
    fn words_runs_emoji_and_marks_are_told_apart() {
        let mut scratch = Scratch::new();
        scratch.normalise("it's 'fine' 20x, ดีมาก😍!!");
        let pieces: Vec<String> = scratch
            .tokens
            .iter()
            .map(|token| token.of(&scratch.symbols).iter().filter_map(|symbol| symbol.character()).collect())
            .collect();
        assert_eq!(pieces, ["it's", "'", "fine", "'", "00x", ",", "ดีมาก", "😍", "!!"]);
        assert!(scratch.tokens[3..].iter().filter(|token| token.spaced).count() == 2);
    }
}
