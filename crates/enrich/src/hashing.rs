//! Fields that an operator has replaced by keyed hashes, before anything else looks at them.
//!
//! A hash is written `h:` and 32 hex digits, so that it is known from an id. It is under the key that counts at the event's time:
//! one id has one hash in every topic until a key takes over.

mod json;

use crumbtrail_events::{ClickEvent, SupportEntry};

use crate::keyring::{Beside, Keyring};
use json::hash_json;

/// What a hash begins with.
const MARK: &str = "h:";
/// The ids that can be chosen, as `schemas/avro` names them.
const IDS: [&str; 6] = ["visitor", "customer", "conversation", "order_id", "client_session", "agent"];
/// Those of them that may route a record.
const ROUTING: [&str; 3] = ["visitor", "customer", "conversation"];

/// The fields chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    ids: [bool; IDS.len()],
    /// Keys of properties and traits, in small letters.
    keys: Vec<String>,
}

impl Chosen {
    /// Those of these names: ids, `properties.KEY` and `traits.KEY` (the same).
    ///
    /// # Errors
    /// A name that is no field's, in words.
    pub fn read<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Chosen, String> {
        let mut chosen = Chosen::default();
        for name in names {
            if let Some(id) = IDS.iter().position(|id| *id == name) {
                chosen.ids[id] = true;
                continue;
            }
            let key = name.strip_prefix("properties.").or_else(|| name.strip_prefix("traits."));
            match key.filter(|key| !key.is_empty()) {
                // At whatever depth: the last part of a path tells the key.
                Some(key) => {
                    let key = key.to_lowercase();
                    chosen.keys.extend(key.rsplit_once('.').map(|(_, last)| last.to_owned()));
                    chosen.keys.push(key);
                }
                None => return Err(format!("{name:?} is none of {}, properties.KEY, traits.KEY", IDS.join(", "))),
            }
        }
        Ok(chosen)
    }

    /// Whether nothing is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Chosen::default()
    }

    /// Whether this id is.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        IDS.iter().zip(self.ids).any(|(name, is_chosen)| is_chosen && *name == id)
    }

    /// The chosen ids by which records are routed.
    pub fn routing(&self) -> impl Iterator<Item = &'static str> {
        ROUTING.into_iter().filter(|id| self.has(id))
    }
}

/// Replaces the chosen fields of events. Not shared: one a thread.
pub struct Hasher {
    ring: Keyring,
    chosen: Chosen,
    room: Room,
}

/// One buffer a field.
#[derive(Default)]
struct Room {
    ids: [String; IDS.len()],
    previous: String,
    beside: [String; 2],
    properties: String,
}

impl Hasher {
    /// One of the chosen fields, under the keys of the ring.
    #[must_use]
    pub fn new(chosen: Chosen, ring: Keyring) -> Hasher {
        Hasher { ring, chosen, room: Room::default() }
    }

    /// Replaces what is chosen of a click. Gives the customer's hashes under the keys beside the one that counts, around a
    /// rotation, so that the customer stays one. Placeholders are ids here: they are to be taken out before.
    pub fn click<'a>(&'a mut self, event: &mut ClickEvent<'a>, at_ms: i64) -> Beside<'a> {
        let Hasher { ring, chosen, room } = self;
        let then = Then { ring, chosen, at_ms };
        let beside = then.beside("customer", event.customer, &mut room.beside);
        let [visitor, customer, _, order, session, _] = &mut room.ids;
        then.put("visitor", &mut event.visitor, visitor);
        then.put("customer", &mut event.customer, customer);
        then.put("customer", &mut event.previous_customer, &mut room.previous);
        then.put("order_id", &mut event.order_id, order);
        then.put("client_session", &mut event.client_session, session);
        event.properties = then.properties(event.properties, &mut room.properties);
        beside
    }

    /// As [`Hasher::click`], of a support entry.
    pub fn support<'a>(&'a mut self, entry: &mut SupportEntry<'a>, at_ms: i64) -> Beside<'a> {
        let Hasher { ring, chosen, room } = self;
        let then = Then { ring, chosen, at_ms };
        let beside = then.beside("customer", entry.customer, &mut room.beside);
        let [visitor, customer, conversation, _, _, agent] = &mut room.ids;
        then.put("visitor", &mut entry.visitor, visitor);
        then.put("customer", &mut entry.customer, customer);
        then.put("conversation", &mut entry.conversation, conversation);
        then.put("agent", &mut entry.agent, agent);
        entry.properties = then.properties(entry.properties, &mut room.properties);
        beside
    }

    /// An id that an operator names, in plain or as it is stored, as it is stored: under the key that counts at `at_ms` first,
    /// then, around a rotation, under those beside it.
    #[must_use]
    pub fn of(&self, id: &str, value: &str, at_ms: i64) -> Vec<String> {
        let Hasher { ring, chosen, .. } = self;
        let then = Then { ring, chosen, at_ms };
        let (mut now, mut room, mut beside) = (value, String::new(), <[String; 2]>::default());
        if is_hash(value) {
            return vec![value.to_owned()];
        }
        then.put(id, &mut now, &mut room);
        let beside = then.beside(id, value, &mut beside).into_iter().filter(|hash| !hash.is_empty());
        std::iter::once(now).chain(beside).map(str::to_owned).collect()
    }

    /// All that an id is or was stored as, whichever key counted, and itself.
    #[must_use]
    pub fn ever(&self, id: &str, value: &str) -> Vec<String> {
        let mut all = vec![value.to_owned()];
        all.extend(self.ring.begins().filter_map(|at_ms| self.of(id, value, at_ms).into_iter().next()));
        all.dedup();
        all
    }
}

/// What hashes at an event's time.
struct Then<'r> {
    ring: &'r Keyring,
    chosen: &'r Chosen,
    at_ms: i64,
}

impl Then<'_> {
    fn put<'a>(&self, id: &str, value: &mut &'a str, room: &'a mut String) {
        if !value.is_empty() && self.chosen.has(id) {
            self.ring.hash(id, value, self.at_ms, room);
            room.insert_str(0, MARK);
            *value = room;
        }
    }

    fn beside<'a>(&self, id: &str, value: &str, room: &'a mut [String; 2]) -> Beside<'a> {
        if value.is_empty() || !self.chosen.has(id) {
            return Beside::default();
        }
        self.ring.beside_of(id, value, self.at_ms, room);
        room.iter_mut().filter(|hash| !hash.is_empty()).for_each(|hash| hash.insert_str(0, MARK));
        let [next, before] = room;
        [next, before]
    }

    fn properties<'a>(&self, json: &'a str, room: &'a mut String) -> &'a str {
        if self.chosen.keys.is_empty() || json.is_empty() {
            return json;
        }
        let mut hash = String::new();
        hash_json(json, &self.chosen.keys, room, |key, value, out| {
            out.push_str(MARK);
            self.ring.hash(key, value, self.at_ms, &mut hash);
            out.push_str(&hash);
        });
        room
    }
}

/// Whether a text is a hash of ours.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    let digits = text.strip_prefix(MARK).unwrap_or_default().as_bytes();
    digits.len() == 32 && digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Key;
    use crate::pii::{Redaction, redact_json};

    const DAY: i64 = 86_400_000;

    fn hasher(names: &[&str]) -> Hasher {
        let keys = [Key::new([1; 16], i64::MIN), Key::new([2; 16], 100 * DAY)];
        Hasher::new(Chosen::read(names.iter().copied()).unwrap(), Keyring::new(&keys, 30 * DAY).unwrap())
    }

    #[test]
    fn what_is_chosen_is_hashed_and_nothing_else() {
        let event = ClickEvent {
            visitor: "v",
            customer: "c",
            previous_customer: "b",
            order_id: "o",
            client_session: "s",
            properties: r#"{"email":"a@b.co"}"#,
            ..ClickEvent::default()
        };
        let (mut none, mut all) = (event, event);
        assert_eq!((hasher(&[]).click(&mut none, 0), none), (["", ""], event));
        let mut hasher = hasher(&IDS);
        hasher.click(&mut all, 0);
        for hash in [all.visitor, all.customer, all.previous_customer, all.order_id, all.client_session] {
            assert!(is_hash(hash), "{hash}");
        }
        assert_eq!(all.properties, event.properties, "not chosen");
        let entry = SupportEntry { visitor: "v", customer: "c", conversation: "t", agent: "a", ..Default::default() };
        let customer = all.customer.to_owned();
        let mut told = entry;
        hasher.support(&mut told, 0);
        assert_eq!(told.customer, customer, "one hash in every topic");
        assert!([told.visitor, told.conversation, told.agent].into_iter().all(is_hash));
        let empty = SupportEntry::default();
        let mut told = empty;
        hasher.support(&mut told, 0);
        assert_eq!(told, empty, "nothing is nobody's");
    }

    #[test]
    fn the_key_of_the_events_time_counts_and_around_a_change_the_other_is_given_too() {
        let mut hasher = hasher(&["customer"]);
        let mut told = |day: i64| {
            let mut event = ClickEvent { customer: "c", ..ClickEvent::default() };
            let beside = hasher.click(&mut event, day * DAY).map(str::to_owned);
            (event.customer.to_owned(), beside)
        };
        let (none, (old, _), (new, _)) = (String::new(), told(0), told(200));
        assert_ne!(old, new);
        assert_eq!(told(69), (old.clone(), [none.clone(), none.clone()]));
        assert_eq!(told(99), (old.clone(), [new.clone(), none.clone()]));
        assert_eq!(told(100), (new.clone(), [none, old.clone()]));
        assert_eq!(hasher.of("customer", "c", 100 * DAY), [new.as_str(), &old]);
        assert_eq!(hasher.of("customer", &old, 100 * DAY), [old.as_str()], "a hash is taken as it is");
        assert_eq!(hasher.of("visitor", "v", 100 * DAY), ["v"], "not chosen");
        assert_eq!(hasher.ever("customer", "c"), ["c", &old, &new]);
    }

    #[test]
    fn values_of_chosen_keys_are_hashed_and_no_mark_replaces_a_hash() {
        let mut hasher = hasher(&["properties.email", "traits.user.Phone", "properties.card_no"]);
        let mut hashed = |json: &'static str| {
            let mut entry = SupportEntry { properties: json, ..SupportEntry::default() };
            hasher.support(&mut entry, 0);
            let marked = redact_json(entry.properties, Redaction::default(), &mut String::new()).to_owned();
            assert_eq!(marked, entry.properties, "{json}");
            marked
        };
        let sample = hashed(r#"{"email":"a@b.co","n":1}"#);
        assert!(!sample.contains("a@b") && sample.ends_with(r#"","n":1}"#), "{sample}");
        let hash = sample[10..44].to_owned();
        assert!(is_hash(&hash), "{hash}");
        assert_eq!(hashed(r#"{"x":{"EMAIL" : "a\u0040b.co"}}"#).matches(&hash).count(), 1, "escapes are read");
        let list = hashed(r#"{"email":["a@b.co",{"work":"a@b.co"},null],"x":"email"}"#);
        assert_eq!(list, format!(r#"{{"email":["{hash}",{{"work":"{hash}"}},null],"x":"email"}}"#));
        let numbers = hashed(r#"{"card_no":4111111111111111,"phone":"+66812345678","flag":true,"y":[1]}"#);
        assert!(!numbers.contains("4111") && !numbers.contains("6681"), "{numbers}");
        assert!(numbers.ends_with(r#""flag":true,"y":[1]}"#), "{numbers}");
        assert_eq!(hashed(r#"{"email":null,"card_no":"","a":"b"}"#), r#"{"email":null,"card_no":"","a":"b"}"#);
        assert_eq!(hashed(r#"{"email":"a@b.co"#), "", "what is no JSON hides nothing");
    }

    #[test]
    fn a_name_that_is_no_field_is_told() {
        for name in ["customer_id", "properties.", "", "url"] {
            assert!(Chosen::read([name]).unwrap_err().contains("customer, conversation"), "{name}");
        }
        let chosen = Chosen::read(["customer", "order_id", "traits.email"]).unwrap();
        assert_eq!(chosen.routing().collect::<Vec<_>>(), ["customer"]);
        assert!(Chosen::read([]).unwrap().is_empty() && !chosen.is_empty());
    }
}
