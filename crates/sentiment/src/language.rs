//! The languages that are scored, and their tags.

/// The languages that are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Language {
    /// English.
    En,
    /// Thai.
    Th,
    /// Indonesian.
    Id,
    /// Undetermined, or none of the above.
    #[default]
    Und,
}

impl Language {
    /// The BCP 47 tag, lower-case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Th => "th",
            Language::Id => "id",
            Language::Und => "und",
        }
    }

    /// The language of a BCP 47 tag by its primary subtag, whatever its case: `en-GB`, `TH`, `id_ID`, `in` (old code of
    /// Indonesian). `None` for a language this crate does not score.
    pub fn from_tag(tag: &str) -> Option<Language> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        [
            ("en", Language::En),
            ("eng", Language::En),
            ("th", Language::Th),
            ("tha", Language::Th),
            ("id", Language::Id),
            ("in", Language::Id),
            ("ind", Language::Id),
            ("und", Language::Und),
        ]
        .into_iter()
        .find(|(code, _)| primary.eq_ignore_ascii_case(code))
        .map(|(_, language)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_by_their_primary_subtag() {
        assert_eq!(Language::from_tag("en-GB"), Some(Language::En));
        assert_eq!(Language::from_tag("TH"), Some(Language::Th));
        assert_eq!(Language::from_tag("id_ID"), Some(Language::Id));
        assert_eq!(Language::from_tag("fr"), None);
        assert_eq!(Language::from_tag(""), None);
    }
}
