//! Avro: a writer's schema is compiled once into a flat [`Plan`] that reads, skips and defaults its fields straight into
//! a click or a support entry.
//!
//! Resolution follows the Avro specification (fields by name, promotions, defaults, unions, enums), and is kinder where
//! strictness would only turn away readable records: the writer's record names don't matter, time stamps in micro- or
//! nanoseconds are brought to milliseconds, and strings stand for enums. `tests/avro_oracle.rs` holds plans against
//! `apache-avro` itself.

mod body;
mod compile;
pub mod confluent;
mod op;
mod passing;
mod program;
pub mod single_object;
mod skip;

use crate::click::ClickEvent;
use crate::clock::Times;
use crate::reject::Reject;
use crate::scratch::Scratch;
use crate::support::SupportEntry;
use crate::values::{self, Values};
use program::Program;

/// The schema of clicks that this build reads and writes.
pub const CLICK_SCHEMA: &str = include_str!("../../../schemas/avro/click_event.avsc");
/// The schema of support entries that this build reads and writes.
pub const SUPPORT_SCHEMA: &str = include_str!("../../../schemas/avro/support_entry.avsc");

/// What the records of a writer's schema are to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// [`ClickEvent`]s.
    Click,
    /// [`SupportEntry`]s.
    Support,
}

impl Target {
    /// The reader's schema.
    #[must_use]
    pub const fn schema(self) -> &'static str {
        match self {
            Target::Click => CLICK_SCHEMA,
            Target::Support => SUPPORT_SCHEMA,
        }
    }
}

/// A compiled way from one writer's schema to one target.
#[derive(Debug)]
pub struct Plan {
    program: Program,
    target: Target,
}

impl Plan {
    /// Compiles the way from `writer_schema` (JSON text) to `target`.
    ///
    /// # Errors
    /// `incompatible_schema`, with the field that cannot be read as ours.
    pub fn compile(writer_schema: &str, target: Target) -> Result<Plan, Reject> {
        Ok(Plan { program: compile::compile(writer_schema, target)?, target })
    }

    /// What it reads into.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Reads the body of a click (without framing).
    ///
    /// # Errors
    /// `malformed_avro` (cut short, damaged, bytes left over), `invalid_utf8`, `wrong_type`; `incompatible_schema` when
    /// the plan was compiled for another target.
    #[inline]
    pub fn click<'a>(&'a self, body: &'a [u8], scratch: &'a mut Scratch) -> Result<ClickEvent<'a>, Reject> {
        self.click_to(body, scratch, |click| click)
    }

    /// As [`Plan::click`], handed to `take`: events are large, so that one is built where `take` puts it.
    ///
    /// # Errors
    /// As [`Plan::click`].
    #[inline]
    pub fn click_to<'a, T>(
        &'a self,
        body: &'a [u8],
        scratch: &'a mut Scratch,
        take: impl FnOnce(ClickEvent<'a>) -> T,
    ) -> Result<T, Reject> {
        self.read_click(body, true, scratch, |click, _| take(click))
    }

    /// As [`Plan::click_to`] of the body that `bytes` begin with; `take` is told, too, how many bytes that body takes.
    ///
    /// # Errors
    /// As [`Plan::click`].
    #[inline]
    pub fn first_click<'a, T>(
        &'a self,
        bytes: &'a [u8],
        scratch: &'a mut Scratch,
        take: impl FnOnce(ClickEvent<'a>, usize) -> T,
    ) -> Result<T, Reject> {
        self.read_click(bytes, false, scratch, take)
    }

    #[inline]
    fn read_click<'a, T>(
        &'a self,
        bytes: &'a [u8],
        is_whole: bool,
        scratch: &'a mut Scratch,
        take: impl FnOnce(ClickEvent<'a>, usize) -> T,
    ) -> Result<T, Reject> {
        self.meant_for(Target::Click)?;
        let mut values = Values::new();
        let length = self.program.run(bytes, is_whole, scratch, &mut values)?;
        values.check_numbers()?;
        Ok(take(values.click(), length))
    }

    /// Reads the body of a support entry (without framing).
    ///
    /// # Errors
    /// As [`Plan::click`], and `missing_field` for channel and kind.
    #[inline]
    pub fn support<'a>(&'a self, body: &'a [u8], scratch: &'a mut Scratch) -> Result<SupportEntry<'a>, Reject> {
        self.read_support(body, true, scratch).map(|(support, _)| support)
    }

    /// As [`Plan::support`] of the body that `bytes` begin with; tells how many bytes that body takes.
    ///
    /// # Errors
    /// As [`Plan::support`].
    #[inline]
    pub fn first_support<'a>(
        &'a self,
        bytes: &'a [u8],
        scratch: &'a mut Scratch,
    ) -> Result<(SupportEntry<'a>, usize), Reject> {
        self.read_support(bytes, false, scratch)
    }

    #[inline]
    fn read_support<'a>(
        &'a self,
        bytes: &'a [u8],
        is_whole: bool,
        scratch: &'a mut Scratch,
    ) -> Result<(SupportEntry<'a>, usize), Reject> {
        self.meant_for(Target::Support)?;
        let mut values = Values::new();
        let length = self.program.run(bytes, is_whole, scratch, &mut values)?;
        values.check_numbers()?;
        values.check_words()?;
        Ok((values.support(), length))
    }

    /// Reads the times alone of the body that `bytes` begin with, and tells how many bytes that body takes: for files whose
    /// bodies carry no length. What a full reading refuses for another reason than its shape is told, too.
    ///
    /// # Errors
    /// `malformed_avro`: cut short or damaged.
    pub fn times(&self, bytes: &[u8]) -> Result<(Times, usize), Reject> {
        let (slots, length) = self.program.pass(bytes)?;
        Ok((values::times(slots), length))
    }

    #[inline]
    fn meant_for(&self, target: Target) -> Result<(), Reject> {
        if self.target == target {
            return Ok(());
        }
        Err(compile::incompatible("the schema was compiled for the other kind of record"))
    }
}
