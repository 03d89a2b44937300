//! Field names of the schemas, and the slot each fills. Native JSON and Avro share them.

use crate::values::{Number, Slot, Str, Time, Word};

macro_rules! fields {
    ($(#[doc = $doc:literal])+ $lookup:ident: $($name:literal => $slot:expr),* $(,)?) => {
        $(#[doc = $doc])+
        #[inline]
        pub(crate) fn $lookup(name: &[u8]) -> Option<Slot> {
            match name {
                $( $name => Some($slot), )*
                _ => None,
            }
        }
    };
}

fields! {
    /// Slot of a field of `click_event.avsc`.
    click:
    b"event_id" => Slot::Str(Str::EventId),
    b"site" => Slot::Str(Str::Site),
    b"occurred_at" => Slot::Time(Time::Occurred),
    b"sent_at" => Slot::Time(Time::Sent),
    b"received_at" => Slot::Time(Time::Received),
    b"visitor" => Slot::Str(Str::Visitor),
    b"customer" => Slot::Str(Str::Customer),
    b"name" => Slot::Str(Str::Name),
    b"url" => Slot::Str(Str::Url),
    b"referrer" => Slot::Str(Str::Referrer),
    b"title" => Slot::Str(Str::Title),
    b"user_agent" => Slot::Str(Str::UserAgent),
    b"ip" => Slot::Str(Str::Ip),
    b"latitude" => Slot::Number(Number::Latitude),
    b"longitude" => Slot::Number(Number::Longitude),
    b"language" => Slot::Str(Str::Language),
    b"items" => Slot::Items,
    b"order_id" => Slot::Str(Str::OrderId),
    b"revenue" => Slot::Number(Number::Revenue),
    b"currency" => Slot::Str(Str::Currency),
    b"search" => Slot::Str(Str::Search),
    b"step" => Slot::Str(Str::Step),
    b"store" => Slot::Str(Str::Store),
    b"text" => Slot::Str(Str::Text),
    b"rating" => Slot::Number(Number::Rating),
    b"campaign" => Slot::Campaign,
    b"properties" => Slot::Properties,
    b"client_session" => Slot::Str(Str::ClientSession),
    b"consent" => Slot::Consent,
    b"contact" => Slot::Str(Str::Contact),
}

fields! {
    /// Slot of a field of `support_entry.avsc`.
    support:
    b"entry_id" => Slot::Str(Str::EventId),
    b"site" => Slot::Str(Str::Site),
    b"occurred_at" => Slot::Time(Time::Occurred),
    b"received_at" => Slot::Time(Time::Received),
    b"customer" => Slot::Str(Str::Customer),
    b"visitor" => Slot::Str(Str::Visitor),
    b"contact" => Slot::Str(Str::Contact),
    b"conversation" => Slot::Str(Str::Conversation),
    b"channel" => Slot::Word(Word::Channel),
    b"author" => Slot::Word(Word::Author),
    b"kind" => Slot::Word(Word::Kind),
    b"text" => Slot::Str(Str::Text),
    b"language" => Slot::Str(Str::Language),
    b"rating" => Slot::Number(Number::Rating),
    b"scale" => Slot::Word(Word::Scale),
    b"agent" => Slot::Str(Str::Agent),
    b"department" => Slot::Str(Str::Department),
    b"tags" => Slot::Tags,
    b"priority" => Slot::Str(Str::Priority),
    b"store" => Slot::Str(Str::Store),
    b"ip" => Slot::Str(Str::Ip),
    b"product" => Slot::Str(Str::Product),
    b"properties" => Slot::Properties,
}

fields! {
    /// Slot of a field of the nested campaign.
    campaign:
    b"source" => Slot::Str(Str::Source),
    b"medium" => Slot::Str(Str::Medium),
    b"name" => Slot::Str(Str::Campaign),
    b"term" => Slot::Str(Str::Term),
    b"content" => Slot::Str(Str::Content),
}
