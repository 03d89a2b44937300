//! Why a record became a dead letter: stable reasons that dashboards and redrives are keyed by.

/// A stable reason; the name is a metric label and a column value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No payload: a tombstone.
    Tombstone,
    /// A payload of zero bytes.
    Empty,
    /// More than 1 MiB; only the position is kept.
    Oversize,
    /// Not JSON, or cut short.
    MalformedJson,
    /// JSON nested deeper than 64 levels.
    TooDeep,
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// A field of the wrong type, or a value outside its set.
    WrongType,
    /// A required field is missing or empty.
    MissingField,
    /// No format this topic speaks: the magic bytes are unknown.
    UnknownMagic,
    /// The writer's schema is not known to the registry (or to us).
    UnknownSchema,
    /// The writer's schema cannot be read as ours.
    IncompatibleSchema,
    /// Avro bytes cut short or damaged.
    MalformedAvro,
    /// A time before 1990 or so far ahead that no clock explains it.
    AbsurdTime,
    /// A line that is not of the combined log format.
    MalformedLine,
    /// A Segment message of a type this build does not know.
    UnknownType,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 15] = [
        Reason::Tombstone,
        Reason::Empty,
        Reason::Oversize,
        Reason::MalformedJson,
        Reason::TooDeep,
        Reason::InvalidUtf8,
        Reason::WrongType,
        Reason::MissingField,
        Reason::UnknownMagic,
        Reason::UnknownSchema,
        Reason::IncompatibleSchema,
        Reason::MalformedAvro,
        Reason::AbsurdTime,
        Reason::MalformedLine,
        Reason::UnknownType,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Tombstone => "tombstone",
            Reason::Empty => "empty",
            Reason::Oversize => "oversize",
            Reason::MalformedJson => "malformed_json",
            Reason::TooDeep => "too_deep",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::WrongType => "wrong_type",
            Reason::MissingField => "missing_field",
            Reason::UnknownMagic => "unknown_magic",
            Reason::UnknownSchema => "unknown_schema",
            Reason::IncompatibleSchema => "incompatible_schema",
            Reason::MalformedAvro => "malformed_avro",
            Reason::AbsurdTime => "absurd_time",
            Reason::MalformedLine => "malformed_line",
            Reason::UnknownType => "unknown_type",
        }
    }
}

/// A rejected record: the stable reason and what a person needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct Reject {
    /// The stable reason.
    pub reason: Reason,
    /// The detail: field, position, what was expected. Never carries field values.
    pub detail: String,
}

/// A reject on its way out of a decoder's inner functions: one word, so that their results travel in registers.
pub(crate) type Fault = Box<Reject>;

impl From<Fault> for Reject {
    fn from(fault: Fault) -> Reject {
        *fault
    }
}

impl Reject {
    /// A boxed reject with its detail.
    #[cold]
    #[inline(never)]
    pub(crate) fn fault(reason: Reason, detail: impl Into<String>) -> Fault {
        Box::new(Reject::new(reason, detail))
    }

    /// A reject with its detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Reject {
        Reject { reason, detail: detail.into() }
    }
}
