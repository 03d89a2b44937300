//! What other partitions must know of a record: whose a visitor or a contact is, and what they said in a conversation.
//!
//! A record goes to one partition, its key's. A support entry is at home with its conversation, a click with its visitor; whose
//! a contact is, is decided in the contact's partition.

use crumbtrail_enrich::keyring::Beside;
use crumbtrail_events::touchpoint::{Asides, Head, Role};
use crumbtrail_events::{Key, Outcome, Touchpoint};

/// A click that names a customer and a contact (an identify call with an e-mail address) claims the contact for the customer, around a
/// rotation of keys under its hashes `beside`, too; one that names a `previous` customer (an alias call) says that both are one, which any partition may have to know.
pub(crate) fn of_click(touchpoint: &Touchpoint<'_>, beside: Beside<'_>, previous: &str, asides: &mut Asides) {
    if touchpoint.customer.is_empty() || !touchpoint.bot.is_empty() {
        return;
    }
    claim_contact(touchpoint, beside, asides);
    alias(touchpoint, previous, touchpoint.customer, asides);
}

/// Around a rotation of keys a customer whose id is hashed has two, `next` or `before` beside the one in the touchpoint: the older
/// is the newer one's alias.
pub(crate) fn of_renamed(touchpoint: &Touchpoint<'_>, [next, before]: Beside<'_>, asides: &mut Asides) {
    if touchpoint.bot.is_empty() && !touchpoint.customer.is_empty() {
        alias(touchpoint, before, touchpoint.customer, asides);
        if !next.is_empty() {
            alias(touchpoint, touchpoint.customer, next, asides);
        }
    }
}

/// Tells every partition that `previous` (nobody, if empty) is another id of `customer`.
fn alias(touchpoint: &Touchpoint<'_>, previous: &str, customer: &str, asides: &mut Asides) {
    if !previous.is_empty() && previous != customer {
        let key = Key::customer(touchpoint.site, previous);
        let alias = Touchpoint { role: Role::Alias, visitor: previous, customer, ..claim(touchpoint, key) };
        asides.push_to_all(|out| alias.encode(out));
    }
}

/// A support entry that names a customer claims its visitor and contact for them; one that names none is shared with the
/// partition of its visitor, else of its contact.
pub(crate) fn of_support(touchpoint: &Touchpoint<'_>, beside: Beside<'_>, asides: &mut Asides) {
    let Touchpoint { site, visitor, contact, customer, .. } = *touchpoint;
    let by_visitor = (!visitor.is_empty()).then(|| Key::visitor(site, visitor));
    if customer.is_empty() {
        let by_contact = || (!contact.is_empty()).then(|| Key::contact(site, contact));
        if let Some(own) = by_visitor.or_else(by_contact)
            && own != touchpoint.head.key
        {
            let head = Head { key: own, outcome: Outcome::Aside, ..touchpoint.head };
            // Journeys do not ask what was said word for word.
            let shared = Touchpoint { head, role: Role::Share, text: "", properties: "", ..*touchpoint };
            asides.push(own, |out| shared.encode(out));
        }
        return;
    }
    if let Some(key) = by_visitor {
        let claim = Touchpoint { visitor, ..claim(touchpoint, key) };
        asides.push(key, |out| claim.encode(out));
    }
    claim_contact(touchpoint, beside, asides);
}

fn claim_contact(touchpoint: &Touchpoint<'_>, [next, before]: Beside<'_>, asides: &mut Asides) {
    for contact in [touchpoint.contact, next, before].into_iter().filter(|contact| !contact.is_empty()) {
        let key = Key::contact(touchpoint.site, contact);
        let claim = Touchpoint { contact, ..claim(touchpoint, key) };
        asides.push(key, |out| claim.encode(out));
    }
}

/// A claim for the touchpoint's customer, still without what is claimed.
fn claim<'a>(touchpoint: &Touchpoint<'a>, key: Key) -> Touchpoint<'a> {
    Touchpoint {
        head: Head { key, outcome: Outcome::Aside, ..touchpoint.head },
        event_id: touchpoint.event_id,
        site: touchpoint.site,
        customer: touchpoint.customer,
        role: Role::Claim,
        ..Touchpoint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::Kind;
    use crumbtrail_events::touchpoint::To;

    /// The roles and keys of what goes with an entry of these ids, routed by its conversation if it has one.
    fn asides(conversation: &str, customer: &str, visitor: &str, contact: &str) -> Vec<(Key, Role)> {
        let key = match (conversation, customer, visitor) {
            ("", "", "") => Key::contact("s", contact),
            ("", "", visitor) => Key::visitor("s", visitor),
            ("", customer, _) => Key::customer("s", customer),
            (conversation, ..) => Key::conversation("s", conversation),
        };
        let head = Head { key, kind: Kind::SupportMessage, ..Head::default() };
        let entry = Touchpoint { head, site: "s", conversation, customer, visitor, contact, ..Touchpoint::default() };
        let mut asides = Asides::default();
        of_support(&entry, Beside::default(), &mut asides);
        let told = asides.iter().map(|(to, bytes)| {
            let aside = Touchpoint::decode(bytes).unwrap();
            let key = aside.head.key;
            assert_eq!((to, aside.head.outcome, aside.site), (To::Key(key), Outcome::Aside, "s"));
            (key, aside.role)
        });
        told.collect()
    }

    #[test]
    fn those_who_decide_whose_an_entry_is_hear_of_it() {
        let (visitor, contact) = (Key::visitor("s", "v"), Key::contact("s", "h"));
        assert_eq!(asides("t", "", "v", "h"), [(visitor, Role::Share)]);
        assert_eq!(asides("t", "", "", "h"), [(contact, Role::Share)]);
        assert_eq!(asides("t", "", "", ""), []);
        assert_eq!(asides("", "", "v", "h"), [], "it is there already");
        assert_eq!(asides("", "", "", "h"), []);
        assert_eq!(asides("t", "c", "v", "h"), [(visitor, Role::Claim), (contact, Role::Claim)]);
        assert_eq!(asides("", "c", "", "h"), [(contact, Role::Claim)]);
        assert_eq!(asides("", "c", "", ""), []);
    }

    #[test]
    fn a_click_claims_its_contact_for_its_customer() {
        let click = Touchpoint { site: "s", visitor: "v", customer: "c", contact: "h", ..Touchpoint::default() };
        for (told, count) in [
            (click, 1),
            (Touchpoint { customer: "", ..click }, 0),
            (Touchpoint { contact: "", ..click }, 0),
            (Touchpoint { bot: "agent", ..click }, 0),
        ] {
            let mut asides = Asides::default();
            of_click(&told, Beside::default(), "", &mut asides);
            assert_eq!(asides.iter().count(), count);
        }
    }

    #[test]
    fn around_a_rotation_a_contact_is_claimed_under_both_keys() {
        let named = Touchpoint { site: "s", visitor: "v", customer: "c", contact: "h", ..Touchpoint::default() };
        let nobody = Touchpoint { customer: "", ..named };
        for (told, beside, claimed) in [
            (named, ["", ""], &["h"][..]),
            (named, ["next", ""], &["h", "next"]),
            (named, ["", "old"], &["h", "old"]),
            (named, ["next", "old"], &["h", "next", "old"]),
            (nobody, ["next", "old"], &[]),
        ] {
            for is_click in [true, false] {
                let mut asides = Asides::default();
                if is_click {
                    of_click(&told, beside, "", &mut asides);
                } else {
                    of_support(&told, beside, &mut asides);
                }
                let told = asides.iter().map(|(_, bytes)| Touchpoint::decode(bytes).unwrap());
                let contacts: Vec<&str> = told
                    .filter(|aside| aside.role == Role::Claim && !aside.contact.is_empty())
                    .map(|aside| aside.contact)
                    .collect();
                assert_eq!(contacts, claimed);
            }
        }
    }

    #[test]
    fn a_click_that_names_two_customers_is_told_to_every_partition() {
        let click = Touchpoint { site: "s", visitor: "v", customer: "new", ..Touchpoint::default() };
        let robot = Touchpoint { bot: "agent", ..click };
        let nobody = Touchpoint { customer: "", ..click };
        for (told, previous, count) in
            [(click, "old", 1), (click, "new", 0), (click, "", 0), (robot, "old", 0), (nobody, "old", 0)]
        {
            let mut asides = Asides::default();
            of_click(&told, Beside::default(), previous, &mut asides);
            assert_eq!(asides.iter().count(), count);
            for (to, bytes) in asides.iter() {
                let aside = Touchpoint::decode(bytes).unwrap();
                assert_eq!((to, aside.role, aside.head.outcome), (To::All, Role::Alias, Outcome::Aside));
                assert_eq!((aside.head.key, aside.visitor, aside.customer), (Key::customer("s", "old"), "old", "new"));
            }
        }
    }
}
