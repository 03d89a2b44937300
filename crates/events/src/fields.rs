//! Field names of the schemas, and the slot each fills. Native JSON and Avro share them.

use crate::values::{Number, Slot, Str, Time, Word};

/// The fields of one kind of record.
#[derive(Debug)]
pub(crate) struct Fields(
    /// Keys as JSON without spaces writes them (`"name":`), and what they fill.
    pub(crate) &'static [(&'static str, Slot)],
);

impl Fields {
    /// The name in a key.
    #[inline]
    pub(crate) fn name(key: &'static str) -> &'static str {
        &key[1..key.len() - 2]
    }

    /// Index of the field of that name.
    #[inline]
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(key, _)| Fields::name(key) == name)
    }

    /// Slot of the field of that name.
    #[inline]
    pub(crate) fn slot(&self, name: &str) -> Option<Slot> {
        self.index(name).map(|index| self.0[index].1)
    }
}

macro_rules! fields {
    ($(#[doc = $doc:literal])+ $fields:ident: $($name:literal => $slot:expr),* $(,)?) => {
        $(#[doc = $doc])+
        pub(crate) static $fields: Fields = Fields(&[$((concat!("\"", $name, "\":"), $slot)),*]);
    };
}

fields! {
    /// Fields of `click_event.avsc`.
    CLICK:
    "event_id" => Slot::Str(Str::EventId),
    "site" => Slot::Str(Str::Site),
    "occurred_at" => Slot::Time(Time::Occurred),
    "sent_at" => Slot::Time(Time::Sent),
    "received_at" => Slot::Time(Time::Received),
    "visitor" => Slot::Str(Str::Visitor),
    "customer" => Slot::Str(Str::Customer),
    "name" => Slot::Str(Str::Name),
    "url" => Slot::Str(Str::Url),
    "referrer" => Slot::Str(Str::Referrer),
    "title" => Slot::Str(Str::Title),
    "user_agent" => Slot::Str(Str::UserAgent),
    "ip" => Slot::Str(Str::Ip),
    "latitude" => Slot::Number(Number::Latitude),
    "longitude" => Slot::Number(Number::Longitude),
    "language" => Slot::Str(Str::Language),
    "items" => Slot::Items,
    "order_id" => Slot::Str(Str::OrderId),
    "revenue" => Slot::Number(Number::Revenue),
    "currency" => Slot::Str(Str::Currency),
    "search" => Slot::Str(Str::Search),
    "step" => Slot::Str(Str::Step),
    "store" => Slot::Str(Str::Store),
    "text" => Slot::Str(Str::Text),
    "rating" => Slot::Number(Number::Rating),
    "campaign" => Slot::Campaign,
    "properties" => Slot::Properties,
    "client_session" => Slot::Str(Str::ClientSession),
    "consent" => Slot::Consent,
    "contact" => Slot::Str(Str::Contact),
    "previous_customer" => Slot::Str(Str::PreviousCustomer),
}

fields! {
    /// Fields of `support_entry.avsc`.
    SUPPORT:
    "entry_id" => Slot::Str(Str::EventId),
    "site" => Slot::Str(Str::Site),
    "occurred_at" => Slot::Time(Time::Occurred),
    "received_at" => Slot::Time(Time::Received),
    "customer" => Slot::Str(Str::Customer),
    "visitor" => Slot::Str(Str::Visitor),
    "contact" => Slot::Str(Str::Contact),
    "conversation" => Slot::Str(Str::Conversation),
    "channel" => Slot::Word(Word::Channel),
    "author" => Slot::Word(Word::Author),
    "kind" => Slot::Word(Word::Kind),
    "text" => Slot::Str(Str::Text),
    "language" => Slot::Str(Str::Language),
    "rating" => Slot::Number(Number::Rating),
    "scale" => Slot::Word(Word::Scale),
    "agent" => Slot::Str(Str::Agent),
    "department" => Slot::Str(Str::Department),
    "tags" => Slot::Tags,
    "priority" => Slot::Str(Str::Priority),
    "store" => Slot::Str(Str::Store),
    "ip" => Slot::Str(Str::Ip),
    "product" => Slot::Str(Str::Product),
    "properties" => Slot::Properties,
}

fields! {
    /// Fields of the nested campaign.
    CAMPAIGN:
    "source" => Slot::Str(Str::Source),
    "medium" => Slot::Str(Str::Medium),
    "name" => Slot::Str(Str::Campaign),
    "term" => Slot::Str(Str::Term),
    "content" => Slot::Str(Str::Content),
}
