//! One record in, exactly one touchpoint or stub out, with the key that routes it.

use std::sync::{Arc, LazyLock};

use crumbtrail_enrich::consent::{self, Consent};
use crumbtrail_enrich::keyring::Beside;
use crumbtrail_enrich::{Enricher, Hasher, contact, media};
use crumbtrail_events::clock::{Times, correct};
use crumbtrail_events::garbage::is_garbage_id;
use crumbtrail_events::ids::id_hash;
use crumbtrail_events::touchpoint::{Asides, Head};
use crumbtrail_events::vocabulary::Author;
use crumbtrail_events::{
    ClickEvent, EventTime, Key, Kind, Outcome, Reason, Reject, SupportEntry, Touchpoint, validate,
};
use crumbtrail_sentiment::Scorer;

use crate::decoder::{Decoded, Decoder, FileIdentity, SourceShape};
use crate::feeling::Reader;
use crate::{Hold, Plugin, aside, fill};

/// What is kept of free text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepText {
    /// The text with personal data redacted.
    #[default]
    Redacted,
    /// Nothing.
    None,
}

/// What is kept of the clicks of people who do not consent. They end as [`Outcome::Erased`] either way: no session, no
/// journey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutConsent {
    /// Site, kind and time.
    #[default]
    Stub,
    /// What can be counted, see [`consent::only_counts`].
    Counts,
}

/// How intake judges.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What is kept without consent.
    pub without_consent: WithoutConsent,
    /// Whether silence means no consent.
    pub must_consent: bool,
    /// Robots end as [`Outcome::Bot`] instead of being flagged.
    pub drop_bots: bool,
    /// What is kept of free text.
    pub keep_text: KeepText,
    /// Customer ids that are nobody's.
    pub never_link: Vec<String>,
}

impl Settings {
    /// Takes out a customer id that is nobody's.
    fn unlink(&self, touchpoint: &mut Touchpoint<'_>) {
        touchpoint.customer = self.linking(touchpoint.customer);
    }

    /// Whether what was decoded can become a touchpoint; intake asks this before anything else. `arrived_at` is that of its
    /// [`Input`].
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self, decoded: &Decoded<'_>, arrived_at: i64) -> Result<(), Reject> {
        match decoded {
            Decoded::Click(event) => check_click(event, arrived_at),
            Decoded::Support(entry) => self.check_support(entry, arrived_at),
        }
    }

    fn check_support(&self, entry: &SupportEntry<'_>, arrived_at: i64) -> Result<(), Reject> {
        validate::support(entry, arrived_at)?;
        let is_reached = || contact::normalise(entry.contact, "", &mut String::new()).is_some();
        let is_somebodys = !entry.conversation.is_empty()
            || !self.linking(entry.customer).is_empty()
            || !fill::linking(entry.visitor).is_empty()
            || is_reached();
        if is_somebodys { Ok(()) } else { Err(nobodys()) }
    }

    /// A customer id without the blanks around it, unless it is nobody's.
    fn linking<'a>(&self, customer: &'a str) -> &'a str {
        if customer.is_empty() {
            return "";
        }
        let customer = customer.trim();
        if self.never_link.iter().any(|id| id == customer) { "" } else { fill::linking(customer) }
    }
}

/// One record of a source.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the source's records are.
    pub shape: SourceShape,
    /// Site of records that name none.
    pub site: &'a str,
    /// Topic or file name.
    pub topic: &'a str,
    /// Partition.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
    /// Hash of the source's name, which tells apart files of one name and topics that were made anew.
    pub origin: u64,
    /// Stable id of the file, for formats without record ids; the topic serves otherwise.
    pub file: &'a str,
    /// The bytes.
    pub payload: Option<&'a [u8]>,
    /// When it reached the source's log, ms since the epoch; 0 in imports: it says nothing about the device's clock there.
    pub arrived_at: i64,
    /// When it is filed under if it turns out dead and nothing better is known, ms since the epoch.
    pub filed_at: i64,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// `Counted` means accepted so far.
    pub outcome: Outcome,
    /// The key that routes it.
    pub key: Key,
    /// Its event time, unless it is dead.
    pub occurred_at: Option<EventTime>,
}

/// Intake's judge and enricher; one a thread.
pub struct Intake {
    decoder: Decoder,
    enricher: Enricher,
    reader: Reader,
    hasher: Option<Hasher>,
    settings: Settings,
    detail: String,
    preview: String,
    reason: Option<Reason>,
}

impl Intake {
    /// An intake under `settings`.
    #[must_use]
    pub fn new(decoder: Decoder, enricher: Enricher, scorer: Arc<LazyLock<Scorer>>, settings: Settings) -> Intake {
        Intake {
            decoder,
            enricher,
            reader: Reader::new(scorer),
            hasher: None,
            settings,
            detail: String::new(),
            preview: String::new(),
            reason: None,
        }
    }

    /// Has a model of the operator's own read the texts of support that it reads.
    #[must_use]
    pub fn with_plugin(mut self, plugin: Box<dyn Plugin>) -> Intake {
        self.reader.plugin = Some(plugin);
        self
    }

    /// Has fields replaced by keyed hashes before anything else looks at them.
    #[must_use]
    pub fn with_hasher(mut self, hasher: Hasher) -> Intake {
        self.hasher = Some(hasher);
        self
    }

    /// The plug-in, if there is one.
    pub fn plugin(&mut self) -> Option<&mut (dyn Plugin + 'static)> {
        self.reader.plugin.as_deref_mut()
    }

    /// Tells the plug-in of a record that is to be judged soon. Decides nothing, and nothing depends on it but time.
    pub fn ahead(&mut self, input: &Input<'_>) {
        if !matches!(input.shape, SourceShape::SupportJson | SourceShape::SupportAvro) {
            return;
        }
        let identity = FileIdentity { file: input.file, record: input.offset };
        // What cannot be decoded now has its outcome at its turn.
        let mut decoded = None;
        if let Ok(Ok(Decoded::Support(entry))) = self.decoder.decode(input.shape, input.payload, identity, &mut decoded)
            && entry.author == Author::Customer
        {
            self.reader.ahead(entry.text, entry.language, entry.channel);
        }
    }

    /// The enricher, to hand it reloaded databases.
    pub fn enricher(&mut self) -> &mut Enricher {
        &mut self.enricher
    }

    /// Reason and detail of the last record, if it was dead.
    #[must_use]
    pub fn rejection(&self) -> Option<(Reason, &str)> {
        self.reason.map(|reason| (reason, self.detail.as_str()))
    }

    /// Event time a record would get, read with as little else as its format allows; `None` if its times make it dead. For
    /// scans ahead of an import.
    ///
    /// # Errors
    /// The registry is away.
    pub fn event_time(&mut self, input: &Input<'_>) -> Result<Option<EventTime>, Hold> {
        let identity = FileIdentity { file: input.file, record: input.offset };
        let times = self.decoder.times(input.shape, input.payload, identity)?;
        Ok(times.ok().and_then(|times| event_time(times, input.arrived_at)))
    }

    /// Decides one record and appends its touchpoint or stub to `out`, and to `asides` what other partitions must know of it.
    ///
    /// # Errors
    /// The record cannot be decided now; nothing was appended.
    pub fn judge(&mut self, input: &Input<'_>, out: &mut Vec<u8>, asides: &mut Asides) -> Result<Decided, Hold> {
        self.reason = None;
        let identity = FileIdentity { file: input.file, record: input.offset };
        let Intake { decoder, enricher, reader, hasher, settings, .. } = self;
        let mut decoded = None;
        let judged = decoder
            .decode(input.shape, input.payload, identity, &mut decoded)?
            .and_then(|decoded| accept(enricher, reader, hasher.as_mut(), settings, input, decoded, (out, asides)));
        Ok(match judged {
            Ok(decided) => decided,
            Err(reject) => self.dead(input, &reject, out),
        })
    }

    /// As [`Intake::judge`], where the payload begins with the record and goes on beyond it: tells how many bytes the
    /// record took, too. `None`, and nothing was appended, where that is not told (see [`Decoder::first`]).
    ///
    /// # Errors
    /// As [`Intake::judge`].
    pub fn judge_first(
        &mut self,
        input: &Input<'_>,
        out: &mut Vec<u8>,
        asides: &mut Asides,
    ) -> Result<Option<(Decided, usize)>, Hold> {
        self.reason = None;
        let Intake { decoder, enricher, reader, hasher, settings, .. } = self;
        let mut decoded = None;
        let length = decoder.first(input.shape, input.payload.unwrap_or_default(), &mut decoded)?;
        let (Some(length), Some(decoded)) = (length, &mut decoded) else { return Ok(None) };
        let judged = accept(enricher, reader, hasher.as_mut(), settings, input, decoded, (out, asides));
        Ok(judged.ok().map(|decided| (decided, length)))
    }

    /// The stub of a dead letter. Without a key of its own it is routed by where it came from.
    fn dead(&mut self, input: &Input<'_>, reject: &Reject, out: &mut Vec<u8>) -> Decided {
        self.reason = Some(reject.reason);
        self.detail.clear();
        self.detail.push_str(&reject.detail);
        self.preview.clear();
        // Of bytes that cannot be read nobody knows where a field stands that is to be hashed.
        let shown = if self.hasher.is_none() { input.payload.unwrap_or_default() } else { &[] };
        let preview = preview(shown, &mut self.preview);
        let key = Key::contact(input.topic, &input.partition.to_string());
        let stub = Touchpoint {
            head: Head {
                outcome: Outcome::Dead,
                kind: Kind::Custom,
                key,
                id: input.offset,
                occurred_at: EventTime(input.filed_at),
            },
            site: input.site,
            received_at: input.arrived_at,
            reason: reject.reason.as_str(),
            detail: &reject.detail,
            topic: input.topic,
            partition: input.partition,
            offset: input.offset,
            origin: input.origin,
            text: preview,
            characters: u32::try_from(input.payload.unwrap_or_default().len()).unwrap_or(u32::MAX),
            ..Touchpoint::default()
        };
        stub.encode(out);
        Decided { outcome: Outcome::Dead, key, occurred_at: None }
    }
}

/// Event time of a record with these times, as [`Intake::judge`] gives it; `None` if they make it dead. `arrived_at` is
/// that of its [`Input`].
#[must_use]
pub fn event_time(times: Times, arrived_at: i64) -> Option<EventTime> {
    validate::times(times, arrived_at).ok()?;
    let Times { occurred, sent, received } = times;
    Some(correct(occurred, sent, received, arrived_at).at)
}

/// Decides what was decoded. Events are large, so they stay where they were built.
#[inline]
fn accept<'a>(
    enricher: &'a mut Enricher,
    reader: &'a mut Reader,
    hasher: Option<&'a mut Hasher>,
    settings: &Settings,
    input: &Input<'a>,
    decoded: &mut Decoded<'a>,
    out: (&mut Vec<u8>, &mut Asides),
) -> Result<Decided, Reject> {
    match decoded {
        Decoded::Click(event) => click(enricher, reader, hasher, settings, input, event, out),
        Decoded::Support(entry) => support(enricher, reader, hasher, settings, input, entry, out),
    }
}

fn check_click(event: &ClickEvent<'_>, arrived_at: i64) -> Result<(), Reject> {
    validate::click(event, arrived_at)?;
    if is_garbage_id(event.visitor) {
        // Thousands of people share such an id: one session of them all would be a lie.
        return Err(Reject::new(Reason::MissingField, "visitor: a placeholder such as null or undefined, not an id"));
    }
    Ok(())
}

#[cold]
fn nobodys() -> Reject {
    Reject::new(Reason::MissingField, "conversation, customer, visitor, contact: only placeholders")
}

fn click<'a>(
    enricher: &'a mut Enricher,
    reader: &'a mut Reader,
    hasher: Option<&'a mut Hasher>,
    settings: &Settings,
    input: &Input<'a>,
    event: &mut ClickEvent<'a>,
    (out, asides): (&mut Vec<u8>, &mut Asides),
) -> Result<Decided, Reject> {
    check_click(event, input.arrived_at)?;
    if event.site.is_empty() {
        event.site = input.site;
    }
    event.kind = media::kind_of(event.kind, event.name, event.properties);
    let corrected = correct(event.occurred_at, event.sent_at, event.received_at, input.arrived_at);
    let mut renamed = Beside::default();
    if let Some(hasher) = hasher {
        event.customer = settings.linking(event.customer);
        event.previous_customer = settings.linking(event.previous_customer);
        renamed = hasher.click(event, corrected.at.0);
    }
    let mut head = Head {
        outcome: Outcome::Counted,
        kind: event.kind,
        key: Key::visitor(event.site, event.visitor),
        id: id_hash(event.event_id),
        occurred_at: corrected.at,
    };
    let may_keep = Consent::of_page(event.consent, event.url).allows_profile(!settings.must_consent);
    if !may_keep {
        // Not even the log may tell whose it was, so the record is routed by its own id.
        head.key = Key::visitor(event.site, event.event_id);
    }
    if !may_keep && settings.without_consent == WithoutConsent::Stub {
        return Ok(stub(head, Outcome::Erased, event.site, input, out));
    }
    let mut touchpoint = fill::blank();
    (touchpoint.head, touchpoint.site) = (head, event.site);
    fill::click(event, &mut touchpoint);
    settings.unlink(&mut touchpoint);
    touchpoint.reason = corrected.flag.map_or("", |flag| flag.as_str());
    place_in_source(input, &mut touchpoint);
    let beside = enricher.click(event, &mut touchpoint);
    if settings.drop_bots && !touchpoint.bot.is_empty() {
        return Ok(stub(head, Outcome::Bot, event.site, input, out));
    }
    if !may_keep {
        touchpoint.head.outcome = Outcome::Erased;
        consent::only_counts(&touchpoint).encode(out);
        return Ok(Decided { outcome: Outcome::Erased, key: head.key, occurred_at: Some(corrected.at) });
    }
    if !event.text.is_empty() {
        reader.read(event.text, event.language, None, &mut touchpoint);
    }
    if settings.keep_text == KeepText::None {
        touchpoint.text = "";
    }
    touchpoint.encode(out);
    aside::of_click(&touchpoint, beside, settings.linking(event.previous_customer), asides);
    aside::of_renamed(&touchpoint, renamed, asides);
    Ok(Decided { outcome: Outcome::Counted, key: head.key, occurred_at: Some(corrected.at) })
}

fn support<'a>(
    enricher: &'a mut Enricher,
    reader: &'a mut Reader,
    hasher: Option<&'a mut Hasher>,
    settings: &Settings,
    input: &Input<'a>,
    entry: &mut SupportEntry<'a>,
    (out, asides): (&mut Vec<u8>, &mut Asides),
) -> Result<Decided, Reject> {
    settings.check_support(entry, input.arrived_at)?;
    if entry.site.is_empty() {
        entry.site = input.site;
    }
    let corrected = correct(entry.occurred_at, 0, entry.received_at, input.arrived_at);
    let mut renamed = Beside::default();
    if let Some(hasher) = hasher {
        (entry.customer, entry.visitor) = (settings.linking(entry.customer), fill::linking(entry.visitor));
        renamed = hasher.support(entry, corrected.at.0);
    }
    let mut touchpoint = Touchpoint { site: entry.site, ..Touchpoint::default() };
    fill::support(entry, &mut touchpoint);
    settings.unlink(&mut touchpoint);
    place_in_source(input, &mut touchpoint);
    touchpoint.reason = corrected.flag.map_or("", |flag| flag.as_str());
    touchpoint.head.occurred_at = corrected.at;
    let beside = enricher.support(entry, &mut touchpoint);
    let head = Head {
        outcome: Outcome::Counted,
        kind: entry.kind,
        key: support_key(&touchpoint).ok_or_else(nobodys)?,
        id: id_hash(entry.entry_id),
        occurred_at: corrected.at,
    };
    touchpoint.head = head;
    if entry.author == Author::Customer && !entry.text.is_empty() {
        reader.read(entry.text, entry.language, Some(entry.channel), &mut touchpoint);
    }
    if settings.keep_text == KeepText::None {
        touchpoint.text = "";
    }
    touchpoint.encode(out);
    aside::of_support(&touchpoint, beside, asides);
    aside::of_renamed(&touchpoint, renamed, asides);
    Ok(Decided { outcome: Outcome::Counted, key: head.key, occurred_at: Some(corrected.at) })
}

/// Site and conversation id, else customer, else visitor, else contact.
fn support_key(touchpoint: &Touchpoint<'_>) -> Option<Key> {
    let site = touchpoint.site;
    Some(if !touchpoint.conversation.is_empty() {
        Key::conversation(site, touchpoint.conversation)
    } else if !touchpoint.customer.is_empty() {
        Key::customer(site, touchpoint.customer)
    } else if !touchpoint.visitor.is_empty() {
        Key::visitor(site, touchpoint.visitor)
    } else if !touchpoint.contact.is_empty() {
        Key::contact(site, touchpoint.contact)
    } else {
        return None;
    })
}

fn place_in_source<'a>(input: &Input<'a>, touchpoint: &mut Touchpoint<'a>) {
    touchpoint.topic = input.topic;
    touchpoint.partition = input.partition;
    touchpoint.offset = input.offset;
    touchpoint.origin = input.origin;
}

/// A record judged out: its position, key and time, and nothing of its person.
fn stub(head: Head, outcome: Outcome, site: &str, input: &Input<'_>, out: &mut Vec<u8>) -> Decided {
    let mut stub = Touchpoint { head: Head { outcome, ..head }, site, ..Touchpoint::default() };
    place_in_source(input, &mut stub);
    stub.encode(out);
    Decided { outcome, key: head.key, occurred_at: Some(head.occurred_at) }
}

/// The first characters of a dead letter's bytes with personal data redacted.
fn preview<'a>(bytes: &[u8], buffer: &'a mut String) -> &'a str {
    const MOST: usize = 512;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]);
    let redacted = crumbtrail_enrich::pii::redact(&text, buffer);
    let copy = redacted.to_owned();
    buffer.clear();
    buffer.push_str(&copy);
    buffer
}
