//! Requests to the registry: one agent, bounded in time and size.

use base64::Engine as _;
use serde_json::Value;
use ureq::Agent;

use crate::Settings;

/// The largest answer read, bytes.
const MAX_ANSWER: u64 = 8 << 20;
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

pub(crate) struct Http {
    agent: Agent,
    url: String,
    authorization: Option<String>,
}

/// Status and JSON body (null when it is none).
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The registry's own words about an error.
    pub(crate) fn message(&self) -> String {
        match self.body.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => format!("status {}", self.status),
        }
    }

    /// Itself, if it says something about a schema. A page that a proxy puts in the registry's place, or what answers under another
    /// path, says nothing about any: taken for an answer it would make dead letters of good records.
    pub(crate) fn of_schema(self) -> Result<Answer, String> {
        let code = self.body.get("error_code").and_then(Value::as_u64).unwrap_or_default();
        match self.status {
            200 if self.body.get("schema").is_none_or(|schema| !schema.is_string()) => {
                Err("the answer has no schema: is this a schema registry?".to_owned())
            }
            // 40401 to 40403: it knows no such subject, version or schema.
            404 if code / 100 != 404 => Err(
                "the answer has status 404, and is none about a schema: is this a schema registry, and its path right?"
                    .to_owned(),
            ),
            _ => Ok(self),
        }
    }
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Http {
        let config = Agent::config_builder()
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_global(Some(settings.request_timeout))
            .http_status_as_error(false)
            .build();
        let authorization = (!settings.user.is_empty()).then(|| {
            let pair = format!("{}:{}", settings.user, settings.password);
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        Http { agent: config.into(), url: settings.url.trim_end_matches('/').to_owned(), authorization }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, String> {
        let mut request = self.agent.get(format!("{}{path}", self.url)).header("Accept", CONTENT_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        read(request.call())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Result<Answer, String> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Accept", CONTENT_TYPE)
            .header("Content-Type", CONTENT_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        read(request.send(body))
    }
}

fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut response = response.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let text = response
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_string()
        .map_err(|error| format!("the answer breaks off: {error}"))?;
    match serde_json::from_str(&text) {
        Ok(body) => Ok(Answer { status, body }),
        // A proxy's error page is an error of that status; a success that is not JSON is no registry's.
        Err(_) if status != 200 => Ok(Answer { status, body: Value::Null }),
        Err(_) => Err("the answer is not JSON: is this a schema registry?".to_owned()),
    }
}

/// A subject as a path segment.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_become_one_segment() {
        assert_eq!(percent_encoded("clicks-value"), "clicks-value");
        assert_eq!(percent_encoded("a/b ü"), "a%2Fb%20%C3%BC");
    }
}
