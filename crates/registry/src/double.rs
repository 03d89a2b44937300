//! A test double of the Confluent schema registry's REST API: in memory, on a local port, enough for the official
//! clients. It checks what the real one checks (Avro syntax, backward compatibility) and can be told to fail.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// The largest request body read, bytes.
const MAX_BODY: usize = 4 << 20;

/// A running double; it stops when dropped.
#[derive(Debug)]
pub struct Double {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    /// Status every request is answered with; 0 for the proper answer.
    failing: AtomicU16,
    requests: AtomicU64,
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    /// Schema texts; the id is the index + 1.
    schemas: Vec<Entry>,
    /// Subjects with the schema ids of their versions, the first being version 1.
    subjects: std::collections::BTreeMap<String, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Entry {
    schema: String,
    kind: String,
    references: Value,
}

impl Double {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// The port cannot be opened.
    pub fn start() -> std::io::Result<Double> {
        Double::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts at an address.
    ///
    /// # Errors
    /// The port cannot be opened.
    pub fn start_at(address: SocketAddr) -> std::io::Result<Double> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("registry-double".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if serving.stopping.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let serving = Arc::clone(&serving);
                // Clients keep connections open between requests: each has a thread, bounded by its read time-out.
                let spawned = std::thread::Builder::new().spawn(move || serve(&stream, &serving));
                if let Err(error) = spawned {
                    tracing::warn!(%error, "registry double cannot serve a connection");
                }
            }
        })?;
        Ok(Double { address, shared, thread: Some(thread) })
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on answers everything with `status`; `None` answers properly again.
    pub fn fail_with(&self, status: Option<u16>) {
        self.shared.failing.store(status.unwrap_or(0), Ordering::Release);
    }

    /// How many requests came.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Acquire)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the accept call.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers the requests of one connection until it is closed, silent for long, or makes no sense.
fn serve(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut reader = BufReader::new(stream);
    while let Some((method, path, body)) = request(&mut reader) {
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        shared.requests.fetch_add(1, Ordering::AcqRel);
        let (status, answer) = match shared.failing.load(Ordering::Acquire) {
            0 => shared.store.lock().answer(&method, &path, &body),
            status => (status, error(u64::from(status) * 100, "told to fail")),
        };
        let text = answer.to_string();
        let response = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{text}",
            if status == 200 { "OK" } else { "Error" },
            text.len(),
        );
        if (&mut &*stream).write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, String, Value)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok().filter(|length| *length <= MAX_BODY)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = target.split('?').next().unwrap_or_default().to_owned();
    Some((method, path, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn error(code: u64, message: &str) -> Value {
    json!({ "error_code": code, "message": message })
}

impl Store {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let segments: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (method, segments.as_slice()) {
            ("GET", []) => (200, json!({})),
            ("GET", ["subjects"]) => (200, self.subjects.keys().cloned().collect()),
            ("GET", ["schemas", "types"]) => (200, json!(["AVRO"])),
            ("GET", ["schemas", "ids", id]) => match self.by_id(id) {
                Some(entry) => (200, entry.as_json()),
                None => (404, error(40403, "Schema not found")),
            },
            ("GET", ["schemas", "ids", id, "versions"]) => (200, self.places(id)),
            ("GET", ["subjects", subject, "versions"]) => match self.subjects.get(*subject) {
                Some(versions) => (200, (1..=versions.len()).collect()),
                None => (404, error(40401, "Subject not found")),
            },
            ("GET", ["subjects", subject, "versions", version]) => self.version(subject, version),
            ("POST", ["subjects", subject, "versions"]) => self.register(subject, body),
            ("POST", ["subjects", subject]) => self.look_up(subject, body),
            ("POST", ["compatibility", "subjects", subject, "versions", version]) => {
                self.compatibility(subject, version, body)
            }
            ("GET", ["config", ..]) => (200, json!({ "compatibilityLevel": "BACKWARD" })),
            ("PUT", ["config", ..]) => (200, json!({ "compatibility": "BACKWARD" })),
            ("GET", ["mode", ..]) => (200, json!({ "mode": "READWRITE" })),
            _ => (404, error(404, "HTTP 404 Not Found")),
        }
    }

    fn by_id(&self, id: &str) -> Option<&Entry> {
        self.schemas.get(id.parse::<usize>().ok()?.checked_sub(1)?)
    }

    fn places(&self, id: &str) -> Value {
        let id: usize = id.parse().unwrap_or(0);
        self.subjects
            .iter()
            .flat_map(|(subject, versions)| versions.iter().enumerate().map(move |(at, of)| (subject, at + 1, *of)))
            .filter(|(_, _, of)| *of == id)
            .map(|(subject, version, _)| json!({ "subject": subject, "version": version }))
            .collect()
    }

    fn version(&self, subject: &str, version: &str) -> (u16, Value) {
        let Some(versions) = self.subjects.get(subject) else {
            return (404, error(40401, "Subject not found"));
        };
        let number = match version {
            "latest" | "-1" => versions.len(),
            number => number.parse().unwrap_or(0),
        };
        match number.checked_sub(1).and_then(|at| versions.get(at)) {
            Some(id) => (200, self.described(subject, number, *id)),
            None => (404, error(40402, "Version not found")),
        }
    }

    fn described(&self, subject: &str, version: usize, id: usize) -> Value {
        let mut value = self.schemas[id - 1].as_json();
        value["subject"] = subject.into();
        value["version"] = version.into();
        value["id"] = id.into();
        value
    }

    fn register(&mut self, subject: &str, body: &Value) -> (u16, Value) {
        let entry = match Entry::read(body) {
            Ok(entry) => entry,
            Err(refused) => return refused,
        };
        let id = self.schemas.iter().position(|known| known.same(&entry));
        if let Some(versions) = self.subjects.get(subject) {
            if let Some(at) = id.and_then(|id| versions.iter().position(|version| *version == id + 1)) {
                return (200, self.described(subject, at + 1, versions[at]));
            }
            let latest = versions.last().map(|id| &self.schemas[id - 1]);
            if let Some(reason) = latest.and_then(|latest| incompatible(latest, &entry)) {
                return (
                    409,
                    error(409, &format!("Schema being registered is incompatible with an earlier schema: {reason}")),
                );
            }
        }
        let id = id.unwrap_or_else(|| {
            self.schemas.push(entry);
            self.schemas.len() - 1
        }) + 1;
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        versions.push(id);
        let version = versions.len();
        (200, self.described(subject, version, id))
    }

    fn look_up(&self, subject: &str, body: &Value) -> (u16, Value) {
        let entry = match Entry::read(body) {
            Ok(entry) => entry,
            Err(refused) => return refused,
        };
        let Some(versions) = self.subjects.get(subject) else {
            return (404, error(40401, "Subject not found"));
        };
        match versions.iter().position(|id| self.schemas[id - 1].same(&entry)) {
            Some(at) => (200, self.described(subject, at + 1, versions[at])),
            None => (404, error(40403, "Schema not found")),
        }
    }

    fn compatibility(&self, subject: &str, version: &str, body: &Value) -> (u16, Value) {
        let entry = match Entry::read(body) {
            Ok(entry) => entry,
            Err(refused) => return refused,
        };
        let (status, other) = self.version(subject, version);
        if status != 200 {
            return (status, other);
        }
        let other = Entry { schema: other["schema"].as_str().unwrap_or_default().to_owned(), ..entry.clone() };
        (200, json!({ "is_compatible": incompatible(&other, &entry).is_none() }))
    }
}

impl Entry {
    fn read(body: &Value) -> Result<Entry, (u16, Value)> {
        let entry = Entry {
            schema: body["schema"].as_str().unwrap_or_default().to_owned(),
            kind: body["schemaType"].as_str().unwrap_or("AVRO").to_owned(),
            references: body.get("references").filter(|references| references.is_array()).cloned().unwrap_or(json!([])),
        };
        let referring = entry.references.as_array().is_some_and(|references| !references.is_empty());
        if entry.kind == "AVRO"
            && !referring
            && let Err(problem) = Schema::parse_str(&entry.schema)
        {
            return Err((422, error(42201, &format!("Input schema is an invalid Avro schema: {problem}"))));
        }
        Ok(entry)
    }

    /// Whether two texts are one schema: white space is nothing, as for the real registry.
    fn same(&self, other: &Entry) -> bool {
        let parsed = |entry: &Entry| serde_json::from_str::<Value>(&entry.schema).ok();
        self.kind == other.kind
            && self.references == other.references
            && (self.schema == other.schema || parsed(self).is_some_and(|schema| Some(schema) == parsed(other)))
    }

    fn as_json(&self) -> Value {
        let mut value = json!({ "schema": self.schema });
        if self.kind != "AVRO" {
            value["schemaType"] = self.kind.as_str().into();
        }
        if self.references.as_array().is_some_and(|references| !references.is_empty()) {
            value["references"] = self.references.clone();
        }
        value
    }
}

/// Why the new schema cannot read what the old one wrote.
fn incompatible(old: &Entry, new: &Entry) -> Option<String> {
    if old.kind != new.kind {
        return Some("another kind of schema".to_owned());
    }
    let (Ok(writer), Ok(reader)) = (Schema::parse_str(&old.schema), Schema::parse_str(&new.schema)) else {
        return None;
    };
    SchemaCompatibility::can_read(&writer, &reader).err().map(|problem| problem.to_string())
}

/// A path segment without its percent signs.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
