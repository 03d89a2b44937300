//! The journey step: touchpoints of one person partition to journeys, moves, conversions and breadcrumbs.

use crumbtrail_events::touchpoint::Head;
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_journeys::{JourneyRules, Journeys, Out};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Context, Step};
use crumbtrail_scratch::Block;
use crumbtrail_warehouse::{RowVersion, TableId, tables};

/// The tables it writes, by the number the step gives them.
pub const TABLES: [TableId; 4] = [TableId::Journeys, TableId::StageMoves, TableId::Conversions, TableId::Breadcrumbs];
const JOURNEYS: usize = 0;
const STAGE_MOVES: usize = 1;
const CONVERSIONS: usize = 2;
const BREADCRUMBS: usize = 3;

/// One partition's journey step.
pub struct Journey {
    rules: JourneyRules,
    journeys: Journeys,
}

impl Journey {
    /// An empty step.
    #[must_use]
    pub fn new(rules: JourneyRules) -> Journey {
        Journey { journeys: Journeys::new(rules.clone()), rules }
    }
}

struct Rows<'a> {
    effects: &'a mut Effects,
    version: RowVersion,
}

impl Out for Rows<'_> {
    fn journey(&mut self, row: &JourneyRow<'_>) {
        let version = self.version;
        self.effects.row(JOURNEYS, |out| tables::journeys::encode(row, version, out));
    }

    fn stage_move(&mut self, row: &StageMoveRow<'_>) {
        let version = self.version;
        self.effects.row(STAGE_MOVES, |out| tables::stage_moves::encode(row, version, out));
    }

    fn conversion(&mut self, row: &ConversionRow<'_>) {
        let version = self.version;
        self.effects.row(CONVERSIONS, |out| tables::conversions::encode(row, version, out));
    }

    fn breadcrumb(&mut self, row: &BreadcrumbRow<'_>) {
        let version = self.version;
        self.effects.row(BREADCRUMBS, |out| tables::breadcrumbs::encode(row, version, out));
    }
}

impl Step for Journey {
    fn name(&self) -> &'static str {
        "journey"
    }

    fn tables(&self) -> usize {
        TABLES.len()
    }

    fn record(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let outcome = Head::peek(payload)?.outcome;
        self.journeys.touchpoint(payload, context.watermark)?;
        effects.outcome(outcome);
        Ok(())
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) {
        let version = RowVersion(context.version);
        self.journeys.tick(context.watermark, context.wall_ms, &mut Rows { effects, version });
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.journeys.save(out);
    }

    fn load(&mut self, bytes: &[u8], _: &[Block]) -> Result<(), StepError> {
        self.journeys = Journeys::load(self.rules.clone(), bytes)?;
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        StepGauges { open: self.journeys.people(), conversations: 0, resident_bytes: self.journeys.resident_bytes() }
    }
}
