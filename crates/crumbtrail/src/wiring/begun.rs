//! What an epoch was begun under, kept where its log is.
//!
//! Everybody reads the notes beside the snapshots. Were they alone, an operator who loses that store, or names another one, would have the log
//! replayed by the rules of whoever starts next. So a copy of them goes with the log: a file in its folder, or the last record of a topic of
//! its own, which forgets nothing.
//!
//! ```text
//! start   notes are there          as every day; what changed of them is copied
//!         gone, the copy is there  put back from it
//!         gone, and the log empty  a new epoch: noted as configured, and copied
//!         gone, and so is a copy   refused, until `crumbtrail rules assume`
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow};
use crumbtrail_log::kafka::{KafkaLog, admin};
use crumbtrail_log::{Log as _, Offset, PartitionId};
use crumbtrail_runtime::notes::Notes;
use serde_json::Value;
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use super::deployment::Deployment;
use super::{computing, formats, judging, routing};
use crate::config::LogHome;

/// The name of the topic or file, without its epoch.
pub const NAME: &str = "notes";
/// What is copied.
const COPIED: [&str; 4] = [computing::NOTE, routing::NOTE, judging::NOTE, formats::NOTE];
/// The note of what the copy holds: nothing is asked of the broker where nothing changed.
const COPY: &str = "copied";
/// How long the broker may take to have a copy.
const DEADLINE: Duration = Duration::from_secs(30);

/// Notes by name.
type Copied = BTreeMap<String, Value>;

impl Deployment {
    /// The notes of an epoch, for a command that only looks: those beside its snapshots, or the copy of them.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn noted(&self, epoch: u8) -> Result<Notes> {
        let notes = self.epoch_notes(epoch)?;
        if notes.get(computing::NOTE)?.is_some() {
            return Ok(notes);
        }
        let Some(copied) = self.copied(epoch)? else { return Ok(notes) };
        let own = Notes::in_memory(self.runtime.handle().clone());
        put(&own, &copied)?;
        Ok(own)
    }

    /// Puts the notes of the configured epoch back where they are gone and a copy is there; whether there are any then.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub(super) fn put_notes_back(&self, notes: &Notes) -> Result<bool> {
        let epoch = self.config.epoch.0;
        if notes.get(computing::NOTE)?.is_some() {
            return Ok(true);
        }
        let Some(copied) = self.copied(epoch)? else { return Ok(false) };
        tracing::warn!(
            epoch,
            "the notes beside the snapshots are gone (another `snapshots.url`, or its store lost?): put back from the copy with the log"
        );
        put(notes, &copied)?;
        Ok(true)
    }

    /// Copies the notes of the configured epoch, if they changed.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub fn copy_notes(&self) -> Result<()> {
        let notes = self.epoch_notes(self.config.epoch.0)?;
        let mut copied = Copied::new();
        for name in COPIED {
            if let Some(note) = notes.get(name)? {
                copied.insert(name.to_owned(), serde_json::from_slice(&note)?);
            }
        }
        let bytes = serde_json::to_vec(&copied)?;
        let hash = format!("{:016x}", xxh3_64(&bytes)).into_bytes();
        if notes.get(COPY)?.as_ref() == Some(&hash) {
            return Ok(());
        }
        match self.config.log.home {
            LogHome::Local => self.write_copy(&bytes)?,
            LogHome::Kafka => {
                let (settings, topic) = (self.kafka_settings(), self.topic(NAME, self.config.epoch.0));
                admin::ensure_topic(&settings, &topic, 1, self.config.log.replication_factor, None)?;
                let log = KafkaLog::open(settings, &topic, 1)?;
                log.append(PartitionId(0), bytes)?;
                log.flush(DEADLINE)?;
            }
        }
        Ok(notes.put(COPY, hash)?)
    }

    /// Whole or as before, whatever is killed.
    fn write_copy(&self, bytes: &[u8]) -> Result<()> {
        let (path, folder) = (self.copy_file(self.config.epoch.0), self.log_folder());
        let cannot = || format!("cannot write {}", path.display());
        let mut file = NamedTempFile::new_in(&folder).with_context(cannot)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
        file.persist(&path).map_err(|failed| failed.error).with_context(cannot)?;
        File::open(&folder).and_then(|folder| folder.sync_all()).with_context(cannot)
    }

    /// Where the copy lies beside a local log.
    pub(super) fn copy_file(&self, epoch: u8) -> PathBuf {
        self.log_folder().join(format!("{NAME}-e{epoch}.json"))
    }

    fn copied(&self, epoch: u8) -> Result<Option<Copied>> {
        let (place, bytes) = match self.config.log.home {
            LogHome::Local => {
                let path = self.copy_file(epoch);
                let place = path.display().to_string();
                match std::fs::read(path) {
                    Ok(bytes) => (place, Some(bytes)),
                    Err(error) if error.kind() == ErrorKind::NotFound => (place, None),
                    Err(error) => return Err(error).with_context(|| format!("cannot read {place}")),
                }
            }
            LogHome::Kafka => {
                let topic = self.topic(NAME, epoch);
                let bytes = self.last_record(&topic)?;
                (topic, bytes)
            }
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        read.with_context(|| format!("the copy of the notes in {place} cannot be read: did a newer version write it?"))
    }

    fn last_record(&self, topic: &str) -> Result<Option<Vec<u8>>> {
        let settings = self.kafka_settings();
        if admin::describe(&settings, topic)?.is_none() {
            return Ok(None);
        }
        let log = KafkaLog::open_first(settings, topic, 1)?;
        let (mut next, end) = log.bounds(PartitionId(0))?;
        let mut last = None;
        while next < end {
            for (offset, bytes) in log.read(PartitionId(0), next, 1 << 20)? {
                (next, last) = (Offset(offset.0 + 1), Some(bytes.to_vec()));
            }
        }
        Ok(last)
    }
}

fn put(notes: &Notes, copied: &Copied) -> Result<()> {
    // The rules last: where they are noted, so is all the rest.
    for name in COPIED.iter().rev() {
        if let Some(note) = copied.get(*name) {
            notes.put(name, serde_json::to_vec(note)?)?;
        }
    }
    Ok(())
}

/// Why nobody goes on from a log with records of which nothing tells what it was begun under.
pub fn is_unknown(epoch: u8) -> Error {
    anyhow!(
        "what epoch {epoch} was begun under is noted nowhere, though its log has records: the notes beside the snapshots are gone (another \
         `snapshots.url`, or its store lost?), and so is the copy of them with the log. Put the store back; or, under the very \
         configuration it was begun with, `crumbtrail rules assume`; or compute the history anew: `crumbtrail rebuild`"
    )
}
