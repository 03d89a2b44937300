//! From a source's bytes to a typed event, by the format its topic speaks.

use std::sync::Arc;

use crumbtrail_events::avro::{Plan, Target, confluent, single_object};
use crumbtrail_events::clock::Times;
use crumbtrail_events::decode::{MAX_PAYLOAD, check_size};
use crumbtrail_events::{ClickEvent, Reason, Reject, Scratch, SupportEntry, combined, json, segment};

use crate::Hold;

/// What the records of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceShape {
    /// Clicks as native JSON.
    ClickJson,
    /// Support entries as native JSON.
    SupportJson,
    /// Segment messages.
    Segment,
    /// Clicks as Avro, framed (Confluent or single object).
    ClickAvro,
    /// Support entries as Avro, framed.
    SupportAvro,
    /// Lines of the combined log format.
    Combined,
}

/// Who knows the writers' schemas of Confluent's wire format.
pub trait Schemas: Send {
    /// The plan of schema `id`.
    ///
    /// # Errors
    /// The inner result is the record's fault, the outer one the registry's.
    fn plan(&mut self, id: u32, target: Target) -> Result<Result<Arc<Plan>, Reject>, Hold>;
}

/// Knows no schema: for sources without a registry.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRegistry;

impl Schemas for NoRegistry {
    fn plan(&mut self, id: u32, _: Target) -> Result<Result<Arc<Plan>, Reject>, Hold> {
        Ok(Err(Reject::new(Reason::UnknownSchema, format!("schema {id}: no registry is configured (registry.url)"))))
    }
}

/// Identity of a line in a file, for formats whose records carry no id.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileIdentity<'a> {
    /// Stable id of the file, a hash of its content.
    pub file: &'a str,
    /// Number of the record in it.
    pub record: u64,
}

/// A decoded record.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack; a box would allocate for every click")]
pub enum Decoded<'a> {
    /// A click.
    Click(ClickEvent<'a>),
    /// A support entry.
    Support(SupportEntry<'a>),
}

/// Decodes every format; one a thread.
pub struct Decoder {
    schemas: Box<dyn Schemas>,
    clicks: single_object::Plans,
    entries: single_object::Plans,
    /// The plan of the last Confluent schema, kept here while a record borrows from it.
    last: Option<(u32, Target, Arc<Plan>)>,
    scratch: Scratch,
    visitor_key: [u8; 16],
}

impl Decoder {
    /// A decoder; `visitor_key` hashes address and agent of access logs into visitor ids.
    ///
    /// # Errors
    /// Our own schemas do not compile (a broken build).
    pub fn new(schemas: Box<dyn Schemas>, visitor_key: [u8; 16]) -> Result<Decoder, Reject> {
        Ok(Decoder {
            schemas,
            clicks: single_object::Plans::new(Target::Click, [])?,
            entries: single_object::Plans::new(Target::Support, [])?,
            last: None,
            scratch: Scratch::new(),
            visitor_key,
        })
    }

    /// Decodes one payload into `into`: an event is large, and built in its place.
    ///
    /// # Errors
    /// The outer error holds intake up; the inner one is the record's.
    #[inline]
    pub fn decode<'a, 'i>(
        &'a mut self,
        shape: SourceShape,
        payload: Option<&'a [u8]>,
        identity: FileIdentity<'_>,
        into: &'i mut Option<Decoded<'a>>,
    ) -> Result<Result<&'i mut Decoded<'a>, Reject>, Hold> {
        let bytes = match check_size(payload) {
            Ok(bytes) => bytes,
            Err(reject) => return Ok(Err(reject)),
        };
        Ok(match shape {
            SourceShape::ClickJson => {
                json::click_to(bytes, &mut self.scratch, |event| into.insert(Decoded::Click(event)))
            }
            SourceShape::SupportJson => {
                json::support(bytes, &mut self.scratch).map(|entry| into.insert(Decoded::Support(entry)))
            }
            SourceShape::Segment => {
                segment::click(bytes, &mut self.scratch).map(|event| into.insert(Decoded::Click(event)))
            }
            SourceShape::Combined => {
                let source = combined::Source { file_id: identity.file, host: "", visitor_key: &self.visitor_key };
                combined::click(bytes, identity.record + 1, &source, &mut self.scratch)
                    .map(|event| into.insert(Decoded::Click(event)))
            }
            SourceShape::ClickAvro => return self.avro(bytes, Target::Click, into),
            SourceShape::SupportAvro => return self.avro(bytes, Target::Support, into),
        })
    }

    /// Decodes the record that `bytes` begin with, of a format that tells a record's end to whoever reads it, into `into`; how
    /// many bytes it takes is told. `None` of any other format, and of a record that is to be refused: ask for it alone.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    #[inline]
    pub fn first<'a>(
        &'a mut self,
        shape: SourceShape,
        bytes: &'a [u8],
        into: &mut Option<Decoded<'a>>,
    ) -> Result<Option<usize>, Hold> {
        let target = match shape {
            SourceShape::ClickAvro => Target::Click,
            SourceShape::SupportAvro => Target::Support,
            _ => return Ok(None),
        };
        let bytes = &bytes[..bytes.len().min(MAX_PAYLOAD)];
        if bytes.is_empty() {
            return Ok(None);
        }
        let Ok((plan, body, scratch)) = self.plan(bytes, target)? else { return Ok(None) };
        let read = match plan.target() {
            Target::Click => plan.first_click(body, scratch, |event, length| {
                *into = Some(Decoded::Click(event));
                length
            }),
            Target::Support => plan.first_support(body, scratch).map(|(entry, length)| {
                *into = Some(Decoded::Support(entry));
                length
            }),
        };
        Ok(read.ok().map(|length| bytes.len() - body.len() + length))
    }

    /// Reads the times of one payload, and of most formats nothing else: a record refused for something else than its
    /// times may be told as if it were good.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn times(
        &mut self,
        shape: SourceShape,
        payload: Option<&[u8]>,
        identity: FileIdentity<'_>,
    ) -> Result<Result<Times, Reject>, Hold> {
        let target = match shape {
            SourceShape::ClickAvro => Target::Click,
            SourceShape::SupportAvro => Target::Support,
            SourceShape::ClickJson => {
                return Ok(check_size(payload).and_then(|bytes| json::click_times(bytes, &mut self.scratch)));
            }
            SourceShape::SupportJson => {
                return Ok(check_size(payload).and_then(|bytes| json::support_times(bytes, &mut self.scratch)));
            }
            SourceShape::Segment | SourceShape::Combined => {
                let mut decoded = None;
                return Ok(self.decode(shape, payload, identity, &mut decoded)?.map(|decoded| match decoded {
                    Decoded::Click(event) => {
                        Times { occurred: event.occurred_at, sent: event.sent_at, received: event.received_at }
                    }
                    Decoded::Support(entry) => {
                        Times { occurred: entry.occurred_at, sent: 0, received: entry.received_at }
                    }
                }));
            }
        };
        let bytes = match check_size(payload) {
            Ok(bytes) => bytes,
            Err(reject) => return Ok(Err(reject)),
        };
        let (plan, body, _) = match self.plan(bytes, target)? {
            Ok(found) => found,
            Err(reject) => return Ok(Err(reject)),
        };
        Ok(plan.times(body).map(|(times, _)| times))
    }

    fn avro<'a, 'i>(
        &'a mut self,
        bytes: &'a [u8],
        target: Target,
        into: &'i mut Option<Decoded<'a>>,
    ) -> Result<Result<&'i mut Decoded<'a>, Reject>, Hold> {
        Ok(self.plan(bytes, target)?.and_then(|(plan, body, scratch)| match plan.target() {
            Target::Click => plan.click_to(body, scratch, |event| into.insert(Decoded::Click(event))),
            Target::Support => plan.support(body, scratch).map(|entry| into.insert(Decoded::Support(entry))),
        }))
    }

    /// The plan of a framed record, and its body.
    #[inline]
    fn plan<'a>(&'a mut self, bytes: &'a [u8], target: Target) -> Result<Result<Planned<'a>, Reject>, Hold> {
        if bytes[0] != 0 {
            let framed = single_object::split(bytes).and_then(|(fingerprint, body)| {
                let plans = if target == Target::Click { &self.clicks } else { &self.entries };
                Ok((plans.get(fingerprint)?, body, &mut self.scratch))
            });
            return Ok(framed);
        }
        let (id, body) = match confluent::split(bytes) {
            Ok(split) => split,
            Err(reject) => return Ok(Err(reject)),
        };
        if !matches!(&self.last, Some((last, of, _)) if *last == id && *of == target) {
            match self.schemas.plan(id, target)? {
                Ok(plan) => self.last = Some((id, target, plan)),
                Err(reject) => return Ok(Err(reject)),
            }
        }
        let Some((_, _, plan)) = &self.last else {
            return Ok(Err(Reject::new(Reason::UnknownSchema, format!("schema {id}"))));
        };
        Ok(Ok((plan, body, &mut self.scratch)))
    }
}

/// A plan, the body it is for, and room to read it in.
type Planned<'a> = (&'a Plan, &'a [u8], &'a mut Scratch);
