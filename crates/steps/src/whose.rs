//! Whose a touchpoint is, and what sessionize passes on to the people's log.
//!
//! A touchpoint that names a customer goes to that customer's journey, and claims its visitor for them. An anonymous one goes
//! to whoever its visitor is known to be. Both are kept, so that they can change hands. Support entries are at home in their
//! conversation's partition, which does not know whose their visitor or contact is: intake tells the partitions that do, by
//! asides ([`Role::Share`], [`Role::Claim`]). That a customer's id is another one's alias is told to every partition, for any
//! may have touchpoints of that customer ([`Role::Alias`]).

use crumbtrail_events::touchpoint::{self, Head, Ids, Role};
use crumbtrail_events::wire::WireError;
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint};
use crumbtrail_identity::{AliasEvidence, Customer, Evidence, How, IdKind, Identity, LinkRow, Out, Rules};
use crumbtrail_runtime::Context;
use crumbtrail_runtime::step::{Effects, StepError};
use crumbtrail_scratch::{Block, Scratch};
use crumbtrail_sessions::Judged;
use crumbtrail_warehouse::tables::identity_links::Change;
use crumbtrail_warehouse::{RowVersion, tables};
use std::io;

/// The number the step gives the table of links.
pub(crate) const IDENTITY_LINKS: usize = 4;

/// The identity part of the sessionize step.
pub(crate) struct Whose {
    rules: Rules,
    identity: Identity,
    place: Place,
    /// What is kept of a touchpoint that is passed on under another key and name.
    bare: Vec<u8>,
}

/// A partition, and of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub partition: u32,
    /// Partitions of the log.
    pub of: u32,
}

impl Whose {
    pub(crate) fn new(rules: Rules, place: Place) -> Whose {
        let rules = rules.dealt_to(place.of);
        Whose { rules, identity: Identity::new(rules), place, bare: Vec::new() }
    }

    /// Takes a touchpoint that sessions have judged. Robots have no journey and claim nothing.
    pub(crate) fn touchpoint(
        &mut self,
        payload: &[u8],
        judged: Judged,
        context: Context,
        effects: &mut Effects,
    ) -> Result<(), StepError> {
        let is_counted = judged.outcome == Outcome::Counted;
        if !is_counted && !matches!(judged.outcome, Outcome::Late | Outcome::Duplicate) {
            return Ok(());
        }
        let ids = Ids::peek(payload)?;
        if ids.is_bot {
            return Ok(());
        }
        let head = Head::peek(payload)?;
        let is_click = !head.kind.is_support();
        if !ids.customer.is_empty() {
            let person = Key::customer(ids.site, ids.customer);
            // Whenever it comes, a click says whose its visitor is.
            if is_click && !self.identity.is_known(head.key, person, head.occurred_at, head.id, context.watermark) {
                let how = if head.kind == Kind::Login { How::Login } else { How::Seen };
                self.claim(payload, how, context, effects)?;
            }
            return if is_counted {
                self.named(payload, &head, person, judged.session, context, effects)
            } else {
                Ok(())
            };
        }
        let own = if is_click || (ids.visitor.is_empty() && ids.contact.is_empty()) {
            head.key
        } else if ids.visitor.is_empty() {
            Key::contact(ids.site, ids.contact)
        } else {
            Key::visitor(ids.site, ids.visitor)
        };
        // An entry of another key was shared with that one's partition.
        if is_counted && own == head.key {
            self.anonymous(payload, &head, judged.session, context, effects)
        } else {
            Ok(())
        }
    }

    /// Takes an aside.
    pub(crate) fn aside(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let touchpoint = Touchpoint::decode(payload)?;
        match touchpoint.role {
            Role::Share if self.identity.may_move(touchpoint.head.occurred_at) => {
                self.anonymous(payload, &touchpoint.head, 0, context, effects)
            }
            Role::Claim => self.claim(payload, How::Support, context, effects),
            Role::Linked | Role::Unlinked => self.claim(payload, How::Operator, context, effects),
            Role::Alias | Role::AliasLinked | Role::AliasUnlinked => self.alias(&touchpoint, context, effects),
            Role::Share | Role::Whole | Role::Taken | Role::Given | Role::Rules => Ok(()),
        }
    }

    /// Passes an anonymous touchpoint on to whoever its key is known to be, and keeps it.
    fn anonymous(
        &mut self,
        payload: &[u8],
        head: &Head,
        session: u64,
        context: Context,
        effects: &mut Effects,
    ) -> Result<(), StepError> {
        let Whose { identity, bare, .. } = self;
        let to = identity.person(head.key, head.occurred_at, context.watermark);
        let kept = pass_on(payload, head.key, to, session, bare, effects)?;
        identity.keep(head.key, head.occurred_at, kept);
        Ok(())
    }

    /// Passes a customer's touchpoint on to them, or to whose alias they are, and keeps it as their own.
    fn named(
        &mut self,
        payload: &[u8],
        head: &Head,
        person: Key,
        session: u64,
        context: Context,
        effects: &mut Effects,
    ) -> Result<(), StepError> {
        let Whose { identity, bare, .. } = self;
        let to = identity.customer(person, head.occurred_at, context.watermark);
        let kept = pass_on(payload, person, to, session, bare, effects)?;
        identity.keep(person, head.occurred_at, kept);
        Ok(())
    }

    #[cold]
    fn alias(&mut self, told: &Touchpoint<'_>, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let evidence = AliasEvidence {
            site: told.site,
            alias: told.visitor,
            alias_key: told.head.key,
            customer: told.customer,
            person: Key::customer(told.site, told.customer),
            at: told.head.occurred_at,
            event: told.head.id,
            is_operator: told.role != Role::Alias,
            is_so: told.role != Role::AliasUnlinked,
            is_home: told.head.key.partition(self.place.of) == self.place.partition,
        };
        let mut decisions = Decisions::of(context, told.head.occurred_at, effects);
        self.identity.alias(&evidence, context.watermark, &mut decisions)?;
        decisions.failed.map_or(Ok(()), |error| Err(error.into()))
    }

    #[cold]
    fn claim(&mut self, payload: &[u8], how: How, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let Touchpoint { head, site, visitor, contact, customer, role, .. } = Touchpoint::decode(payload)?;
        let is_visitor = head.key == Key::visitor(site, visitor);
        let evidence = Evidence {
            site,
            id_kind: if is_visitor { IdKind::Visitor } else { IdKind::Contact },
            id: if is_visitor { visitor } else { contact },
            key: head.key,
            customer,
            person: Key::customer(site, customer),
            at: head.occurred_at,
            event: head.id,
            how,
        };
        let mut decisions = Decisions::of(context, head.occurred_at, effects);
        if role == Role::Unlinked {
            self.identity.undo(&evidence, context.watermark, &mut decisions)?;
        } else {
            self.identity.claim(&evidence, context.watermark, &mut decisions)?;
        }
        decisions.failed.map_or(Ok(()), |error| Err(error.into()))
    }

    pub(crate) fn tick(&mut self, watermark: EventTime) {
        self.identity.tick(watermark);
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.identity.save(out);
    }

    pub(crate) fn begin_save(&mut self) {
        self.identity.begin_save();
    }

    pub(crate) fn save_on(&mut self, most: usize) -> Option<Vec<Vec<u8>>> {
        self.identity.save_on(most)
    }

    pub(crate) fn blocks(&self) -> Vec<(u64, Block)> {
        self.identity.blocks().map(|(number, block)| (number, block.clone())).collect()
    }

    pub(crate) fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.identity.spill(scratch)
    }

    pub(crate) fn load(&mut self, bytes: &[u8], blocks: &[Block]) -> Result<(), StepError> {
        self.identity = Identity::load(self.rules, bytes, blocks)?;
        Ok(())
    }

    pub(crate) fn bytes_on_disk(&self) -> usize {
        self.identity.blocks().map(|(_, block)| block.len() - block.resident_bytes()).sum()
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        self.identity.resident_bytes()
    }
}

/// Passes a touchpoint on to a person's log, with what a journey needs of it: under its own key, or to a customer it is
/// found to be of, whom it names. Gives what is to be kept of it: the same under its own key, naming whom it named.
fn pass_on<'a>(
    payload: &[u8],
    own: Key,
    to: Option<Customer<'_>>,
    session: u64,
    bare: &'a mut Vec<u8>,
    effects: &'a mut Effects,
) -> Result<&'a [u8], StepError> {
    let Customer { person, id } = to.unwrap_or(Customer { person: own, id: "" });
    let start = effects.passed_bytes.len();
    let mut copied = Ok(());
    effects.pass(person, |out| copied = touchpoint::pass_on(payload, person, id, session, out));
    copied?;
    if person == own {
        return Ok(&effects.passed_bytes[start..]);
    }
    bare.clear();
    touchpoint::pass_on(payload, own, "", session, bare)?;
    Ok(bare)
}

/// What identity decides, as rows and records for the people's log.
struct Decisions<'a> {
    effects: &'a mut Effects,
    version: RowVersion,
    /// Event time of the record that brings them.
    at: EventTime,
    failed: Option<WireError>,
}

impl<'a> Decisions<'a> {
    fn of(context: Context, at: EventTime, effects: &'a mut Effects) -> Decisions<'a> {
        Decisions { effects, version: RowVersion(context.version), at, failed: None }
    }
}

impl Out for Decisions<'_> {
    fn link(&mut self, row: &LinkRow<'_>) {
        let (version, change) = (self.version, Change { link: row, at: self.at });
        self.effects.row(IDENTITY_LINKS, |out| tables::identity_links::encode(change, version, out));
    }

    fn hand_over(&mut self, passed: &[u8], from: Key, to: Key, customer: &str) {
        for (key, role) in [(from, Role::Taken), (to, Role::Given)] {
            let failed = &mut self.failed;
            self.effects.pass(key, |out| {
                *failed = touchpoint::hand_over(passed, key, role, customer, out).err().or(failed.take());
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::touchpoint::{Item, Items, To};
    use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
    use crumbtrail_events::{EventTime, Kind, Micros};

    /// What a journey needs of a touchpoint, under the person's key.
    fn compact<'a>(touchpoint: &Touchpoint<'a>, key: Key, session: u64) -> Touchpoint<'a> {
        Touchpoint {
            head: Head { key, ..touchpoint.head },
            event_id: touchpoint.event_id,
            site: touchpoint.site,
            visitor: touchpoint.visitor,
            customer: touchpoint.customer,
            contact: touchpoint.contact,
            name: touchpoint.name,
            page: touchpoint.page,
            referrer: touchpoint.referrer,
            channel: touchpoint.channel,
            source: touchpoint.source,
            medium: touchpoint.medium,
            campaign: touchpoint.campaign,
            term: touchpoint.term,
            content: touchpoint.content,
            click_id: touchpoint.click_id,
            country: touchpoint.country,
            region: touchpoint.region,
            city: touchpoint.city,
            latitude: touchpoint.latitude,
            longitude: touchpoint.longitude,
            time_zone: touchpoint.time_zone,
            device: touchpoint.device,
            browser: touchpoint.browser,
            os: touchpoint.os,
            language: touchpoint.language,
            items: touchpoint.items,
            order_id: touchpoint.order_id,
            revenue: touchpoint.revenue,
            currency: touchpoint.currency,
            step: touchpoint.step,
            store: touchpoint.store,
            conversation: touchpoint.conversation,
            author: touchpoint.author,
            rating: touchpoint.rating,
            scale: touchpoint.scale,
            feeling: touchpoint.feeling,
            score: touchpoint.score,
            topics: touchpoint.topics,
            friction: touchpoint.friction,
            says: touchpoint.says,
            frictions: touchpoint.frictions,
            likes: touchpoint.likes,
            dislikes: touchpoint.dislikes,
            session,
            ..Touchpoint::default()
        }
    }

    /// Every field set, but who it is of.
    fn full(items: &[u8]) -> Touchpoint<'_> {
        Touchpoint {
            event_id: "e",
            site: "s",
            device_at: 1,
            received_at: 2,
            name: "n",
            host: "h",
            page: "/p",
            title: "t",
            referrer: "r",
            channel: Channel::from_code(2).unwrap(),
            source: "so",
            medium: "me",
            campaign: "ca",
            term: "te",
            content: "co",
            click_id: "ci",
            country: "TH",
            region: "re",
            city: "ci",
            latitude: Some(1.0),
            longitude: Some(2.0),
            time_zone: "tz",
            device: Device::from_code(1).unwrap(),
            browser: "b",
            os: "o",
            language: "l",
            items: Items::from_buffer(items),
            order_id: "oi",
            revenue: Micros(7),
            currency: "THB",
            search: "se",
            step: "st",
            client_session: "cs",
            properties: "{}",
            store: "sto",
            conversation: "con",
            author: Author::from_code(1).unwrap(),
            agent: "ag",
            department: "de",
            rating: Some(3.0),
            scale: Scale::from_code(1).unwrap(),
            priority: "pr",
            tags: "ta",
            text: "tx",
            characters: 3,
            feeling: Feeling::from_code(1).unwrap(),
            score: Some(0.5),
            confidence: Some(0.6),
            topics: 5,
            friction: true,
            says: Says::Complaint,
            frictions: 3,
            likes: 1,
            dislikes: 4,
            reason: "rs",
            detail: "dt",
            topic: "tp",
            partition: 4,
            offset: 9,
            model: "m",
            ..Touchpoint::default()
        }
    }

    #[test]
    fn what_is_passed_on_is_what_a_journey_needs_and_no_more() {
        let mut items = Vec::new();
        Items::push(&mut items, &Item { product: "p", quantity: 2, ..Item::default() });
        let ids = [("c", "v", "h"), ("", "v", "h"), ("", "", "h"), ("", "", "")];
        for kind in [Kind::Purchase, Kind::SupportMessage] {
            for (customer, visitor, contact) in ids {
                if visitor.is_empty() && !kind.is_support() {
                    continue; // a click has a visitor
                }
                let routed = if kind.is_support() { Key::conversation("s", "con") } else { Key::visitor("s", visitor) };
                let head = Head { kind, key: routed, id: 3, occurred_at: EventTime(4), outcome: Outcome::Counted };
                let touchpoint = Touchpoint { head, customer, visitor, contact, ..full(&items) };
                let mut payload = Vec::new();
                touchpoint.encode(&mut payload);
                let mut effects = Effects::new(crate::sessionize::TABLES.len());
                let judged = Judged { outcome: Outcome::Counted, session: 11 };
                whose().touchpoint(&payload, judged, CONTEXT, &mut effects).unwrap();
                let key = match (customer, visitor, contact) {
                    ("", "", "") => routed,
                    ("", visitor, _) if !kind.is_support() => Key::visitor("s", visitor),
                    ("", ..) => {
                        // Its visitor's or contact's partition passes it on.
                        assert!(effects.passed.is_empty());
                        continue;
                    }
                    (customer, ..) => Key::customer("s", customer),
                };
                let mut expected = Vec::new();
                compact(&touchpoint, key, 11).encode(&mut expected);
                assert_eq!(effects.passed_bytes, expected);
                assert_eq!(effects.passed, [(To::Key(key), 0..expected.len())]);
            }
        }
    }

    const CONTEXT: Context = Context { version: 0, watermark: EventTime::MIN, wall_ms: 0 };

    fn whose() -> Whose {
        Whose::new(Rules::default(), Place { partition: 0, of: 1 })
    }

    #[test]
    fn robots_are_not_passed_on() {
        let mut payload = Vec::new();
        Touchpoint { bot: "agent", visitor: "v", ..Touchpoint::default() }.encode(&mut payload);
        let mut effects = Effects::new(0);
        let judged = Judged { outcome: Outcome::Counted, session: 0 };
        whose().touchpoint(&payload, judged, CONTEXT, &mut effects).unwrap();
        assert!(effects.passed.is_empty());
    }

    /// A touchpoint of one of the kinds of key, and its bytes.
    fn told(key: Key, role: Role, at: i64, ids: [&'static str; 3]) -> Vec<u8> {
        let [customer, visitor, contact] = ids;
        let outcome = if role == Role::Whole { Outcome::Counted } else { Outcome::Aside };
        let kind = if contact.is_empty() { Kind::PageView } else { Kind::SupportMessage };
        let head = Head { kind, key, id: at as u64, occurred_at: EventTime(at), outcome };
        let mut payload = Vec::new();
        Touchpoint { head, site: "s", customer, visitor, contact, role, ..Touchpoint::default() }.encode(&mut payload);
        payload
    }

    /// What was passed on: to whom, in what role, which touchpoint.
    fn passed(effects: &Effects) -> Vec<(Key, Role, i64)> {
        let told = effects.passed.iter().map(|(to, range)| {
            let touchpoint = Touchpoint::decode(&effects.passed_bytes[range.clone()]).unwrap();
            assert_eq!(To::Key(touchpoint.head.key), *to);
            (touchpoint.head.key, touchpoint.role, touchpoint.head.occurred_at.0)
        });
        told.collect()
    }

    /// The customers that what was passed on names.
    fn named(effects: &Effects) -> Vec<String> {
        let told = effects.passed.iter().map(|(_, range)| &effects.passed_bytes[range.clone()]);
        told.map(|bytes| Touchpoint::decode(bytes).unwrap().customer.to_owned()).collect()
    }

    const COUNTED: Judged = Judged { outcome: Outcome::Counted, session: 0 };

    #[test]
    fn what_a_visitor_did_before_a_login_goes_to_the_customer_and_back_when_undone() {
        let (visitor, customer) = (Key::visitor("s", "v"), Key::customer("s", "c"));
        let mut whose = whose();
        let mut effects = Effects::new(crate::sessionize::TABLES.len());
        whose.touchpoint(&told(visitor, Role::Whole, 1, ["", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        whose.touchpoint(&told(visitor, Role::Whole, 5, ["c", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        whose.touchpoint(&told(visitor, Role::Whole, 6, ["c", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        whose.touchpoint(&told(visitor, Role::Whole, 9, ["", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        let expected = [
            (visitor, Role::Whole, 1),
            (visitor, Role::Taken, 1),
            (customer, Role::Given, 1),
            (customer, Role::Whole, 5),
            (customer, Role::Whole, 6),
            (customer, Role::Whole, 9),
        ];
        assert_eq!(passed(&effects), expected);
        assert_eq!(named(&effects), ["", "", "c", "c", "c", "c"]);
        assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
        let mut effects = Effects::new(crate::sessionize::TABLES.len());
        whose.aside(&told(visitor, Role::Unlinked, 20, ["c", "v", ""]), CONTEXT, &mut effects).unwrap();
        let back = [
            (customer, Role::Taken, 9),
            (visitor, Role::Given, 9),
            (customer, Role::Taken, 1),
            (visitor, Role::Given, 1),
        ];
        assert_eq!(passed(&effects), back);
        assert_eq!(named(&effects), ["", "", "", ""], "as nobody's, as it was");
        assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
    }

    #[test]
    fn what_a_contact_wrote_goes_to_the_customer_who_turns_out_to_have_it() {
        let (contact, customer) = (Key::contact("s", "h"), Key::customer("s", "c"));
        let mut whose = whose();
        let mut effects = Effects::new(crate::sessionize::TABLES.len());
        whose.aside(&told(contact, Role::Share, 1, ["", "", "h"]), CONTEXT, &mut effects).unwrap();
        whose.aside(&told(contact, Role::Claim, 5, ["c", "", "h"]), CONTEXT, &mut effects).unwrap();
        whose.touchpoint(&told(contact, Role::Whole, 7, ["", "", "h"]), COUNTED, CONTEXT, &mut effects).unwrap();
        let expected = [
            (contact, Role::Whole, 1),
            (contact, Role::Taken, 1),
            (customer, Role::Given, 1),
            (customer, Role::Whole, 7),
        ];
        assert_eq!(passed(&effects), expected);
        assert_eq!(named(&effects), ["", "", "c", "c"]);
    }

    /// What is said of two customers' ids.
    fn said(role: Role, at: i64, alias: &'static str, customer: &'static str) -> Vec<u8> {
        told(Key::customer("s", alias), role, at, [customer, alias, ""])
    }

    #[test]
    fn what_a_customer_did_under_another_id_goes_to_them_under_their_name_and_back_when_undone() {
        let [old, new] = ["old", "new"].map(|id| Key::customer("s", id));
        let (mut whose, mut effects) = (whose(), Effects::new(crate::sessionize::TABLES.len()));
        let visitor = Key::visitor("s", "v");
        whose.touchpoint(&told(visitor, Role::Whole, 1, ["", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        whose.touchpoint(&told(visitor, Role::Whole, 2, ["old", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        effects = Effects::new(crate::sessionize::TABLES.len());
        whose.aside(&said(Role::Alias, 5, "old", "new"), CONTEXT, &mut effects).unwrap();
        whose.touchpoint(&told(visitor, Role::Whole, 6, ["old", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
        let expected = [
            (old, Role::Taken, 2),
            (new, Role::Given, 2),
            (old, Role::Taken, 1),
            (new, Role::Given, 1),
            (new, Role::Whole, 6),
        ];
        assert_eq!(passed(&effects), expected);
        assert_eq!(named(&effects), ["", "new", "", "new", "new"]);
        assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
        effects = Effects::new(crate::sessionize::TABLES.len());
        whose.aside(&said(Role::AliasUnlinked, 9, "old", "new"), CONTEXT, &mut effects).unwrap();
        let back: Vec<(Key, i64)> = passed(&effects)
            .into_iter()
            .filter(|(_, role, _)| *role == Role::Given)
            .map(|(key, _, at)| (key, at))
            .collect();
        assert_eq!(back, [(old, 6), (old, 2), (old, 1)]);
        assert_eq!(named(&effects), ["", "old", "", "old", "", "old"]);
        assert_eq!(effects.tables[IDENTITY_LINKS].rows, 1);
    }

    #[test]
    fn the_row_of_an_alias_is_one_partition_s_to_write() {
        for partition in 0..4 {
            let mut whose = Whose::new(Rules::default(), Place { partition, of: 4 });
            let mut effects = Effects::new(crate::sessionize::TABLES.len());
            whose.aside(&said(Role::Alias, 5, "old", "new"), CONTEXT, &mut effects).unwrap();
            let is_home = Key::customer("s", "old").partition(4) == partition;
            assert_eq!(effects.tables[IDENTITY_LINKS].rows, u64::from(is_home));
        }
    }

    #[test]
    fn a_late_or_repeated_login_counts_for_identity_and_nothing_else() {
        let visitor = Key::visitor("s", "v");
        for outcome in [Outcome::Late, Outcome::Duplicate, Outcome::Bot, Outcome::Erased] {
            let mut whose = whose();
            let mut effects = Effects::new(crate::sessionize::TABLES.len());
            let login = told(visitor, Role::Whole, 1, ["c", "v", ""]);
            whose.touchpoint(&login, Judged { outcome, session: 0 }, CONTEXT, &mut effects).unwrap();
            assert!(effects.passed.is_empty());
            let counts = matches!(outcome, Outcome::Late | Outcome::Duplicate);
            assert_eq!(effects.tables[IDENTITY_LINKS].rows, u64::from(counts));
            whose.touchpoint(&told(visitor, Role::Whole, 2, ["", "v", ""]), COUNTED, CONTEXT, &mut effects).unwrap();
            let whom = if counts { Key::customer("s", "c") } else { visitor };
            assert_eq!(passed(&effects), [(whom, Role::Whole, 2)]);
            assert_eq!(named(&effects), [if counts { "c" } else { "" }], "though nothing of theirs told their name");
        }
    }
}
