//! A record half-way: values by slot, as both decoders fill them, before they become a click or a support entry.
//!
//! Arrays indexed by slot keep the decoders' inner loops free of a branch per field.

use crate::click::{Campaign, ClickEvent};
use crate::clock::Times;
use crate::kind::Kind;
use crate::names;
use crate::reject::{Fault, Reason, Reject};
use crate::support::SupportEntry;
use crate::touchpoint::Items;
use crate::vocabulary::{Author, Channel, Scale};

macro_rules! slots {
    ($(#[doc = $doc:literal])+ $name:ident, $count:ident : $($slot:ident)*) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum $name { $($slot),* }
        pub(crate) const $count: usize = [$($name::$slot),*].len();
    };
}
slots! {
    /// Strings.
    Str, STRS: EventId Site Visitor Customer Name Url Referrer Title UserAgent Ip Language OrderId Currency Search Step Store
    Text ClientSession Contact Source Medium Campaign Term Content Properties Conversation Agent Department Tags Priority
    Product PreviousCustomer
}
slots! {
    /// Times, ms since the epoch; 0 is absent.
    Time, TIMES: Occurred Sent Received
}
slots! {
    /// Numbers; `None` is absent.
    Number, NUMBERS: Latitude Longitude Revenue Rating
}
slots! {
    /// Words of a closed set.
    Word, WORDS: Channel Author Kind Scale
}

impl Word {
    /// The code of `name` in this word's set; `None` if it is not in it.
    pub(crate) fn code(self, name: &str) -> Option<u8> {
        match self {
            Word::Channel => channel(name).map(|channel| channel as u8),
            Word::Author => Author::from_name(name).map(|author| author as u8),
            Word::Kind => Kind::from_name(name).filter(|kind| kind.is_support()).map(|kind| kind as u8),
            Word::Scale => Scale::from_name(name).map(|scale| scale as u8),
        }
    }
}

/// A support channel by the name sources use: `email` and `support_email` are the same.
fn channel(name: &str) -> Option<Channel> {
    if name == "email" {
        return Some(Channel::SupportEmail);
    }
    Channel::from_name(name).filter(|channel| *channel as u8 >= Channel::Chat as u8)
}

/// Where a field of a schema goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A string.
    Str(Str),
    /// A time.
    Time(Time),
    /// A number.
    Number(Number),
    /// A word.
    Word(Word),
    /// The consent flag.
    Consent,
    /// The list of items.
    Items,
    /// The campaign record.
    Campaign,
    /// The list of tags.
    Tags,
    /// Properties as JSON.
    Properties,
}

/// A time that a record tells, ms. 0 stands for one that it does not: so a device without a clock, which says that it is the
/// first moment of 1970, is kept as saying the millisecond after it when something happened.
#[inline]
pub(crate) fn told(slot: usize, ms: i64) -> i64 {
    if ms == 0 && slot == Time::Occurred as usize { 1 } else { ms }
}

/// Times by slot, told.
pub(crate) fn times(slots: [i64; TIMES]) -> Times {
    let of = |time: Time| slots[time as usize];
    Times { occurred: of(Time::Occurred), sent: of(Time::Sent), received: of(Time::Received) }
}

/// Values by slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) strs: [&'a str; STRS],
    pub(crate) times: [i64; TIMES],
    pub(crate) numbers: [Option<f64>; NUMBERS],
    pub(crate) words: [Option<u8>; WORDS],
    pub(crate) consent: Option<bool>,
    pub(crate) items: Items<'a>,
}

impl<'a> Values<'a> {
    /// None yet.
    #[inline]
    pub(crate) fn new() -> Values<'a> {
        /// Copied: setting field after field is half a kilobyte of code.
        static NONE: Values<'static> = Values {
            strs: [""; STRS],
            times: [0; TIMES],
            numbers: [None; NUMBERS],
            words: [None; WORDS],
            consent: None,
            items: Items::from_buffer(&[]),
        };
        NONE
    }

    #[inline]
    fn str(&self, slot: Str) -> &'a str {
        self.strs[slot as usize]
    }

    /// Refuses numbers that cannot be what they are said to be.
    ///
    /// # Errors
    /// A position off the globe, a rating beyond reason.
    #[inline]
    pub(crate) fn check_numbers(&self) -> Result<(), Fault> {
        for (slot, name, limit) in [
            (Number::Latitude, "latitude", 90.0),
            (Number::Longitude, "longitude", 180.0),
            (Number::Rating, "rating", 1e6),
        ] {
            if self.numbers[slot as usize].is_some_and(|value| value.abs() > limit) {
                return Err(Reject::fault(Reason::WrongType, format!("{name}: a number beyond ±{limit}")));
            }
        }
        Ok(())
    }

    /// Refuses a support entry without a channel or kind, which have no value that means "not told".
    ///
    /// # Errors
    /// `missing_field`.
    #[inline]
    pub(crate) fn check_words(&self) -> Result<(), Fault> {
        for (word, name) in [(Word::Channel, "channel"), (Word::Kind, "kind")] {
            if self.words[word as usize].is_none() {
                return Err(Reject::fault(Reason::MissingField, format!("{name}: required")));
            }
        }
        Ok(())
    }

    fn single(&self, slot: Number) -> Option<f32> {
        self.numbers[slot as usize].map(|value| value as f32)
    }

    /// The click these values make. Infallible, so that it is built in its final place.
    #[inline]
    pub(crate) fn click(&self) -> ClickEvent<'a> {
        let (kind, name) = names::kind_and_name(self.str(Str::Name));
        ClickEvent {
            event_id: self.str(Str::EventId),
            site: self.str(Str::Site),
            occurred_at: self.times[Time::Occurred as usize],
            sent_at: self.times[Time::Sent as usize],
            received_at: self.times[Time::Received as usize],
            visitor: self.str(Str::Visitor),
            customer: self.str(Str::Customer),
            kind,
            name,
            url: self.str(Str::Url),
            referrer: self.str(Str::Referrer),
            title: self.str(Str::Title),
            user_agent: self.str(Str::UserAgent),
            client_hints: "",
            ip: self.str(Str::Ip),
            latitude: self.single(Number::Latitude),
            longitude: self.single(Number::Longitude),
            language: self.str(Str::Language),
            items: self.items,
            order_id: self.str(Str::OrderId),
            revenue: self.numbers[Number::Revenue as usize],
            currency: self.str(Str::Currency),
            search: self.str(Str::Search),
            step: self.str(Str::Step),
            store: self.str(Str::Store),
            text: self.str(Str::Text),
            rating: self.single(Number::Rating),
            campaign: Campaign {
                source: self.str(Str::Source),
                medium: self.str(Str::Medium),
                name: self.str(Str::Campaign),
                term: self.str(Str::Term),
                content: self.str(Str::Content),
            },
            properties: self.str(Str::Properties),
            client_session: self.str(Str::ClientSession),
            consent: self.consent,
            contact: self.str(Str::Contact),
            previous_customer: self.str(Str::PreviousCustomer),
        }
    }

    /// The support entry these values make.
    #[inline]
    pub(crate) fn support(&self) -> SupportEntry<'a> {
        let word = |word: Word| self.words[word as usize];
        SupportEntry {
            entry_id: self.str(Str::EventId),
            site: self.str(Str::Site),
            occurred_at: self.times[Time::Occurred as usize],
            received_at: self.times[Time::Received as usize],
            customer: self.str(Str::Customer),
            visitor: self.str(Str::Visitor),
            contact: self.str(Str::Contact),
            conversation: self.str(Str::Conversation),
            channel: word(Word::Channel).and_then(Channel::from_code).unwrap_or_default(),
            author: word(Word::Author).and_then(Author::from_code).unwrap_or_default(),
            kind: word(Word::Kind).and_then(Kind::from_code).unwrap_or_default(),
            text: self.str(Str::Text),
            language: self.str(Str::Language),
            rating: self.single(Number::Rating),
            scale: word(Word::Scale).and_then(Scale::from_code).unwrap_or_default(),
            agent: self.str(Str::Agent),
            department: self.str(Str::Department),
            tags: self.str(Str::Tags),
            priority: self.str(Str::Priority),
            store: self.str(Str::Store),
            ip: self.str(Str::Ip),
            product: self.str(Str::Product),
            properties: self.str(Str::Properties),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_closed_sets() {
        assert_eq!(Word::Channel.code("email"), Word::Channel.code("support_email"));
        assert_eq!(Word::Channel.code("direct"), None);
        assert_eq!(Word::Kind.code("page_view"), None);
        assert_eq!(Word::Kind.code("message"), Some(Kind::SupportMessage as u8));
    }
}
