//! Where generated records go.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use crumbtrail_events::avro::{CLICK_SCHEMA, SUPPORT_SCHEMA, confluent, single_object};
use crumbtrail_events::{ClickEvent, SupportEntry, encode};
use crumbtrail_log::kafka::{KafkaSettings, PlainProducer, admin};
use crumbtrail_registry::{Registry, Settings};
use crumbtrail_world::Malformed;
use crumbtrail_world::container::ContainerWriter;
use xxhash_rust::xxh3::xxh3_64;

use super::{GenerateArgs, OutFormat};

/// Where generated records go.
pub(super) trait Sink {
    fn click(&mut self, click: &ClickEvent<'_>) -> Result<()>;
    fn support(&mut self, entry: &SupportEntry<'_>) -> Result<()>;
    fn malformed(&mut self, record: &Malformed) -> Result<()>;
    /// Whether broken records can be written at all.
    fn carries_malformed(&self) -> bool;
    /// Writes out what waits.
    fn finish(&mut self) -> Result<()>;
}

/// One file of records.
enum Out {
    Lines(BufWriter<File>),
    /// `None` once it is finished.
    Container(Option<ContainerWriter<BufWriter<File>>>),
}

struct RecordFile {
    path: PathBuf,
    out: Out,
    line: Vec<u8>,
}

impl RecordFile {
    fn create(path: PathBuf, schema: Option<&str>) -> Result<RecordFile> {
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let out = match schema {
            None => Out::Lines(file),
            Some(schema) => Out::Container(Some(
                ContainerWriter::new(file, schema).with_context(|| format!("cannot write {}", path.display()))?,
            )),
        };
        Ok(RecordFile { path, out, line: Vec::with_capacity(2_048) })
    }

    /// Appends a record: as a line, or as an Avro body.
    fn append(&mut self, as_line: impl FnOnce(&mut Vec<u8>), as_avro: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let written = match &mut self.out {
            Out::Lines(file) => {
                self.line.clear();
                as_line(&mut self.line);
                self.line.push(b'\n');
                file.write_all(&self.line)
            }
            Out::Container(container) => container.as_mut().map_or(Ok(()), |container| container.append(as_avro)),
        };
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn finish(&mut self) -> Result<()> {
        let written = match &mut self.out {
            Out::Lines(file) => file.flush(),
            Out::Container(container) => container.take().map_or(Ok(()), |container| container.finish().map(drop)),
        };
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Files in a folder: `clicks.*`, and `support.*` for a world.
pub(super) struct FileSink {
    format: OutFormat,
    clicks: RecordFile,
    support: Option<RecordFile>,
}

/// Names of the files of a format.
pub(super) const fn file_names(format: OutFormat) -> [&'static str; 2] {
    match format {
        OutFormat::Native | OutFormat::Segment => ["clicks.jsonl", "support.jsonl"],
        OutFormat::Combined => ["access.log", "support.jsonl"],
        OutFormat::Avro => ["clicks.avro", "support.avro"],
    }
}

/// A click as text.
fn as_text(format: OutFormat, click: &ClickEvent<'_>, out: &mut Vec<u8>) {
    match format {
        OutFormat::Segment => encode::segment::click(click, out),
        OutFormat::Combined => encode::combined::click(click, out),
        OutFormat::Native | OutFormat::Avro => encode::json::click(click, out),
    }
}

impl FileSink {
    pub(super) fn create(folder: &Path, format: OutFormat, with_support: bool) -> Result<FileSink> {
        let is_avro = format == OutFormat::Avro;
        let [clicks, support] = file_names(format).map(|name| folder.join(name));
        Ok(FileSink {
            format,
            clicks: RecordFile::create(clicks, is_avro.then_some(CLICK_SCHEMA))?,
            support: if with_support {
                Some(RecordFile::create(support, is_avro.then_some(SUPPORT_SCHEMA))?)
            } else {
                None
            },
        })
    }
}

impl Sink for FileSink {
    fn click(&mut self, click: &ClickEvent<'_>) -> Result<()> {
        let format = self.format;
        self.clicks.append(|out| as_text(format, click, out), |out| encode::avro::click(click, out))
    }

    fn support(&mut self, entry: &SupportEntry<'_>) -> Result<()> {
        let Some(file) = &mut self.support else { return Ok(()) };
        file.append(|out| encode::json::support(entry, out), |out| encode::avro::support(entry, out))
    }

    fn malformed(&mut self, record: &Malformed) -> Result<()> {
        if !self.carries_malformed() {
            return Ok(());
        }
        let file = if record.is_support { self.support.as_mut() } else { Some(&mut self.clicks) };
        let as_it_is = |out: &mut Vec<u8>| out.extend_from_slice(&record.bytes);
        file.map_or(Ok(()), |file| file.append(as_it_is, as_it_is))
    }

    fn carries_malformed(&self) -> bool {
        self.format != OutFormat::Avro
    }

    fn finish(&mut self) -> Result<()> {
        self.clicks.finish()?;
        self.support.as_mut().map_or(Ok(()), RecordFile::finish)
    }
}

/// How Avro bodies are framed.
#[derive(Clone, Copy)]
enum Frame {
    Confluent(u32),
    SingleObject(u64),
}

impl Frame {
    fn put(self, out: &mut Vec<u8>) {
        match self {
            Frame::Confluent(id) => confluent::put_frame(out, id),
            Frame::SingleObject(fingerprint) => single_object::put_frame(out, fingerprint),
        }
    }
}

struct Topic {
    name: String,
    partitions: u32,
    frame: Option<Frame>,
}

/// Two topics: clicks keyed by visitor, support entries by conversation or whom they name.
pub(super) struct KafkaSink {
    producer: PlainProducer,
    format: OutFormat,
    clicks: Topic,
    support: Topic,
    body: Vec<u8>,
}

impl KafkaSink {
    pub(super) fn open(args: &GenerateArgs) -> Result<KafkaSink> {
        let brokers = args.kafka.as_deref().unwrap_or_default();
        let settings = KafkaSettings::new(brokers);
        let registry =
            args.registry.as_ref().map(|url| Registry::new(&Settings { url: url.clone(), ..Settings::default() }));
        let topic = |name: &str, schema: &str| -> Result<Topic> {
            admin::ensure_topic(&settings, name, args.partitions, args.replication, None)
                .with_context(|| format!("topic {name}: is the broker at {brokers} up?"))?;
            let frame = match (args.format, &registry) {
                (OutFormat::Avro, Some(registry)) => {
                    Some(Frame::Confluent(registry.register(&format!("{name}-value"), schema)?))
                }
                (OutFormat::Avro, None) => Some(Frame::SingleObject(single_object::fingerprint(schema)?)),
                _ => None,
            };
            Ok(Topic { name: name.to_owned(), partitions: args.partitions, frame })
        };
        Ok(KafkaSink {
            clicks: topic(&args.clicks_topic, CLICK_SCHEMA)?,
            support: topic(&args.support_topic, SUPPORT_SCHEMA)?,
            producer: PlainProducer::new(&settings)?,
            format: args.format,
            body: Vec::with_capacity(2_048),
        })
    }
}

/// Sends a record to the partition of its key.
fn send(producer: &PlainProducer, topic: &Topic, key: &str, body: &[u8]) -> Result<()> {
    let partition = (xxh3_64(key.as_bytes()) % u64::from(topic.partitions)) as u32;
    Ok(producer.send(&topic.name, partition, key.as_bytes(), Some(body))?)
}

impl Sink for KafkaSink {
    fn click(&mut self, click: &ClickEvent<'_>) -> Result<()> {
        self.body.clear();
        match self.clicks.frame {
            Some(frame) => {
                frame.put(&mut self.body);
                encode::avro::click(click, &mut self.body);
            }
            None => as_text(self.format, click, &mut self.body),
        }
        send(&self.producer, &self.clicks, click.visitor, &self.body)
    }

    fn support(&mut self, entry: &SupportEntry<'_>) -> Result<()> {
        self.body.clear();
        match self.support.frame {
            Some(frame) => {
                frame.put(&mut self.body);
                encode::avro::support(entry, &mut self.body);
            }
            None => encode::json::support(entry, &mut self.body),
        }
        let keys = [entry.conversation, entry.customer, entry.visitor, entry.contact];
        let key = keys.into_iter().find(|key| !key.is_empty()).unwrap_or_default();
        send(&self.producer, &self.support, key, &self.body)
    }

    fn malformed(&mut self, record: &Malformed) -> Result<()> {
        let topic = if record.is_support { &self.support } else { &self.clicks };
        send(&self.producer, topic, "", &record.bytes)
    }

    fn carries_malformed(&self) -> bool {
        true
    }

    fn finish(&mut self) -> Result<()> {
        Ok(self.producer.flush(Duration::from_secs(120))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_world::{Load, LoadShape};

    #[test]
    fn a_load_becomes_lines_that_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = FileSink::create(folder.path(), OutFormat::Native, false).unwrap();
        let load = Load::new(1, LoadShape { events: 50, visitors: 5, sessions: 9, days: 1 });
        load.visit(|click| sink.click(&click)).unwrap();
        sink.finish().unwrap();
        let text = std::fs::read_to_string(folder.path().join("clicks.jsonl")).unwrap();
        let mut scratch = crumbtrail_events::Scratch::new();
        assert!(text.lines().all(|line| crumbtrail_events::json::click(line.as_bytes(), &mut scratch).is_ok()));
        assert_eq!(text.lines().count(), 50);
        assert!(!folder.path().join("support.jsonl").exists());
    }

    #[test]
    fn a_load_becomes_an_access_log_of_as_many_visitors_and_sessions() {
        use std::collections::BTreeMap;
        let load = Load::new(1, LoadShape { events: 4_000, visitors: 500, sessions: 700, days: 2 });
        let folder = tempfile::tempdir().unwrap();
        let mut sink = FileSink::create(folder.path(), OutFormat::Combined, false).unwrap();
        let mut visitors = std::collections::BTreeSet::new();
        load.visit(|click| {
            visitors.insert(click.visitor.to_owned());
            sink.click(&click)
        })
        .unwrap();
        sink.finish().unwrap();
        let text = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
        let source = crumbtrail_events::combined::Source { file_id: "f", host: "", visitor_key: &[1; 16] };
        let mut scratch = crumbtrail_events::Scratch::new();
        let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (n, line) in text.lines().enumerate() {
            let click = crumbtrail_events::combined::click(line.as_bytes(), n as u64, &source, &mut scratch).unwrap();
            times.entry(click.visitor.to_owned()).or_default().push(click.occurred_at);
        }
        assert_eq!((text.lines().count(), times.len()), (4_000, visitors.len()));
        times.values_mut().for_each(|times| times.sort_unstable());
        let sessions: usize = times.values().map(|times| times.chunk_by(|a, b| b - a <= 1_800_000).count()).sum();
        assert_eq!(sessions as u64, load.truths().sessions);
    }

    #[test]
    fn containers_take_no_broken_records() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileSink::create(folder.path(), OutFormat::Avro, true).unwrap();
        assert!(!sink.carries_malformed());
        assert!(folder.path().join("support.avro").exists());
    }
}
