//! A serving process for tests, and HTTP by hand so that every byte sent is in sight.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crumbtrail_embedded::{EngineHandle, StartOptions, connect_or_start, locate_engine};

/// Whether the engine is here; if not, says so, and fails where `CI` is set.
pub fn engine_is_here(test: &str) -> bool {
    match locate_engine(None) {
        Ok(_) => true,
        Err(error) => not_run(test, &error.to_string()),
    }
}

/// Says that a test did not run; always false.
pub fn not_run(test: &str, why: &str) -> bool {
    eprintln!("not run: {test}: {why}");
    assert!(std::env::var_os("CI").is_none(), "{test} must run where CI is set: {why}");
    false
}

/// The example `serve`, which cargo builds with the tests.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/serve");
    assert!(program.is_file(), "{} is missing: cargo build -p crumbtrail-embedded --example serve", program.display());
    program
}

/// Options with a free port.
pub fn options() -> StartOptions {
    StartOptions { listen: Some("127.0.0.1:0".to_owned()), ..StartOptions::default() }
}

/// A serving process on a folder.
pub fn start(data: &Path) -> EngineHandle {
    connect_or_start(data, &program(), &options()).unwrap()
}

/// One serving process for all tests of a file; it ends with the test process.
pub fn shared() -> &'static EngineHandle {
    static SERVER: OnceLock<EngineHandle> = OnceLock::new();
    SERVER.get_or_init(|| {
        // A folder of its own for every test program, emptied by the next run: statics are never dropped.
        let program = std::env::current_exe().unwrap();
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program.file_stem().unwrap());
        let _ = std::fs::remove_dir_all(&data);
        start(&data)
    })
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// The body came to its proper end.
    pub whole: bool,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Percent-encodes a URL parameter.
pub fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub fn connect(server: &EngineHandle) -> TcpStream {
    let stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends a request and reads its answer.
pub fn send(server: &EngineHandle, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_send(server, method, target, headers, body).unwrap()
}

/// The same where the server may be killed meanwhile.
pub fn try_send(
    server: &EngineHandle,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap())?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    receive(stream)
}

/// Reads an answer to its end, proper or not.
pub fn receive(mut stream: TcpStream) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let (body, whole) = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(&bytes[end..])
    } else {
        (bytes[end..].to_vec(), true)
    };
    Ok(Answer { status, head, body, whole })
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return (body, true);
        }
        let have = size.min(rest.len());
        body.extend_from_slice(&rest[..have]);
        if rest.len() < size + 2 {
            return (body, false);
        }
        rest = &rest[size + 2..];
    }
}

/// A statement as the owner, in a POST; panics on an error.
pub fn owner(server: &EngineHandle, sql: &str) -> String {
    let answer = owner_bytes(server, "/", sql.as_bytes());
    assert_eq!(answer.status, 200, "{sql}: {}", answer.text());
    answer.text()
}

/// A POST as the owner.
pub fn owner_bytes(server: &EngineHandle, target: &str, body: &[u8]) -> Answer {
    send(server, "POST", target, &[("X-ClickHouse-User", server.user()), ("X-ClickHouse-Key", server.password())], body)
}

/// A POST as the reader.
pub fn reader(server: &EngineHandle, target: &str, body: &str) -> Answer {
    send(server, "POST", target, &[], body.as_bytes())
}

/// Waits until a condition holds.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a process is alive (not even a zombie).
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

pub fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}
