#![expect(clippy::disallowed_methods, reason = "a store that is damaged on purpose")]

use super::*;
use object_store::memory::InMemory;

fn store(runtime: &tokio::runtime::Runtime) -> (Arc<InMemory>, SnapshotStore) {
    let memory = Arc::new(InMemory::new());
    (memory.clone(), SnapshotStore::new(memory, "e1", runtime.handle().clone(), 3))
}

fn publish(store: &SnapshotStore, offset: u64, state: &[u8], limit: u64) -> u64 {
    let (sender, receiver) = std::sync::mpsc::channel();
    store.publish("sessionize", 2, Offset(offset), state.to_vec(), Offset(limit), move |result| {
        sender.send(result.map_err(|e| e.to_string())).unwrap();
    });
    receiver.recv().unwrap().unwrap().oldest.0
}

#[test]
fn what_a_restart_would_go_on_from_is_kept_however_old() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_, store) = store(&runtime);
    // ClickHouse is away after 20: nothing newer may be used.
    for offset in [10, 20, 30, 40, 50, 60, 70] {
        publish(&store, offset, b"", 25);
    }
    let newest = |limit| store.newest("sessionize", 2, Some(Offset(limit))).unwrap().map(|s| s.offset.0);
    assert_eq!((newest(25), newest(19), newest(45), newest(50)), (Some(20), None, Some(20), Some(50)));
    assert_eq!(publish(&store, 80, b"", 65), 60, "the oldest kept is said");
    assert_eq!(newest(59), None, "and with the tables it moves on");
}

#[test]
fn one_that_comes_late_prunes_too_but_not_after_another_process() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (memory, store) = store(&runtime);
    for (offset, limit, oldest) in [(10, 5, 10), (20, 15, 10), (50, 45, 10), (30, 25, 20), (40, 35, 30)] {
        assert_eq!(publish(&store, offset, b"", limit), oldest, "{offset}");
    }
    let other = SnapshotStore::new(memory, "e1", runtime.handle().clone(), 3);
    assert_eq!(publish(&other, 60, b"", 60), 40);
    assert_eq!(publish(&store, 55, b"", 45), 40, "nothing is removed");
    assert_eq!(publish(&other, 70, b"", 70), 55);
}

#[test]
fn one_a_day_is_kept_as_far_as_it_is_to_reach_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_, store) = store(&runtime);
    let store = store.reaching_back(Duration::from_secs(3 * DAY_S as u64));
    let half_days = (0..12).map(|n| Listed {
        offset: Offset(n),
        first_block: None,
        path: Path::default(),
        written_s: n as i64 * DAY_S / 2,
    });
    let kept = |listed: &[Listed]| -> Vec<u64> {
        let needed = store.needed(listed, Offset(11));
        listed.iter().zip(needed).filter(|(_, needed)| *needed).map(|(snapshot, _)| snapshot.offset.0).collect()
    };
    assert_eq!(kept(&half_days.collect::<Vec<_>>()), [6, 8, 9, 10, 11]);
    assert!(kept(&[]).is_empty());
}

#[test]
fn the_newest_valid_one_within_the_limit_is_taken_and_old_ones_are_pruned() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (memory, store) = store(&runtime);
    assert_eq!(store.newest("sessionize", 2, None).unwrap(), None);
    for offset in [10, 20, 30, 40] {
        publish(&store, offset, format!("state {offset}").as_bytes(), 40);
    }
    let state = |limit: Option<u64>| {
        store.newest("sessionize", 2, limit.map(Offset)).unwrap().map(|s| (s.offset.0, s.state.bytes))
    };
    assert_eq!(state(None), Some((40, b"state 40".to_vec())));
    assert_eq!(state(Some(39)), Some((30, b"state 30".to_vec())));
    assert_eq!(state(Some(19)), None, "10 was pruned");
    let name = Path::from("e1/sessionize/00002/00000000000000000040.snap");
    runtime.block_on(async {
        let mut bytes = memory.get(&name).await.unwrap().bytes().await.unwrap().to_vec();
        bytes[20] ^= 1;
        memory.put(&name, bytes.into()).await.unwrap();
    });
    assert_eq!(state(None), Some((30, b"state 30".to_vec())), "the damaged one is passed over");
}

#[test]
fn blocks_are_sent_once_shared_and_gone_with_the_last_snapshot_that_names_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (memory, store) = store(&runtime);
    let scratch = tempfile::tempdir().unwrap();
    let store = store.with_scratch(scratch.path().to_owned());
    let block = |n: u64| Block::new(vec![n as u8; 1000 + n as usize]);
    let publish = |offset: u64, numbers: std::ops::Range<u64>| {
        let state = State { bytes: offset.to_string().into_bytes(), blocks: numbers.map(|n| (n, block(n))).collect() };
        let (sender, receiver) = std::sync::mpsc::channel();
        store.publish("sessionize", 2, Offset(offset), state, Offset(offset), move |result| {
            sender.send(result.is_ok()).unwrap();
        });
        assert!(receiver.recv().unwrap());
    };
    let kept = || -> Vec<u64> {
        let folder = Path::from("e1/sessionize/00002/blocks");
        let listed = runtime.block_on(memory.list_with_delimiter(Some(&folder))).unwrap().objects;
        listed.iter().map(|object| object.location.filename().unwrap()[..20].parse().unwrap()).collect()
    };
    let found = |limit: u64| {
        let found = store.newest("sessionize", 2, Some(Offset(limit))).unwrap()?;
        assert_eq!(found.state.bytes, found.offset.0.to_string().into_bytes());
        assert!(found.state.blocks.iter().all(|(n, found)| *found == block(*n) && found.resident_bytes() == 0));
        Some((found.offset.0, found.state.blocks.iter().map(|(n, _)| *n).collect::<Vec<_>>()))
    };
    publish(10, 0..0);
    publish(20, 3..5);
    publish(30, 3..6);
    assert_eq!(kept(), [3, 4, 5]);
    assert_eq!(
        (found(30), found(29), found(19)),
        (Some((30, vec![3, 4, 5])), Some((20, vec![3, 4])), Some((10, vec![])))
    );
    publish(40, 5..8);
    publish(50, 6..8);
    assert_eq!(kept(), [3, 4, 5, 6, 7], "the third newest still names them");
    publish(60, 6..9);
    assert_eq!(kept(), [5, 6, 7, 8]);
    // One without its blocks is as good as a damaged one.
    let path = Path::from(format!("e1/sessionize/00002/blocks/{:020}-{:032x}", 8, block(8).hash()));
    runtime.block_on(memory.put(&path, b"other bytes".to_vec().into())).unwrap();
    assert_eq!(found(60), Some((50, vec![6, 7])));
    runtime.block_on(memory.delete(&path)).unwrap();
    assert_eq!(found(60), Some((50, vec![6, 7])));
}

#[test]
fn without_scratch_space_blocks_are_restored_to_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_, store) = store(&runtime);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let store = store.with_scratch(folder.path().join("file"));
    let state = State {
        bytes: b"state".to_vec(),
        blocks: vec![(0, Block::new(&b"a block"[..])), (1, Block::new(&b"another"[..]))],
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    store.publish("sessionize", 2, Offset(10), state.clone(), Offset(10), move |result| {
        sender.send(result.is_ok()).unwrap();
    });
    assert!(receiver.recv().unwrap());
    assert_eq!(store.newest("sessionize", 2, None).unwrap(), Some(Snapshot { offset: Offset(10), state }));
}

/// A store in which another member is faster: what is asked for first is gone, and a newer one there.
#[derive(Debug)]
struct Pruned {
    memory: Arc<InMemory>,
    after: std::sync::Mutex<Vec<(Path, Vec<u8>)>>,
}

impl std::fmt::Display for Pruned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pruned")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Pruned {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: object_store::PutOptions,
    ) -> object_store::Result<object_store::PutResult> {
        self.memory.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: object_store::PutMultipartOptions,
    ) -> object_store::Result<Box<dyn object_store::MultipartUpload>> {
        self.memory.put_multipart_opts(at, options).await
    }

    async fn get_opts(
        &self,
        at: &Path,
        options: object_store::GetOptions,
    ) -> object_store::Result<object_store::GetResult> {
        let newer = self.after.lock().unwrap().pop();
        if let Some((path, bytes)) = newer {
            self.memory.put(&path, bytes.into()).await?;
            self.memory.delete(at).await?;
        }
        self.memory.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        paths: futures_util::stream::BoxStream<'static, object_store::Result<Path>>,
    ) -> futures_util::stream::BoxStream<'static, object_store::Result<Path>> {
        self.memory.delete_stream(paths)
    }

    fn list(
        &self,
        prefix: Option<&Path>,
    ) -> futures_util::stream::BoxStream<'static, object_store::Result<object_store::ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<object_store::ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: object_store::CopyOptions) -> object_store::Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

#[test]
fn one_that_another_member_removed_meanwhile_is_no_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (memory, first) = store(&runtime);
    publish(&first, 10, b"ten", 10);
    let path = |offset: u64| Path::from(format!("e1/sessionize/00002/{offset:020}.snap"));
    let newer = [20, 30]
        .map(|offset| (path(offset), seal("sessionize", 2, Offset(offset), &b"newer".to_vec().into())))
        .to_vec();
    let pruned = Arc::new(Pruned { memory, after: std::sync::Mutex::new(newer) });
    let store = SnapshotStore::new(pruned, "e1", runtime.handle().clone(), 3);
    let found = store.newest("sessionize", 2, None).unwrap().unwrap();
    assert_eq!((found.offset.0, found.state.bytes), (20, b"newer".to_vec()));
}

#[test]
fn a_newer_format_stops_the_start() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (memory, store) = store(&runtime);
    let mut bytes = seal("sessionize", 2, Offset(5), &b"x".to_vec().into());
    bytes.truncate(bytes.len() - 16);
    bytes[7] = 9;
    bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes());
    let name = Path::from("e1/sessionize/00002/00000000000000000005.snap");
    runtime.block_on(async { memory.put(&name, bytes.into()).await.unwrap() });
    let error = store.newest("sessionize", 2, None).unwrap_err();
    assert!(error.to_string().contains("version 9"), "{error}");
}
