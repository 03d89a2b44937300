//! One file per table: its columns and how a row becomes bytes.

pub mod batches;
pub mod breadcrumbs;
pub mod conversations;
pub mod conversions;
pub mod dead_letters;
pub(crate) mod id;
pub mod identity_links;
pub mod journeys;
pub mod sessions;
pub mod stage_moves;
pub mod touchpoints;

pub use id::TableId;

use crate::rowbinary::Column;

impl TableId {
    /// The columns in the order their values are sent.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            TableId::Touchpoints => touchpoints::COLUMNS,
            TableId::Sessions => sessions::COLUMNS,
            TableId::Conversations => conversations::COLUMNS,
            TableId::Journeys => journeys::COLUMNS,
            TableId::StageMoves => stage_moves::COLUMNS,
            TableId::Conversions => conversions::COLUMNS,
            TableId::Breadcrumbs => breadcrumbs::COLUMNS,
            TableId::DeadLetters => dead_letters::COLUMNS,
            TableId::IdentityLinks => identity_links::COLUMNS,
            TableId::Batches => batches::COLUMNS,
        }
    }
}
