//! The tables by name.

/// A table rows are inserted into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableId {
    /// Every accepted record with its outcome.
    Touchpoints,
    /// Sessions.
    Sessions,
    /// Conversations.
    Conversations,
    /// Where each person stands.
    Journeys,
    /// Moves between stages.
    StageMoves,
    /// Conversions.
    Conversions,
    /// Signals.
    Breadcrumbs,
    /// Records that could not be read.
    DeadLetters,
    /// Whose visitors and contacts are.
    IdentityLinks,
    /// The ledger.
    Batches,
}

impl TableId {
    /// All tables.
    pub const ALL: [TableId; 10] = [
        TableId::Touchpoints,
        TableId::Sessions,
        TableId::Conversations,
        TableId::Journeys,
        TableId::StageMoves,
        TableId::Conversions,
        TableId::Breadcrumbs,
        TableId::DeadLetters,
        TableId::IdentityLinks,
        TableId::Batches,
    ];

    /// The stable name: of the view, of the metric label, and in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            TableId::Touchpoints => "touchpoints",
            TableId::Sessions => "sessions",
            TableId::Conversations => "conversations",
            TableId::Journeys => "journeys",
            TableId::StageMoves => "stage_moves",
            TableId::Conversions => "conversions",
            TableId::Breadcrumbs => "breadcrumbs",
            TableId::DeadLetters => "dead_letters",
            TableId::IdentityLinks => "identity_links",
            TableId::Batches => "batches",
        }
    }

    /// The table of an epoch, such as `sessions_e1`; the view without the suffix points to the current one.
    #[must_use]
    pub fn in_epoch(self, epoch: u8) -> String {
        format!("{}_e{epoch}", self.name())
    }
}
