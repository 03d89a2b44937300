//! The ledger against the logs, as `crumbtrail audit --log` does it: each stretch has the positions of the log's very records.

use crumbtrail_log::PartitionId;
use crumbtrail_runtime::SnapshotStore;
use crumbtrail_runtime::recount::{Recount, RecountError, Sum};
use crumbtrail_warehouse::{Processor, TableId};

use crate::broker::{Client, PartitionMail};
use crate::inbox;
use crate::rows::{Tables, columns};
use crate::scene::Scene;

/// Edges of a stretch, and the checksum that the ledger has of it.
type Claim = (u64, u64, u64);

/// What is wrong, in words.
#[must_use]
pub fn find(scene: &Scene, tables: &Tables<'_>) -> Vec<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("invariant: a runtime of one thread starts");
    let snapshots = SnapshotStore::new(scene.shelf.clone(), "e1", runtime.handle().clone(), 2);
    // What an inbox with a bug has saved says nothing to a real one.
    let snapshots = (!inbox::is_broken()).then_some(&snapshots);
    let mut found = Vec::new();
    for (processor, topic) in [(Processor::Sessionize, &scene.touchpoints), (Processor::Journey, &scene.people)] {
        let client = Client::new(topic, scene.dice.apart(), PartitionMail::default(), scene.committed.clone());
        for partition in 0..topic.partitions() as u32 {
            let claims = claims(tables, processor, partition);
            let place = format!("{} {partition}", processor.as_str());
            match Recount::begin(client.as_ref(), PartitionId(partition), processor.as_str(), snapshots)
                .and_then(|recount| recount.map_or(Ok(Vec::new()), |recount| differing(recount, claims)))
            {
                Ok(differing) => found.extend(differing.into_iter().map(|((from, to, claimed), sum)| {
                    format!("positions: {place}: {from} to {to} has {claimed:x}, the log {sum:x?}")
                })),
                Err(error) => found.push(format!("positions: {place}: {error}")),
            }
        }
    }
    found
}

fn claims(tables: &Tables<'_>, processor: Processor, partition: u32) -> Vec<Claim> {
    let [processor_at, partition_at] = columns(TableId::Batches, ["processor", "partition"]);
    let claim = columns(TableId::Batches, ["from_offset", "to_offset", "position_checksum"]);
    let rows = tables[&TableId::Batches].rows.values();
    let of_it = rows.filter(|row| {
        row[processor_at].text() == processor.as_str() && row[partition_at].number() == i64::from(partition)
    });
    of_it.map(|row| claim.map(|column| row[column].number().cast_unsigned()).into()).collect()
}

/// Claims that the log does not bear out, with what it has.
fn differing(recount: Recount<'_>, claims: Vec<Claim>) -> Result<Vec<(Claim, Option<Sum>)>, RecountError> {
    let began = recount.began().0;
    let sums = recount.sums(&claims.iter().flat_map(|(from, to, _)| [*from, *to]).collect())?;
    let known = claims.into_iter().filter(|(from, ..)| *from >= began);
    let judged = known.map(|claim| {
        let sum = sums.get(&claim.1).zip(sums.get(&claim.0)).map(|(to, from)| to.since(*from));
        (claim, sum)
    });
    Ok(judged.filter(|((.., claimed), sum)| sum.is_none_or(|sum| sum.checksum != *claimed)).collect())
}
