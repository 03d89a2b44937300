//! Intake's judge over sources: which source a record is of, and what to do with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use crumbtrail_enrich::Missing;
use crumbtrail_events::avro::{Plan, Target};
use crumbtrail_events::clock::Times;
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::{EventTime, Outcome, Reason, Reject};
use crumbtrail_intake::dead_letter::DeadLetter;
use crumbtrail_intake::decoder::NoRegistry;
use crumbtrail_intake::{
    Decided, Decoder, Hold, Input, Intake, KeepText, Plugin, Schemas, Settings, SourceShape, WithoutConsent,
};
use crumbtrail_log::{OriginId, SourceRecord};
use crumbtrail_registry::{Registry, RegistryError, Settings as RegistrySettings};
use crumbtrail_runtime::import::Scout;
use crumbtrail_runtime::intake::{Judge, Judgement};
use crumbtrail_sentiment::Scorer;
use crumbtrail_telemetry::{Metrics, catalogue};

use crate::config::WithoutConsent as WithoutConsentConfig;
use crate::config::{Config, KeepText as KeepTextConfig, SourceFormat, SourceKind, hasher, keyring};

use super::Deployment;
use super::enrichment::{self, Watched};
use super::plugin::Asked;

/// How the records of one source are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What they are.
    pub shape: SourceShape,
    /// Site of records that name none.
    pub site: String,
    /// Content hash of a file; empty for topics.
    pub file: String,
}

/// The shape of a configured source.
#[must_use]
pub fn shape(kind: SourceKind, format: SourceFormat) -> SourceShape {
    match (format, kind) {
        (SourceFormat::Native, SourceKind::Click) => SourceShape::ClickJson,
        (SourceFormat::Native, SourceKind::Support) => SourceShape::SupportJson,
        (SourceFormat::Avro, SourceKind::Click) => SourceShape::ClickAvro,
        (SourceFormat::Avro, SourceKind::Support) => SourceShape::SupportAvro,
        (SourceFormat::Segment, _) => SourceShape::Segment,
        (SourceFormat::Combined, _) => SourceShape::Combined,
    }
}

/// How intake judges under a configuration.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    Settings {
        drop_bots: config.enrich.drop_bots,
        must_consent: config.privacy.consent_required,
        without_consent: match config.privacy.without_consent {
            WithoutConsentConfig::Nothing => WithoutConsent::Stub,
            WithoutConsentConfig::Counts => WithoutConsent::Counts,
        },
        keep_text: match config.privacy.keep_text {
            KeepTextConfig::Redacted => KeepText::Redacted,
            KeepTextConfig::None => KeepText::None,
        },
        never_link: config.identity.never_link.clone(),
    }
}

/// Judges records of topics (by name) and of files (by origin).
pub struct SourceJudge {
    intake: Intake,
    topics: HashMap<String, Reading>,
    files: HashMap<OriginId, Reading>,
    /// Every origin met so far, and its place: a source hands over many records of one origin in a row.
    origins: Vec<Origin>,
    places: HashMap<OriginId, usize>,
    current: usize,
    file_plans: FilePlans,
    watched: Watched,
    metrics: Metrics,
    /// What enrichment had missed when it was last counted.
    missed: Missing,
}

/// An origin as the judge knows it.
struct Origin {
    id: OriginId,
    reading: Reading,
    /// Its last event time: what a dead record is filed under when nothing else is known.
    last: EventTime,
}

impl SourceJudge {
    /// A judge under the deployment's configuration, which counts in `metrics`.
    ///
    /// # Errors
    /// A file of enrichment or a plugged-in model cannot be loaded.
    pub fn new(deployment: &Deployment, metrics: &Metrics) -> Result<SourceJudge> {
        let config = &deployment.config;
        let key = deployment.privacy_key()?;
        let file_plans = FilePlans::default();
        let topics_schemas: Box<dyn Schemas> = if config.registry.url.is_empty() {
            Box::new(NoRegistry)
        } else {
            Box::new(RegistrySchemas(registry(config)))
        };
        let schemas = Box::new(FileSchemas { plans: file_plans.clone(), topics: topics_schemas });
        let mut visitor_key = [0u8; 16];
        for (to, from) in visitor_key.iter_mut().zip(key.iter().cycle()) {
            *to = *from;
        }
        let decoder = Decoder::new(schemas, visitor_key).map_err(|e| anyhow::anyhow!("built-in schemas: {e}"))?;
        let contacts = keyring(&config.privacy, &key).map_err(anyhow::Error::msg)?;
        let (enricher, watched) = enrichment::enricher(config, Some(contacts))?;
        let scorer = Arc::new(Scorer::when_needed());
        let topics = config
            .sources
            .iter()
            .map(|source| {
                let reading = Reading {
                    shape: shape(source.kind, source.format),
                    site: source.site.clone(),
                    file: String::new(),
                };
                (source.topic.clone(), reading)
            })
            .collect();
        let mut intake = Intake::new(decoder, enricher, scorer, settings(config));
        if let Some(hasher) = hasher(&config.privacy, &key).map_err(anyhow::Error::msg)? {
            intake = intake.with_hasher(hasher);
        }
        if let Some(plugged) = deployment.plugged()? {
            intake = intake.with_plugin(Box::new(Asked::new(plugged, metrics.clone())));
        }
        Ok(SourceJudge {
            intake,
            topics,
            files: HashMap::new(),
            origins: Vec::new(),
            places: HashMap::new(),
            current: 0,
            file_plans,
            watched,
            metrics: metrics.clone(),
            missed: Missing::default(),
        })
    }

    /// Makes the records of `origin` read as `reading` says from here on.
    pub fn add_file(&mut self, origin: OriginId, reading: Reading) {
        if let Some(&place) = self.places.get(&origin) {
            self.origins[place].reading = reading.clone();
        }
        self.files.insert(origin, reading);
    }

    /// Makes known the schema of an Avro file: gives the id under which its records are framed, and what reads them.
    ///
    /// # Errors
    /// It cannot be read as clicks or support entries.
    pub fn add_schema(&mut self, schema: &str, shape: SourceShape) -> Result<(u32, Arc<Plan>)> {
        let target = if shape == SourceShape::SupportAvro { Target::Support } else { Target::Click };
        let plan = Plan::compile(schema, target)
            .map_err(|reject| anyhow::anyhow!("its schema does not fit: {}", reject.detail))?;
        let id = FILE_SCHEMA | xxhash_rust::xxh3::xxh3_64(schema.as_bytes()) as u32;
        let plan = Arc::new(plan);
        self.file_plans.lock().unwrap_or_else(PoisonError::into_inner).insert((id, target), plan.clone());
        Ok((id, plan))
    }

    /// Makes a record's origin the current one, which it mostly is.
    #[inline]
    fn find(&mut self, record: &SourceRecord<'_>) -> Result<(), String> {
        if self.origins.get(self.current).is_none_or(|origin| origin.id != record.origin) {
            self.current = match self.places.get(&record.origin) {
                Some(place) => *place,
                None => self.meet(record)?,
            };
        }
        Ok(())
    }

    #[cold]
    fn meet(&mut self, record: &SourceRecord<'_>) -> Result<usize, String> {
        let reading = self
            .files
            .get(&record.origin)
            .or_else(|| self.topics.get(record.topic))
            .ok_or_else(|| format!("topic {} is not among the configured sources", record.topic))?;
        let place = self.origins.len();
        self.origins.push(Origin { id: record.origin, reading: reading.clone(), last: EventTime::default() });
        self.places.insert(record.origin, place);
        Ok(place)
    }
}

fn input<'a>(record: &SourceRecord<'a>, reading: &'a Reading, filed_at: i64) -> Input<'a> {
    Input {
        shape: reading.shape,
        site: &reading.site,
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        origin: record.origin.0,
        file: if reading.file.is_empty() { record.topic } else { &reading.file },
        payload: record.payload,
        arrived_at: record.timestamp_ms,
        filed_at: if record.timestamp_ms != 0 { record.timestamp_ms } else { filed_at },
    }
}

fn dead_letter<'a>(record: &SourceRecord<'a>, reason: &'a str, detail: &'a str) -> DeadLetter<'a> {
    DeadLetter {
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        reason,
        detail,
        payload: record.payload.unwrap_or_default(),
    }
}

impl Judge for SourceJudge {
    fn judge(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
        letter: &mut Vec<u8>,
    ) -> Result<Judgement, String> {
        self.find(record)?;
        let SourceJudge { intake, origins, current, .. } = self;
        let Origin { reading, last, .. } = &mut origins[*current];
        let decided =
            intake.judge(&input(record, reading, last.0), touchpoint, asides).map_err(|hold| hold.to_string())?;
        if let Some(time) = decided.occurred_at {
            *last = time;
        }
        let mut reason = None;
        if decided.outcome == Outcome::Dead
            && let Some((why, detail)) = intake.rejection()
        {
            reason = Some(why.as_str());
            dead_letter(record, why.as_str(), detail).encode(letter);
        }
        Ok(Judgement { outcome: decided.outcome, key: decided.key, occurred_at: decided.occurred_at, reason })
    }

    fn letter(&mut self, record: &SourceRecord<'_>, reason: &'static str, detail: &str, letter: &mut Vec<u8>) {
        dead_letter(record, reason, detail).encode(letter);
    }

    fn judge_first(
        &mut self,
        record: &SourceRecord<'_>,
        touchpoint: &mut Vec<u8>,
        asides: &mut Asides,
    ) -> Result<Option<(Judgement, usize)>, String> {
        self.find(record)?;
        let SourceJudge { intake, origins, current, .. } = self;
        let Origin { reading, last, .. } = &mut origins[*current];
        let first =
            intake.judge_first(&input(record, reading, last.0), touchpoint, asides).map_err(|hold| hold.to_string())?;
        let Some((decided, length)) = first else { return Ok(None) };
        if let Some(time) = decided.occurred_at {
            *last = time;
        }
        let Decided { outcome, key, occurred_at } = decided;
        Ok(Some((Judgement { outcome, key, occurred_at, reason: None }, length)))
    }

    fn looks_ahead(&mut self) -> bool {
        self.intake.plugin().map(Plugin::forget).is_some()
    }

    fn ahead(&mut self, record: &SourceRecord<'_>) {
        if self.find(record).is_ok() {
            let Origin { reading, last, .. } = &self.origins[self.current];
            self.intake.ahead(&input(record, reading, last.0));
        }
    }

    fn judged(&mut self) {
        let missed = self.intake.enricher().missing();
        for ((what, before), (_, now)) in self.missed.counts().into_iter().zip(missed.counts()) {
            if now > before {
                self.metrics.add(&catalogue::ENRICHMENT_MISSING, &[what], now - before);
            }
        }
        self.missed = missed;
    }

    fn refresh(&mut self) {
        self.watched.refresh(self.intake.enricher());
    }
}

/// Tells event times ahead of an import, with no more decoding than they need.
pub struct FileScout<'a> {
    /// The judge whose decoder is used.
    pub judge: &'a mut SourceJudge,
    /// How the file is read.
    pub reading: Reading,
}

impl Scout for FileScout<'_> {
    fn event_time(&mut self, record: &SourceRecord<'_>) -> Result<Option<EventTime>, String> {
        self.judge.intake.event_time(&input(record, &self.reading, 0)).map_err(|hold| hold.to_string())
    }

    fn judge(&self, times: Times) -> Option<EventTime> {
        // A file does not say when its records arrived.
        crumbtrail_intake::event_time(times, 0)
    }
}

/// Schema ids of files have the top bit, which no registry gives.
const FILE_SCHEMA: u32 = 1 << 31;

/// Plans of the schemas of Avro files. Asked only when the schema changes from one record to the next.
type FilePlans = Arc<Mutex<HashMap<(u32, Target), Arc<Plan>>>>;

/// Schemas of files, and of topics.
struct FileSchemas {
    plans: FilePlans,
    topics: Box<dyn Schemas>,
}

impl Schemas for FileSchemas {
    fn plan(&mut self, id: u32, target: Target) -> Result<Result<Arc<Plan>, Reject>, Hold> {
        if id & FILE_SCHEMA == 0 {
            return self.topics.plan(id, target);
        }
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plans.get(&(id, target)).cloned();
        Ok(plan.ok_or_else(|| Reject::new(Reason::UnknownSchema, format!("schema {id}: no registry has such an id"))))
    }
}

/// The registry as the decoder asks it.
struct RegistrySchemas(Registry);

impl Schemas for RegistrySchemas {
    fn plan(&mut self, id: u32, target: Target) -> Result<Result<Arc<Plan>, Reject>, Hold> {
        match self.0.plan(id, target) {
            Ok(plan) => Ok(Ok(plan)),
            Err(RegistryError::Reject(reject)) => Ok(Err(reject)),
            Err(away) => Err(Hold::Registry(away.to_string())),
        }
    }
}

/// A client of the configured registry.
#[must_use]
pub fn registry(config: &Config) -> Registry {
    let registry = &config.registry;
    Registry::new(&RegistrySettings {
        url: registry.url.clone(),
        user: registry.user.clone(),
        password: registry.password.clone(),
        ..RegistrySettings::default()
    })
}
