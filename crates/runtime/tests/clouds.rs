//! Snapshots and notes in an object store, by its own protocol: a double of S3 on a local port that wants signed requests, lists by
//! pages, and fails now and then.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use crumbtrail_log::Offset;
use crumbtrail_runtime::SnapshotStore;
use crumbtrail_runtime::snapshot::{State, place};
use crumbtrail_scratch::Block;
use parking_lot::Mutex;
use url::Url;

/// Objects of a page of a list.
const PAGE: usize = 2;

/// A bucket.
#[derive(Default)]
struct Bucket {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    requests: AtomicU64,
}

impl Bucket {
    /// Serves it; gives the address.
    fn serve(self: &Arc<Bucket>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bucket = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let bucket = bucket.clone();
                std::thread::spawn(move || bucket.answer_all(&stream.unwrap()));
            }
        });
        format!("http://{address}")
    }

    fn answer_all(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap_or_default() == 0 {
                    return;
                }
            }
            let header = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
            reader.read_exact(&mut body).unwrap();
            let is_signed = header("authorization").is_some_and(|by| {
                by.starts_with("AWS4-HMAC-SHA256 Credential=a-key/") && by.contains("/eu-north-9/s3/")
            });
            let (method, target) = head.split_once(' ').unwrap();
            let target = target.split(' ').next().unwrap();
            let (status, answer) = if !is_signed {
                ("403 Forbidden", Vec::new())
            } else if self.requests.fetch_add(1, Ordering::Relaxed) % 4 == 1 {
                // A client has to try again.
                ("503 Slow Down", Vec::new())
            } else {
                self.answer(method, target, body)
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"x\"\r\nLast-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\n\r\n",
                answer.len()
            );
            stream.write_all(&[head.as_bytes(), &answer].concat()).unwrap();
        }
    }

    fn answer(&self, method: &str, target: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
        let url = Url::parse("http://localhost").unwrap().join(target).unwrap();
        let key = url.path().strip_prefix("/bucket").unwrap().trim_start_matches('/').to_owned();
        let mut objects = self.objects.lock();
        match method {
            "PUT" => {
                objects.insert(key, body);
                ("200 OK", Vec::new())
            }
            "GET" if key.is_empty() => ("200 OK", list(&objects, &url.query_pairs().into_owned().collect())),
            "GET" => match objects.get(&key) {
                Some(object) => ("200 OK", object.clone()),
                None => ("404 Not Found", Vec::new()),
            },
            "POST" if url.query() == Some("delete") => {
                let text = String::from_utf8(body).unwrap();
                let mut out = String::from("<DeleteResult>");
                for key in text.split("<Key>").skip(1).filter_map(|key| key.split('<').next()) {
                    objects.remove(key);
                    let _ = write!(out, "<Deleted><Key>{key}</Key></Deleted>");
                }
                ("200 OK", (out + "</DeleteResult>").into_bytes())
            }
            _ => ("501 Not Implemented", Vec::new()),
        }
    }
}

/// A page of what lies right below a prefix, behind where the last one ended.
fn list(objects: &BTreeMap<String, Vec<u8>>, query: &BTreeMap<String, String>) -> Vec<u8> {
    assert_eq!((query["list-type"].as_str(), query["delimiter"].as_str()), ("2", "/"));
    let (prefix, after) = (&query["prefix"], query.get("continuation-token"));
    let right_below = |key: &&String| key.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.contains('/'));
    let found: Vec<&String> =
        objects.keys().filter(right_below).filter(|key| after.is_none_or(|after| *key > after)).collect();
    let mut out = String::from("<ListBucketResult>");
    for key in found.iter().take(PAGE) {
        let (size, at) = (objects[*key].len(), "2026-11-27T12:00:00.000Z");
        let _ =
            write!(out, "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{at}</LastModified></Contents>");
    }
    if found.len() > PAGE {
        let _ = write!(out, "<NextContinuationToken>{}</NextContinuationToken>", found[PAGE - 1]);
    }
    (out + "</ListBucketResult>").into_bytes()
}

/// What the environment says, and something that is not meant for the store.
fn environment(endpoint: &str, key: &str) -> Vec<(String, String)> {
    let said = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-north-9"),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "a secret"),
        ("REGION", "another"),
    ];
    said.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn snapshots_and_notes_live_in_an_object_store() {
    let bucket = Arc::new(Bucket::default());
    let endpoint = bucket.serve();
    let url = Url::parse("s3://bucket/in/here").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = |key: &str| {
        let (store, folder) = place::open(&url, environment(&endpoint, key)).unwrap();
        SnapshotStore::new(store, &format!("{folder}/e1"), runtime.handle().clone(), 3)
    };
    let snapshots = store("a-key");
    let state = |n: u64| State {
        bytes: format!("state {n}").into_bytes(),
        blocks: vec![(1, Block::new(&b"shared"[..])), (2 + n, Block::new(&b"its own"[..]))],
    };
    for n in 0..6 {
        let (told, hears) = channel();
        snapshots
            .publish("sessionize", 7, Offset(100 * n), state(n), Offset(500), move |done| told.send(done).unwrap());
        hears.recv().unwrap().unwrap();
    }
    let names: Vec<String> = bucket.objects.lock().keys().cloned().collect();
    let kept = names.iter().filter(|name| name.starts_with("in/here/e1/sessionize/00007/") && name.ends_with(".snap"));
    assert_eq!(kept.count(), 3, "{names:?}");
    // Another process, and what it may use.
    let newest = store("a-key").newest("sessionize", 7, Some(Offset(499))).unwrap().unwrap();
    assert_eq!((newest.offset, newest.state), (Offset(400), state(4)));
    assert_eq!(store("a-key").newest("sessionize", 8, None).unwrap(), None);

    let notes = snapshots.notes("crashes");
    assert_eq!(notes.get("a").unwrap(), None);
    notes.put("a", b"said".to_vec()).unwrap();
    assert_eq!(notes.get("a").unwrap().unwrap(), b"said");
    notes.remove("a").unwrap();
    assert_eq!(notes.get("a").unwrap(), None);

    assert!(store("another").newest("sessionize", 7, None).is_err(), "refused, and not taken for none");
}

#[test]
fn the_other_stores_are_known_by_their_urls() {
    let azure = [("AZURE_STORAGE_ACCOUNT_NAME", "account"), ("AZURE_STORAGE_ACCOUNT_KEY", "c3RvcmFnZSBrZXk=")];
    for (url, said) in
        [("gs://bucket/in/here", &[("GOOGLE_SKIP_SIGNATURE", "true")][..]), ("az://container/in/here", &azure)]
    {
        let said = said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (_, folder) = place::open(&Url::parse(url).unwrap(), said).unwrap();
        assert_eq!(folder.as_ref(), "in/here", "{url}");
    }
}
