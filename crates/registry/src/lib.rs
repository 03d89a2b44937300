//! A client of Confluent-compatible schema registries: from a schema id to a compiled [`Plan`], once.
//!
//! What an id means never changes, so answers are kept for good; that an id is unknown is kept for a short while (a
//! replica may lag). A registry that is down is [`RegistryError::Unavailable`]: intake pauses and asks again, and no
//! record becomes a dead letter for it (`tests/client.rs::an_outage_pauses_and_changes_no_outcome`).
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod backoff;
#[cfg(feature = "double")]
pub mod double;
mod http;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crumbtrail_events::avro::{Plan, Target};
use crumbtrail_events::{Reason, Reject};
use parking_lot::{Mutex, RwLock};
use serde_json::Value;

use backoff::Backoff;
use http::{Answer, Http};

/// Where the registry is and how patiently it is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base URL, such as `https://registry.example.com`.
    pub url: String,
    /// User of basic authentication; empty for none.
    pub user: String,
    /// Password of basic authentication.
    pub password: String,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time for a whole request.
    pub request_timeout: Duration,
    /// Pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// Longest pause between attempts.
    pub longest_pause: Duration,
    /// How long an unknown id stays unknown without asking again.
    pub unknown_for: Duration,
    /// Seed of the jitter that keeps many instances from asking at once.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            url: "http://127.0.0.1:8081".to_owned(),
            user: String::new(),
            password: String::new(),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
            unknown_for: Duration::from_secs(10),
            seed: 0,
        }
    }
}

/// Why a schema could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry does not answer, answers with an error of its own, or refuses our credentials: wait and ask again.
    #[error("schema registry is unavailable: {detail}; next attempt in {} ms", retry_in.as_millis())]
    Unavailable {
        /// What happened.
        detail: String,
        /// When asking again makes sense.
        retry_in: Duration,
    },
    /// The registry answered, and the record cannot be read: `unknown_schema` or `incompatible_schema`.
    #[error("{0}")]
    Reject(Reject),
    /// The registry refused to register a schema.
    #[error("schema registry refuses the schema of {subject}: {detail}")]
    Refused {
        /// The subject.
        subject: String,
        /// The registry's words.
        detail: String,
    },
}

/// What is there instead of a registry that answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRegistry {
    /// It refuses our credentials, or that there are none.
    #[error("{url} refuses the credentials")]
    Denied {
        /// URL asked.
        url: String,
    },
    /// Something that is no registry, or one under another path.
    #[error("{url} answers with status {status}, and not as a schema registry does")]
    Other {
        /// URL asked.
        url: String,
        /// Of the answer.
        status: u16,
    },
    /// Nothing, or one that cannot answer now.
    #[error("{url}: {detail}")]
    Away {
        /// URL asked.
        url: String,
        /// The network's words, or the registry's.
        detail: String,
    },
}

impl RegistryError {
    /// A stable label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            RegistryError::Unavailable { .. } => "registry_unavailable",
            RegistryError::Reject(_) => "registry_reject",
            RegistryError::Refused { .. } => "registry_refused",
        }
    }
}

enum Known {
    Plan(Result<Arc<Plan>, Reject>),
    UnknownUntil(Instant),
}

/// A registry and what it has said so far. Shared between threads; one of them asks at a time.
pub struct Registry {
    http: Http,
    unknown_for: Duration,
    known: RwLock<HashMap<(u32, Target), Known>>,
    backoff: Mutex<Backoff>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("url", &self.http.url()).finish_non_exhaustive()
    }
}

impl Registry {
    /// A client; nothing is asked yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Registry {
        Registry {
            http: Http::new(settings),
            unknown_for: settings.unknown_for,
            known: RwLock::new(HashMap::new()),
            backoff: Mutex::new(Backoff::new(settings.first_pause, settings.longest_pause, settings.seed)),
        }
    }

    /// The plan of the schema with this id. Callers keep the plan of the last id at hand: this takes a lock.
    ///
    /// # Errors
    /// [`RegistryError::Reject`] when the answer is known and no; [`RegistryError::Unavailable`] when there is none yet.
    pub fn plan(&self, id: u32, target: Target) -> Result<Arc<Plan>, RegistryError> {
        if let Some(answer) = self.kept(id, target) {
            return answer;
        }
        let mut backoff = self.backoff.lock();
        // Another thread may have asked while this one waited.
        if let Some(answer) = self.kept(id, target) {
            return answer;
        }
        let answer =
            self.ask(&mut backoff, |http| http.get(&format!("/schemas/ids/{id}")).and_then(Answer::of_schema))?;
        let known = match answer {
            Answer { status: 200, body } => Known::Plan(compile(id, &body, target)),
            _ => Known::UnknownUntil(Instant::now() + self.unknown_for),
        };
        self.known.write().insert((id, target), known);
        self.kept(id, target).unwrap_or_else(|| Err(RegistryError::Reject(unknown(id))))
    }

    /// Registers a schema under a subject and gives its id.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] when it is not compatible with the subject's versions or not a schema.
    pub fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{}/versions", http::percent_encoded(subject));
        let request = serde_json::json!({ "schema": schema }).to_string();
        let answer = self.ask(&mut self.backoff.lock(), |http| http.post(&path, &request))?;
        let id = answer.body.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        match (answer.status, id) {
            (200, Some(id)) => Ok(id),
            _ => Err(RegistryError::Refused { subject: subject.to_owned(), detail: answer.message() }),
        }
    }

    /// Whether a registry answers, and takes our credentials: for checks at start.
    ///
    /// # Errors
    /// Which of it is not so.
    pub fn ping(&self) -> Result<(), NoRegistry> {
        let url = self.http.url();
        match self.http.get("/subjects") {
            Ok(answer) if answer.status == 200 && answer.body.is_array() => Ok(()),
            Ok(Answer { status: 401 | 403, .. }) => Err(NoRegistry::Denied { url: url.to_owned() }),
            Ok(answer) if answer.status < 500 => Err(NoRegistry::Other { url: url.to_owned(), status: answer.status }),
            Ok(answer) => Err(NoRegistry::Away { url: url.to_owned(), detail: answer.message() }),
            Err(detail) => Err(NoRegistry::Away { url: url.to_owned(), detail }),
        }
    }

    fn kept(&self, id: u32, target: Target) -> Option<Result<Arc<Plan>, RegistryError>> {
        match self.known.read().get(&(id, target))? {
            Known::Plan(plan) => Some(plan.clone().map_err(RegistryError::Reject)),
            Known::UnknownUntil(until) if Instant::now() < *until => Some(Err(RegistryError::Reject(unknown(id)))),
            Known::UnknownUntil(_) => None,
        }
    }

    /// Asks unless a pause lasts. Any answer that is about the request (200, 404, 409, 422) ends the pauses.
    fn ask(
        &self,
        backoff: &mut Backoff,
        request: impl FnOnce(&Http) -> Result<Answer, String>,
    ) -> Result<Answer, RegistryError> {
        if let Some((retry_in, detail)) = backoff.pausing(Instant::now()) {
            return Err(RegistryError::Unavailable { detail, retry_in });
        }
        let failed = match request(&self.http) {
            Ok(answer) if matches!(answer.status, 200 | 404 | 409 | 422) => {
                backoff.succeeded();
                return Ok(answer);
            }
            Ok(answer) if matches!(answer.status, 401 | 403) => {
                format!("{} refuses the credentials (status {})", self.http.url(), answer.status)
            }
            Ok(answer) => format!("{} answers with status {}: {}", self.http.url(), answer.status, answer.message()),
            Err(detail) => format!("{}: {detail}", self.http.url()),
        };
        let retry_in = backoff.failed(Instant::now(), &failed);
        tracing::warn!(detail = failed, retry_ms = retry_in.as_millis() as u64, "schema registry is unavailable");
        Err(RegistryError::Unavailable { detail: failed, retry_in })
    }
}

fn unknown(id: u32) -> Reject {
    Reject::new(Reason::UnknownSchema, format!("the registry knows no schema with id {id}"))
}

fn compile(id: u32, body: &Value, target: Target) -> Result<Arc<Plan>, Reject> {
    let refuse = |detail: &str| Err(Reject::new(Reason::IncompatibleSchema, format!("schema {id}: {detail}")));
    if body.get("schemaType").and_then(Value::as_str).is_some_and(|kind| kind != "AVRO") {
        return refuse("it is not an Avro schema");
    }
    if body.get("references").and_then(Value::as_array).is_some_and(|references| !references.is_empty()) {
        return refuse("references to other schemas are not supported");
    }
    let Some(schema) = body.get("schema").and_then(Value::as_str) else {
        return refuse("the registry's answer has no schema");
    };
    match Plan::compile(schema, target) {
        Ok(plan) => Ok(Arc::new(plan)),
        Err(reject) => refuse(&reject.detail),
    }
}
