//! From a source's bytes to a typed event, by the format its topic speaks.

use std::sync::Arc;

use crumbtrail_events::avro::{Plan, Target, confluent, single_object};
use crumbtrail_events::decode::check_size;
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

    /// Decodes one payload.
    ///
    /// # Errors
    /// The outer error holds intake up; the inner one is the record's.
    #[inline]
    pub fn decode<'a>(
        &'a mut self,
        shape: SourceShape,
        payload: Option<&'a [u8]>,
        identity: FileIdentity<'_>,
    ) -> Result<Result<Decoded<'a>, Reject>, Hold> {
        let bytes = match check_size(payload) {
            Ok(bytes) => bytes,
            Err(reject) => return Ok(Err(reject)),
        };
        Ok(match shape {
            SourceShape::ClickJson => json::click(bytes, &mut self.scratch).map(Decoded::Click),
            SourceShape::SupportJson => json::support(bytes, &mut self.scratch).map(Decoded::Support),
            SourceShape::Segment => segment::click(bytes, &mut self.scratch).map(Decoded::Click),
            SourceShape::Combined => {
                let source = combined::Source { file_id: identity.file, host: "", visitor_key: &self.visitor_key };
                combined::click(bytes, identity.record + 1, &source, &mut self.scratch).map(Decoded::Click)
            }
            SourceShape::ClickAvro => return self.avro(bytes, Target::Click),
            SourceShape::SupportAvro => return self.avro(bytes, Target::Support),
        })
    }

    /// Decodes an unframed Avro body with a plan of the caller's (object container files).
    ///
    /// # Errors
    /// The record's fault.
    pub fn body<'a>(&'a mut self, plan: &'a Plan, body: &'a [u8]) -> Result<Decoded<'a>, Reject> {
        run(plan, body, &mut self.scratch)
    }

    fn avro<'a>(&'a mut self, bytes: &'a [u8], target: Target) -> Result<Result<Decoded<'a>, Reject>, Hold> {
        if bytes[0] != 0 {
            let framed = single_object::split(bytes).and_then(|(fingerprint, body)| {
                let plans = if target == Target::Click { &self.clicks } else { &self.entries };
                Ok((plans.get(fingerprint)?, body))
            });
            return Ok(framed.and_then(|(plan, body)| run(plan, body, &mut self.scratch)));
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
        Ok(run(plan, body, &mut self.scratch))
    }
}

fn run<'a>(plan: &'a Plan, body: &'a [u8], scratch: &'a mut Scratch) -> Result<Decoded<'a>, Reject> {
    match plan.target() {
        Target::Click => plan.click(body, scratch).map(Decoded::Click),
        Target::Support => plan.support(body, scratch).map(Decoded::Support),
    }
}
