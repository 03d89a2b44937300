//! A door before ClickHouse that does to requests what networks, balancers and servers do to them.
//!
//! A thread per connection, a new connection to the server for every request. Only inserts, and the loader's question for
//! the server's start, are struck; everything else passes, unless the door is shut, or holds what says a certain word.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset, the request never arrives.
    ResetBefore,
    /// Half of the request arrives.
    HalfRequest,
    /// It is applied, and the connection is closed without an answer.
    AppliedThenClosed,
    /// A balancer says 500, in HTML; the request never arrives.
    Says500,
    /// It is applied, and a balancer says 504, in HTML.
    AppliedThen504,
    /// It is applied, and half of the answer comes.
    HalfAnswer,
    /// It is applied twice.
    AppliedTwice,
    /// The connection is closed, and the request arrives two seconds later, after its repetition.
    ArrivesLate,
    /// It is applied, and no answer comes while the client waits.
    Hangs,
}

impl Fault {
    /// All that are over within seconds.
    pub const QUICK: [Fault; 8] = [
        Fault::ResetBefore,
        Fault::HalfRequest,
        Fault::AppliedThenClosed,
        Fault::Says500,
        Fault::AppliedThen504,
        Fault::HalfAnswer,
        Fault::AppliedTwice,
        Fault::ArrivesLate,
    ];
}

/// How late a late request arrives.
const LATE: Duration = Duration::from_secs(2);
/// How long a hanging answer is held: longer than the client waits.
const HELD: Duration = Duration::from_secs(40);
/// A server that is silent for so long is broken itself.
const SILENCE: Duration = Duration::from_secs(120);

/// A running door; shut for good when dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    server: SocketAddr,
    plan: Mutex<Plan>,
    /// Requests that could have been struck since the plan was made.
    seen: AtomicU64,
    struck: AtomicU64,
    is_shut: AtomicBool,
    is_over: AtomicBool,
    hold: Mutex<Option<Hold>>,
    holds: AtomicBool,
}

/// A request that is never answered.
#[derive(Clone)]
struct Hold {
    word: String,
    is_applied: bool,
}

/// Which requests are struck.
#[derive(Default)]
struct Plan {
    faults: Vec<Fault>,
    every: u64,
    at_most: u64,
}

impl Proxy {
    /// Opens a door to the server at `url`.
    #[must_use]
    pub fn start(url: &str) -> Proxy {
        let server = url.trim_start_matches("http://").parse().expect("the server's address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            server,
            plan: Mutex::default(),
            seen: AtomicU64::new(0),
            struck: AtomicU64::new(0),
            is_shut: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            hold: Mutex::default(),
            holds: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&accepting, listener, address));
        Proxy { shared, address }
    }

    /// Its address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every `every`-th request is struck, `at_most` of them, by each of the faults in turn.
    pub fn strike(&self, faults: &[Fault], every: u64, at_most: u64) {
        let mut plan = self.shared.plan.lock().unwrap_or_else(PoisonError::into_inner);
        *plan = Plan { faults: faults.to_vec(), every, at_most };
        self.shared.seen.store(0, Ordering::Relaxed);
        self.shared.struck.store(0, Ordering::Relaxed);
    }

    /// Requests struck since [`Proxy::strike`].
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.shared.struck.load(Ordering::Relaxed)
    }

    /// Requests that could have been struck since [`Proxy::strike`].
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.shared.seen.load(Ordering::Relaxed)
    }

    /// The next request that says `word` is never answered, and reaches the server only if it is to be applied.
    pub fn hold(&self, word: &str, is_applied: bool) {
        let hold = Hold { word: word.to_owned(), is_applied };
        *self.shared.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        self.shared.holds.store(false, Ordering::Relaxed);
    }

    /// Whether a request is held, and applied if it was to be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.shared.holds.load(Ordering::Relaxed)
    }

    /// Shuts the door: connections are refused, those under way break off. Or opens it again.
    pub fn shut(&self, is_shut: bool) {
        self.shared.is_shut.store(is_shut, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

/// Takes connections; while the door is shut nobody listens.
fn accept(shared: &Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut open = Some(listener);
    while !shared.is_over.load(Ordering::Relaxed) {
        if shared.is_shut.load(Ordering::Relaxed) {
            open = None;
        } else if open.is_none() {
            open = TcpListener::bind(address).ok();
        }
        let caller = open.as_ref().and_then(|listener| {
            listener.set_nonblocking(true).ok()?;
            listener.accept().ok()
        });
        match caller {
            Some((caller, _)) => {
                let shared = Arc::clone(shared);
                std::thread::spawn(move || {
                    // A connection that breaks off is what this is for.
                    let _ = converse(&shared, caller);
                });
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Requests of one connection, one after the other.
fn converse(shared: &Arc<Shared>, caller: TcpStream) -> io::Result<()> {
    caller.set_nonblocking(false)?;
    caller.set_nodelay(true)?;
    let mut to_caller = caller.try_clone()?;
    let mut from_caller = BufReader::new(caller);
    while let Some(head) = read_head(&mut from_caller)? {
        let fault = shared.fault(&head);
        if fault == Some(Fault::ResetBefore) {
            return Ok(()); // What was not read makes it a reset.
        }
        let mut request = head.clone();
        read_body(&mut from_caller, &head, &mut request)?;
        if shared.is_shut.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Some(hold) = shared.held(&request) {
            if hold.is_applied {
                shared.ask(&request)?;
            }
            shared.holds.store(true, Ordering::Relaxed);
            // Until whoever asked has gone.
            let _ = from_caller.fill_buf();
            return Ok(());
        }
        let answer = match fault {
            None => shared.ask(&request)?,
            Some(Fault::ResetBefore) => return Ok(()),
            Some(Fault::HalfRequest) => {
                let half = head.len() + (request.len() - head.len()) / 2;
                TcpStream::connect(shared.server)?.write_all(&request[..half])?;
                return Ok(());
            }
            Some(Fault::AppliedThenClosed) => {
                shared.ask(&request)?;
                return Ok(());
            }
            Some(Fault::Says500) => page("500 Internal Server Error"),
            Some(Fault::AppliedThen504) => {
                shared.ask(&request)?;
                page("504 Gateway Time-out")
            }
            Some(Fault::HalfAnswer) => {
                shared.ask(&request)?;
                to_caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\nhalf")?;
                return Ok(());
            }
            Some(Fault::AppliedTwice) => {
                shared.ask(&request)?;
                shared.ask(&request)?
            }
            Some(Fault::ArrivesLate) => {
                drop((to_caller, from_caller));
                std::thread::sleep(LATE);
                shared.ask(&request)?;
                return Ok(());
            }
            Some(Fault::Hangs) => {
                shared.ask(&request)?;
                std::thread::sleep(HELD);
                return Ok(());
            }
        };
        to_caller.write_all(&answer)?;
    }
    Ok(())
}

impl Shared {
    /// What happens to the request with this head.
    fn fault(&self, head: &[u8]) -> Option<Fault> {
        let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default());
        if !line.contains("INSERT") && !line.contains("serverUUID") {
            return None;
        }
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let struck = self.struck.load(Ordering::Relaxed);
        if plan.faults.is_empty() || struck >= plan.at_most || number % plan.every != plan.every - 1 {
            return None;
        }
        self.struck.store(struck + 1, Ordering::Relaxed);
        plan.faults.get(struck as usize % plan.faults.len()).copied()
    }

    /// Whether this request is the one to be held.
    fn held(&self, request: &[u8]) -> Option<Hold> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let word = hold.as_ref()?.word.as_bytes();
        if !request.windows(word.len()).any(|window| window == word) {
            return None;
        }
        hold.take()
    }

    /// The server's answer, whole.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.server)?;
        server.set_read_timeout(Some(SILENCE))?;
        server.write_all(request)?;
        let mut from_server = BufReader::new(server);
        let Some(head) = read_head(&mut from_server)? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let mut answer = head.clone();
        read_body(&mut from_server, &head, &mut answer)?;
        Ok(answer)
    }
}

/// An answer as balancers give it.
fn page(status: &str) -> Vec<u8> {
    let body =
        format!("<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>\r\n");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// The head of a message with its empty line; `None` at the end of the connection.
fn read_head(from: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        if from.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        if head.len() - before <= 2 {
            return Ok(Some(head));
        }
    }
}

/// Appends the body that the head announces, chunks as they are framed.
fn read_body(from: &mut BufReader<TcpStream>, head: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let begin = into.len();
            from.read_until(b'\n', into)?;
            let size = String::from_utf8_lossy(&into[begin..]);
            let size = size.trim().split(';').next().and_then(|size| u64::from_str_radix(size, 16).ok());
            let size = size.ok_or(io::ErrorKind::InvalidData)?;
            take(from, size + 2, into)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
    take(from, field("content-length").and_then(|value| value.parse().ok()).unwrap_or(0), into)
}

fn take(from: &mut BufReader<TcpStream>, size: u64, into: &mut Vec<u8>) -> io::Result<()> {
    if from.by_ref().take(size).read_to_end(into)? as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
