//! What the customer's texts of one conversation speak of, and what they do.

use crate::attributes::Entry;
use crate::stored::stored_fields;
use crumbtrail_events::vocabulary::Says;

/// Sums over the texts; their order says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Opinions {
    /// Unions of the texts' sets of bits.
    pub(crate) topics: u32,
    pub(crate) likes: u32,
    pub(crate) dislikes: u32,
    pub(crate) frictions: u32,
    /// Texts that state friction, and of each kind.
    pub(crate) friction_count: u32,
    pub(crate) question_count: u32,
    pub(crate) complaint_count: u32,
    pub(crate) suggestion_count: u32,
    pub(crate) praise_count: u32,
}

stored_fields!(Opinions {
    topics,
    likes,
    dislikes,
    frictions,
    friction_count,
    question_count,
    complaint_count,
    suggestion_count,
    praise_count,
});

impl Opinions {
    /// Takes in what an entry of the customer says.
    pub(crate) fn add(&mut self, entry: &Entry, has_friction: bool) {
        self.topics |= entry.topics;
        self.likes |= entry.likes;
        self.dislikes |= entry.dislikes;
        self.frictions |= entry.frictions;
        self.friction_count += u32::from(has_friction);
        match entry.says {
            Says::None | Says::Statement => {}
            Says::Question => self.question_count += 1,
            Says::Complaint => self.complaint_count += 1,
            Says::Suggestion => self.suggestion_count += 1,
            Says::Praise => self.praise_count += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_united_and_kinds_counted() {
        let texts = [
            (Says::Complaint, 0b001, 0b001, 0, true),
            (Says::Complaint, 0b010, 0b010, 0, true),
            (Says::Praise, 0b100, 0, 0b100, false),
            (Says::Question, 0b100, 0, 0, false),
            (Says::Statement, 0, 0, 0, false),
            (Says::Suggestion, 0, 0, 0, false),
            (Says::None, 0, 0, 0, false),
        ];
        let mut found = Opinions::default();
        for (says, topics, dislikes, likes, friction) in texts {
            let frictions = if friction { dislikes << 4 } else { 0 };
            found.add(&Entry { says, topics, likes, dislikes, frictions, ..Entry::default() }, friction);
        }
        let expected = Opinions {
            topics: 0b111,
            likes: 0b100,
            dislikes: 0b011,
            frictions: 0b11_0000,
            friction_count: 2,
            question_count: 1,
            complaint_count: 2,
            suggestion_count: 1,
            praise_count: 1,
        };
        assert_eq!(found, expected);
    }
}
