//! Batches of the runtime to batches of the warehouse.

use bytes::Bytes;
use crumbtrail_runtime::Batch;
use crumbtrail_warehouse::{Processor, TableId, TableRows};

use crate::{journey, sessionize};

/// The processor of this name, and the tables its step writes, by the step's numbers.
#[must_use]
pub fn processor(name: &str) -> (Processor, &'static [TableId]) {
    if name == "sessionize" {
        (Processor::Sessionize, &sessionize::TABLES)
    } else {
        (Processor::Journey, &journey::TABLES)
    }
}

/// A batch as the warehouse takes it: its rows under the names of their tables.
#[must_use]
pub fn for_warehouse(batch: Batch) -> crumbtrail_warehouse::Batch {
    let (processor, tables) = processor(batch.processor);
    let rows = batch.tables.into_iter().zip(tables).filter(|(rows, _)| rows.rows > 0);
    crumbtrail_warehouse::Batch {
        processor,
        partition: batch.partition,
        from: batch.from.0,
        to: batch.to.0,
        tables: rows
            .map(|(rows, table)| {
                let pieces = rows.pieces.into_iter().map(Bytes::from).collect();
                TableRows::new(*table, pieces, rows.rows).adding_up_to(rows.checksum)
            })
            .collect(),
        record_count: batch.record_count,
        counts: batch.counts,
        position_checksum: batch.position_checksum,
        watermark: batch.watermark,
        wall_ms: batch.wall_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::EventTime;
    use crumbtrail_events::outcome::Counts;
    use crumbtrail_log::Offset;
    use crumbtrail_runtime::step::Effects;

    #[test]
    fn rows_keep_their_table_and_empty_tables_are_left_out() {
        let mut effects = Effects::new(4);
        effects.row(2, |out| out.extend(b"row"));
        let batch = Batch {
            processor: "journey",
            partition: 3,
            from: Offset(5),
            to: Offset(9),
            tables: effects.tables,
            record_count: 1,
            counts: Counts::default(),
            position_checksum: 7,
            watermark: EventTime(0),
            wall_ms: 1,
        };
        let batch = for_warehouse(batch);
        assert_eq!((batch.processor, batch.from, batch.to), (Processor::Journey, 5, 9));
        assert_eq!(batch.tables.len(), 1);
        assert_eq!((batch.tables[0].table, batch.tables[0].row_count), (journey::TABLES[2], 1));
    }
}
