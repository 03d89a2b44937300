//! The topics a text may have, as a set of bits.

/// The topics, in the order of their bits. Stored names: add at the end, never reorder.
pub const NAMES: [&str; 16] = [
    "billing",
    "delivery",
    "refund",
    "product_quality",
    "price",
    "login_account",
    "staff_service",
    "cancellation",
    "website_checkout",
    "onboarding",
    "stock_availability",
    "praise",
    "question",
    "suggestion",
    "app_fault",
    "privacy",
];

/// A set of topics; bit n is `NAMES[n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TopicSet(pub u32);

impl TopicSet {
    /// The names that say what a text does, not what it is about; never an aspect.
    ///
    /// Rules find them as they find topics; a [`crate::Reading`] has them in its kind only.
    pub(crate) const SPEECH: TopicSet = TopicSet(1 << 11 | 1 << 12 | 1 << 13);
    pub(crate) const PRAISE: TopicSet = TopicSet(1 << 11);
    pub(crate) const QUESTION: TopicSet = TopicSet(1 << 12);
    pub(crate) const SUGGESTION: TopicSet = TopicSet(1 << 13);
    pub(crate) const WEBSITE: TopicSet = TopicSet(1 << 8);
    pub(crate) const APP_FAULT: TopicSet = TopicSet(1 << 14);

    /// The stable names of the topics in the set, in bit order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// True if the set holds the topic of this name.
    pub fn contains(self, name: &str) -> bool {
        self.iter().any(|topic| topic == name)
    }

    /// True if the sets share a topic.
    pub(crate) fn meets(self, other: TopicSet) -> bool {
        self.0 & other.0 != 0
    }

    /// True if no topic was found.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_bits_are_where_they_are_said_to_be() {
        assert_eq!(TopicSet::PRAISE.iter().collect::<Vec<_>>(), ["praise"]);
        assert_eq!(TopicSet::QUESTION.iter().collect::<Vec<_>>(), ["question"]);
        assert_eq!(TopicSet::SUGGESTION.iter().collect::<Vec<_>>(), ["suggestion"]);
        assert_eq!(TopicSet::WEBSITE.iter().collect::<Vec<_>>(), ["website_checkout"]);
        assert_eq!(TopicSet::APP_FAULT.iter().collect::<Vec<_>>(), ["app_fault"]);
    }
}
