//! What an epoch is stored in: noted beside its snapshots, so that a build which reads other formats is told before it starts,
//! and never goes on from half of what is there.
//!
//! The numbers are taken from what this build writes, not written down a second time.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use crumbtrail_events::wire::Reader;
use crumbtrail_intake::dead_letter::DeadLetter;
use crumbtrail_journeys::JourneyRules;
use crumbtrail_log::control::{Control, GoBack};
use crumbtrail_log::tick::NO_WATERMARK;
use crumbtrail_log::{Epoch, Generation, Inbox, OriginId, Outbox, PartitionId, Position};
use crumbtrail_runtime::Step as _;
use crumbtrail_runtime::notes::Notes;
use crumbtrail_sessions::RuleBook;
use crumbtrail_steps::{Journey, Place, Ruling, Sessionize};
use crumbtrail_warehouse::Processor;

/// The name of the note.
pub(super) const NOTE: &str = "formats";

/// Formats by name: a version, or what else must stay the same.
type Formats = BTreeMap<String, String>;

/// Older versions that this build reads, and goes on from in its own.
const READ_TOO: [(&str, &[&str]); 1] = [("inbox", &["1"])];
/// What a rebuild reads of the epoch of before; the rest it makes anew.
const CARRIED: [&str; 3] = ["touchpoint", "frame", "dead letter"];

/// What this build writes.
fn ours() -> Formats {
    let first = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        bytes.first().map_or_else(String::new, u8::to_string)
    };
    let frame = |out: &mut Vec<u8>| {
        let mut outbox = Outbox::new(Epoch(1), Generation(1), 1);
        outbox.start(OriginId(1), "", Position::default());
        outbox.decided(OriginId(1), 0, NO_WATERMARK);
        outbox.tick(0, &[]);
        outbox.drain().for_each(|(_, bytes)| out.extend(bytes));
    };
    let letter = DeadLetter { topic: "", partition: 0, offset: 0, reason: "", detail: "", payload: &[] };
    let ask =
        GoBack { log: String::new(), partition: PartitionId(0), origin: OriginId(1), position: Position::default() };
    let place = Place { partition: 0, of: 1 };
    let sessionize =
        Sessionize::new(Ruling::fixed(RuleBook::default()), crumbtrail_identity::Rules::default(), false, place);
    let journey = Journey::new(Ruling::fixed(JourneyRules::default()));
    let tables = |processor: Processor| {
        let names: Vec<&str> = processor.tables().iter().map(|table| table.name()).collect();
        names.join(", ")
    };
    [
        ("touchpoint", crumbtrail_events::touchpoint::VERSION.to_string()),
        ("frame", first(&frame)),
        ("dead letter", first(&|out| letter.encode(out))),
        ("control", first(&|out| out.extend(Control::GoBack(ask.clone()).encode()))),
        ("inbox", first(&|out| Inbox::new().encode(out))),
        ("sessionize", sessionize_versions(&sessionize)),
        ("journeys", journey_versions(&journey)),
        ("ledger of sessionize", tables(Processor::Sessionize)),
        ("ledger of journey", tables(Processor::Journey)),
    ]
    .map(|(name, version)| (name.to_owned(), version))
    .into()
}

/// Sessionize's state has two in it with versions of their own.
fn sessionize_versions(step: &Sessionize) -> String {
    let mut state = Vec::new();
    step.save(&mut state);
    let mut reader = Reader::new(&state);
    let version = reader.u8().unwrap_or_default();
    let _ = reader.bytes();
    let identity = reader.bytes().ok().and_then(|bytes| bytes.first()).copied().unwrap_or_default();
    let sessions = reader.rest().first().copied().unwrap_or_default();
    format!("{version} (identity {identity}, sessions {sessions})")
}

/// The journey step's, too.
fn journey_versions(step: &Journey) -> String {
    let mut state = Vec::new();
    step.save(&mut state);
    let mut reader = Reader::new(&state);
    let version = reader.u8().unwrap_or_default();
    let _ = reader.bytes();
    let journeys = reader.rest().first().copied().unwrap_or_default();
    format!("{version} (journeys {journeys})")
}

/// What of an epoch's formats this build cannot go on from, in words.
fn foreign(begun: &Formats, ours: &Formats) -> Vec<String> {
    let reads = |name: &str, version: &str| {
        ours.get(name).is_some_and(|own| own == version)
            || READ_TOO.iter().any(|(format, versions)| *format == name && versions.contains(&version))
    };
    let told =
        begun.iter().filter(|(name, version)| !reads(name, version)).map(|(name, version)| match ours.get(name) {
            Some(own) => format!("{name} is {version} there, {own} here"),
            None => format!("{name} ({version}) is not known here"),
        });
    told.collect()
}

/// Holds this build against what the epoch is stored in, if it was begun.
///
/// # Errors
/// It stores differently; the notes cannot be read.
pub fn check(notes: &Notes, epoch: u8) -> Result<()> {
    let Some(begun) = read(notes)? else { return Ok(()) };
    let foreign = foreign(&begun, &ours());
    if foreign.is_empty() {
        return Ok(());
    }
    let way = if foreign_to_rebuild(&begun).is_empty() {
        ", or have this one make the next epoch: `crumbtrail rebuild`"
    } else {
        "; this one can only begin a next epoch empty, from the sources"
    };
    bail!(
        "epoch {epoch} is stored in other formats than those of this build: {}. Nothing was touched: go on with the build that wrote \
         it (of a roll-out that has begun: the newer one){way}",
        foreign.join("; ")
    )
}

/// Holds this build against what a rebuild reads of the epoch of before.
///
/// # Errors
/// It is stored differently; the notes cannot be read.
pub fn check_carried(notes: &Notes, epoch: u8) -> Result<()> {
    let Some(begun) = read(notes)? else { return Ok(()) };
    let foreign = foreign_to_rebuild(&begun);
    if foreign.is_empty() {
        return Ok(());
    }
    bail!(
        "the log of epoch {epoch} is stored in other formats than those this build reads: {}. Nothing was touched: rebuild with the \
         build that wrote it",
        foreign.join("; ")
    )
}

/// What of an epoch a rebuild could not read, in words.
fn foreign_to_rebuild(begun: &Formats) -> Vec<String> {
    let read = begun.iter().filter(|(name, _)| CARRIED.contains(&name.as_str()));
    foreign(&read.map(|(name, version)| (name.clone(), version.clone())).collect(), &ours())
}

/// Notes what the epoch is stored in from now on.
///
/// # Errors
/// The notes cannot be read or written.
pub fn note(notes: &Notes) -> Result<()> {
    let ours = ours();
    if read(notes)?.as_ref() != Some(&ours) {
        notes.put(NOTE, serde_json::to_vec(&ours)?).context("the formats cannot be noted")?;
    }
    Ok(())
}

fn read(notes: &Notes) -> Result<Option<Formats>> {
    let Some(bytes) = notes.get(NOTE).context("the formats cannot be read")? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).context("the formats cannot be read: did a newer version write them?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_version_and_our_own_are_read() {
        let ours = ours();
        assert!(ours.len() == 9 && ours.values().all(|version| !version.is_empty()), "{ours:?}");
        assert_eq!(foreign(&ours, &ours), [] as [&str; 0]);
    }

    #[test]
    fn another_format_is_told_whichever_is_newer() {
        let with = |name: &str, version: &str| {
            let mut formats = ours();
            formats.insert(name.to_owned(), version.to_owned());
            formats
        };
        assert_eq!(foreign(&with("inbox", "1"), &ours()), [] as [&str; 0], "an older one that is read");
        assert_eq!(foreign(&with("sessionize", "2"), &ours()).len(), 1);
        assert_eq!(foreign(&with("sessionize", "99"), &ours()).len(), 1);
        let of = |name: &str| foreign_to_rebuild(&with(name, "99")).len();
        assert_eq!((of("sessionize"), of("touchpoint"), of("dead letter")), (0, 1, 1), "a rebuild makes states anew");
        assert_eq!(foreign(&with("frames of tomorrow", "1"), &ours()), ["frames of tomorrow (1) is not known here"]);
        let told = foreign(&with("ledger of sessionize", "touchpoints, sessions"), &ours());
        assert!(told[0].starts_with("ledger of sessionize is touchpoints, sessions there, touchpoints, "), "{told:?}");
        let mut before = ours();
        before.remove("journeys");
        assert_eq!(foreign(&before, &ours()), [] as [&str; 0], "a format that came later");
    }
}
