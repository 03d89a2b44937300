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
use crumbtrail_identity::{AliasEvidence, Customer, Evidence, How, IdKind, Identity, LinkRow, Mark, Out, Rules};
use crumbtrail_runtime::Context;
use crumbtrail_runtime::step::{Effects, StepError};
use crumbtrail_scratch::{Block, Scratch};
use crumbtrail_sessions::{Judged, Sessions};
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

    /// Asks for what is known of these keys, of which touchpoints come next.
    pub(crate) fn look_ahead(&self, keys: &[Key]) {
        self.identity.look_ahead(keys);
    }

    /// Takes a touchpoint that sessions have judged. Robots have no journey and claim nothing.
    pub(crate) fn touchpoint(
        &mut self,
        payload: &[u8],
        judged: Judged,
        sessions: &Sessions,
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
            // Whenever it comes, a click says whose its visitor is. A message sent to somebody is not that somebody's coming.
            let (mark, watermark) = ((head.occurred_at, head.id, person), context.watermark);
            if head.kind.is_marketing() {
                if !self.identity.is_claimed(head.key, mark, watermark) {
                    self.claim(payload, How::Seen, context, effects)?;
                }
            } else if is_click && !self.identity.is_known(head.key, mark, watermark) {
                self.mark(payload, sessions, context, effects)?;
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
            Role::Claim => self.claim(payload, how(touchpoint.head.kind), context, effects),
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
        let touchpoint = Touchpoint::decode(payload)?;
        let evidence = evidence(&touchpoint, how);
        let mut decisions = Decisions::of(context, evidence.at, effects);
        if touchpoint.role == Role::Unlinked {
            self.identity.undo(&evidence, context.watermark, &mut decisions)?;
        } else {
            self.identity.claim(&evidence, context.watermark, &mut decisions)?;
        }
        decisions.failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Takes a click that names a customer. Which of the others' it came between is for their sessions to say.
    #[cold]
    fn mark(
        &mut self,
        payload: &[u8],
        sessions: &Sessions,
        context: Context,
        effects: &mut Effects,
    ) -> Result<(), StepError> {
        let touchpoint = Touchpoint::decode(payload)?;
        let evidence = evidence(&touchpoint, how(touchpoint.head.kind));
        let mut read = Ok(());
        let known = |from: Mark, to: Mark| {
            let mut marks = Vec::new();
            read = sessions.named(evidence.key, from.0, to.0, |at, id, customer| {
                marks.push((at, id, Key::customer(evidence.site, customer)));
            });
            marks
        };
        let mut decisions = Decisions::of(context, evidence.at, effects);
        self.identity.named(&evidence, context.watermark, known, &mut decisions)?;
        read?;
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

/// What a touchpoint of this kind that carries both ids is called.
fn how(kind: Kind) -> How {
    match kind {
        Kind::Login => How::Login,
        kind if kind.is_support() => How::Support,
        _ => How::Seen,
    }
}

/// What a touchpoint says of its visitor or contact.
fn evidence<'a>(touchpoint: &Touchpoint<'a>, how: How) -> Evidence<'a> {
    let Touchpoint { head, site, visitor, contact, customer, .. } = *touchpoint;
    let is_visitor = head.key == Key::visitor(site, visitor);
    Evidence {
        site,
        id_kind: if is_visitor { IdKind::Visitor } else { IdKind::Contact },
        id: if is_visitor { visitor } else { contact },
        key: head.key,
        customer,
        person: Key::customer(site, customer),
        at: head.occurred_at,
        event: head.id,
        how,
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
mod tests;
