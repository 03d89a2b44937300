//! The endpoint file: how a running engine is found, `<data>/engine/endpoint.json`, readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::engine::engine_folder;
use crate::start_id::START_ID_SQL;

const FILE: &str = "endpoint.json";
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach a running engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Such as `http://127.0.0.1:8123`.
    pub url: String,
    /// The user that may write.
    pub user: String,
    /// Its password, new at every start.
    pub password: String,
    /// The serving process.
    pub pid: u32,
    /// When it started, UTC milliseconds since 1970.
    pub started_at: u64,
    /// ClickHouse's version.
    pub engine_version: String,
    /// What [`START_ID_SQL`] answers while this process lives.
    pub server_start_id: String,
}

impl Endpoint {
    /// The file's place below a data folder.
    pub fn path(data: &Path) -> PathBuf {
        engine_folder(data).join(FILE)
    }

    /// Reads the file; `None` when there is none or it cannot be understood (a running engine's can).
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(data)).ok()?).ok()
    }

    /// Writes the file at once and whole, mode 0600.
    ///
    /// # Errors
    /// The file system's.
    pub fn publish(&self, data: &Path) -> io::Result<()> {
        let path = Self::path(data);
        let draft = path.with_extension("json.new");
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        file.write_all(b"\n")?;
        fs::rename(&draft, &path)
    }

    /// Whether the process that wrote this answers, and is that process and not another one on its port.
    pub fn answers(&self) -> bool {
        self.ask(START_ID_SQL).is_ok_and(|answer| answer.trim_end() == self.server_start_id)
    }

    /// Asks one small reading question as the owner; the answer is in the statement's format or `TSVRaw`.
    ///
    /// # Errors
    /// Nobody listens, or the answer is not status 200 (its body is then the error's text).
    pub fn ask(&self, sql: &str) -> io::Result<String> {
        let authority = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let address: SocketAddr =
            authority.parse().map_err(|_| io::Error::other("the endpoint's url has no address in it"))?;
        let mut stream = TcpStream::connect_timeout(&address, PING_TIMEOUT)?;
        stream.set_read_timeout(Some(PING_TIMEOUT))?;
        stream.set_write_timeout(Some(PING_TIMEOUT))?;
        let query: String = url::form_urlencoded::byte_serialize(sql.as_bytes()).collect();
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user, self.password));
        // Without HTTP/1.1 features there is no chunking to undo.
        let request = format!(
            "GET /?default_format=TSVRaw&wait_end_of_query=1&query={query} HTTP/1.0\r\nHost: {authority}\r\nAuthorization: Basic {credentials}\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("not an HTTP answer"))?;
        if head.split(' ').nth(1) == Some("200") {
            Ok(body.to_owned())
        } else {
            Err(io::Error::other(body.trim_end().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_file_comes_back_and_is_private() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(engine_folder(data.path())).unwrap();
        let endpoint = Endpoint {
            url: "http://127.0.0.1:1".into(),
            user: "crumbtrail".into(),
            password: "x".into(),
            pid: 7,
            started_at: 1,
            engine_version: "26.7.2.1".into(),
            server_start_id: "a".into(),
        };
        assert_eq!(Endpoint::read(data.path()), None);
        endpoint.publish(data.path()).unwrap();
        endpoint.publish(data.path()).unwrap();
        assert_eq!(Endpoint::read(data.path()), Some(endpoint.clone()));
        let mode = fs::metadata(Endpoint::path(data.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!endpoint.answers(), "nobody listens on port 1");
    }
}
