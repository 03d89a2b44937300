//! The journey step: touchpoints of one person partition to journeys, moves, conversions and breadcrumbs.

use crumbtrail_events::Outcome;
use crumbtrail_events::touchpoint::Head;
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_journeys::{JourneyRules, Journeys, JourneysError, Out};
use crumbtrail_runtime::step::{Effects, StepError, StepGauges};
use crumbtrail_runtime::{Context, Step};
use crumbtrail_scratch::{Block, Scratch};
use crumbtrail_warehouse::{RowVersion, TableId, tables};
use std::io;

use crate::rules::{Ruling, Told};

/// The tables it writes, by the number the step gives them.
pub const TABLES: [TableId; 4] = [TableId::Journeys, TableId::StageMoves, TableId::Conversions, TableId::Breadcrumbs];
const JOURNEYS: usize = 0;
const STAGE_MOVES: usize = 1;
const CONVERSIONS: usize = 2;
const BREADCRUMBS: usize = 3;

/// The format of the state this build writes and reads. Up to 2 it was the journeys' alone.
const VERSION: u8 = 5;

/// One partition's journey step.
pub struct Journey {
    rules: Ruling<JourneyRules>,
    journeys: Journeys,
    /// Bytes of packed touchpoints that stay in memory where there is room on disk.
    most_resident: usize,
    /// What a save under way begins with.
    saving: Vec<u8>,
}

impl Journey {
    /// An empty step.
    #[must_use]
    pub fn new(rules: Ruling<JourneyRules>) -> Journey {
        Journey { journeys: Journeys::new(rules.begun().clone()), rules, most_resident: 0, saving: Vec::new() }
    }

    /// Has so many bytes of packed touchpoints stay in memory though there is room on disk.
    #[must_use]
    pub fn holding(self, most_resident: usize) -> Journey {
        Journey { most_resident, ..self }
    }

    /// Has packed touchpoints lie in blocks of about so many bytes; before the first comes.
    #[must_use]
    pub fn in_blocks_of(self, bytes: usize) -> Journey {
        Journey { journeys: self.journeys.in_blocks_of(bytes), ..self }
    }

    /// What a state begins with.
    fn save_rules(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.rules.save(out);
    }

    /// Takes what sessionize passes on of the rules: every partition of its log says it, the first one heard counts.
    #[cold]
    fn hear(&mut self, payload: &[u8], context: Context, effects: &mut Effects) -> Result<(), StepError> {
        if let Some(rules) = self.rules.hear(payload)? {
            self.journeys.change(rules, &mut Rows { effects, version: RowVersion(context.version) });
        }
        Ok(())
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
        if outcome == Outcome::Aside && Told::is_in(payload)? {
            effects.outcome(outcome);
            return self.hear(payload, context, effects);
        }
        self.journeys.touchpoint(payload, context.watermark).map_err(|error| match error {
            JourneysError::Record(error) => StepError::from(error),
            JourneysError::Scratch(error) => StepError::from(error),
        })?;
        effects.outcome(outcome);
        Ok(())
    }

    fn tick(&mut self, context: Context, effects: &mut Effects) -> Result<(), StepError> {
        let version = RowVersion(context.version);
        Ok(self.journeys.tick(context.watermark, context.wall_ms, &mut Rows { effects, version })?)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.save_rules(out);
        self.journeys.save(out);
    }

    fn begin_save(&mut self) {
        let mut begin = Vec::new();
        self.save_rules(&mut begin);
        self.saving = begin;
        self.journeys.begin_save();
    }

    fn save_on(&mut self, most: usize) -> Option<Vec<Vec<u8>>> {
        let journeys = self.journeys.save_on(most)?;
        let mut pieces = vec![std::mem::take(&mut self.saving)];
        pieces.extend(journeys);
        Some(pieces)
    }

    fn blocks(&self) -> Vec<(u64, Block)> {
        self.journeys.blocks().map(|(number, block)| (number, block.clone())).collect()
    }

    fn spill(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.journeys.spill(scratch, self.most_resident)
    }

    fn load(&mut self, bytes: &[u8], blocks: &[Block]) -> Result<(), StepError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("journey state of another format version").into());
        }
        let rules = self.rules.load(reader.bytes()?)?;
        self.journeys = Journeys::load(rules, reader.rest(), blocks)?;
        Ok(())
    }

    fn adopted(&mut self) -> Result<(), StepError> {
        if let Some(rules) = self.rules.adopt()? {
            self.journeys = Journeys::new(rules);
        }
        Ok(())
    }

    fn gauges(&self) -> StepGauges {
        StepGauges {
            open: self.journeys.people(),
            conversations: 0,
            resident_bytes: self.journeys.resident_bytes(),
            bytes_on_disk: self.journeys.bytes_on_disk(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::{EventTime, Key, Kind, Touchpoint};
    use crumbtrail_journeys::model::StageModel;
    use std::sync::Arc;

    fn step() -> Journey {
        let read = |text: &str| match StageModel::from_yaml(text) {
            Ok(model) => Ok(JourneyRules { models: vec![model], ..JourneyRules::default() }),
            Err(error) => Err(error.to_string()),
        };
        Journey::new(Ruling::new(JourneyRules::default(), Arc::new(read)))
    }

    fn context(index: u64) -> Context {
        Context { version: (1 << 56) | (index << 16), watermark: EventTime::MIN, wall_ms: 0 }
    }

    fn model(name: &str, at: i64) -> Vec<u8> {
        let text = StageModel::RETAIL.replace("model: retail", &format!("model: {name}"));
        let mut payload = Vec::new();
        Told { since: (EventTime(at), 7), text }.encode("rules:1", &mut payload);
        payload
    }

    fn purchase(at: i64) -> Vec<u8> {
        let key = Key::customer("shop", "c");
        let id = at as u64 + 1;
        let head = Head { outcome: Outcome::Counted, kind: Kind::Purchase, key, id, occurred_at: EventTime(at) };
        let mut payload = Vec::new();
        Touchpoint { head, site: "shop", customer: "c", ..Touchpoint::default() }.encode(&mut payload);
        payload
    }

    /// All rows of moves, of a run that is restored from its snapshot before one of the records.
    fn moves(records: &[Vec<u8>], restored_before: usize) -> (u64, Vec<u8>) {
        let mut effects = Effects::new(TABLES.len());
        let mut own = step();
        for (n, record) in records.iter().enumerate() {
            if n == restored_before {
                let mut bytes = Vec::new();
                own.save(&mut bytes);
                own.begin_save();
                let pieces = std::iter::repeat_with(|| own.save_on(1)).flatten().next().unwrap();
                assert_eq!(pieces.concat(), bytes);
                own = step();
                own.load(&bytes, &[]).unwrap();
            }
            own.record(record, context(n as u64), &mut effects).unwrap();
            own.tick(Context { wall_ms: 9_000 * (n as i64 + 1), ..context(100 + n as u64) }, &mut effects).unwrap();
        }
        (effects.tables[STAGE_MOVES].rows, effects.tables[STAGE_MOVES].pieces.concat())
    }

    #[test]
    fn the_first_partition_that_tells_a_model_counts_and_its_moves_take_the_place_of_others() {
        let records = [purchase(0), model("other", 5), model("other", 5), model("older", 4), purchase(1)];
        let calm = moves(&records, 9);
        // Into purchase; taken back; into purchase by the other model; into loyalty.
        assert_eq!(calm.0, 4);
        for restored_before in 0..records.len() {
            assert!(moves(&records, restored_before) == calm, "restored before {restored_before}");
        }
    }
}
