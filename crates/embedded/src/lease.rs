//! Who uses a data folder's engine: one process serves it, any number use it. Both are locks that the kernel drops when
//! a process dies, however it dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::engine_folder;

const SERVER_FILE: &str = "serve.lock";
const USERS_FILE: &str = "users.lock";
const PAUSE: Duration = Duration::from_millis(50);

/// The right to serve a folder.
pub(crate) struct ServerLock {
    _file: File,
}

/// Why there is no [`ServerLock`].
pub(crate) enum NoLock {
    /// Another process has it; its id if it is known.
    Taken(Option<String>),
    File(io::Error),
}

impl ServerLock {
    pub(crate) fn take(data: &Path) -> Result<Self, NoLock> {
        let path = engine_folder(data).join(SERVER_FILE);
        let mut file = open(&path).map_err(NoLock::File)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid =
                    fs::read_to_string(&path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
                return Err(NoLock::Taken(pid));
            }
            Err(TryLockError::Error(error)) => return Err(NoLock::File(error)),
        }
        let write = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        write.map_err(NoLock::File)?;
        Ok(Self { _file: file })
    }
}

/// The use of a folder's engine: while one is held, an engine whose parent has gone stays.
pub(crate) struct UserLease {
    _file: File,
}

impl UserLease {
    /// Waits for an engine that is just stopping, at most `patience`.
    pub(crate) fn take(data: &Path, patience: Duration) -> io::Result<Self> {
        let file = open(&engine_folder(data).join(USERS_FILE))?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Returns once nobody uses the engine, holding off new users until it is dropped.
pub(crate) fn wait_until_unused(data: &Path) -> io::Result<File> {
    let file = open(&engine_folder(data).join(USERS_FILE))?;
    file.lock()?;
    Ok(file)
}

/// Whether other processes use the engine: they share the lock, which an engine that is stopping holds alone.
pub(crate) fn others_use(data: &Path) -> bool {
    let Ok(file) = open(&engine_folder(data).join(USERS_FILE)) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && file.try_lock_shared().is_ok()
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_serves_and_many_use() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(engine_folder(data.path())).unwrap();
        let server = ServerLock::take(data.path());
        assert!(server.is_ok());
        let Err(NoLock::Taken(pid)) = ServerLock::take(data.path()) else { panic!("taken twice") };
        assert_eq!(pid, Some(std::process::id().to_string()));
        assert!(!others_use(data.path()));
        let first = UserLease::take(data.path(), Duration::ZERO).unwrap();
        let second = UserLease::take(data.path(), Duration::ZERO).unwrap();
        drop(first);
        assert!(others_use(data.path()));
        drop(second);
        let held = wait_until_unused(data.path()).unwrap();
        assert!(UserLease::take(data.path(), Duration::ZERO).is_err(), "the engine is stopping");
        assert!(!others_use(data.path()), "only the stopping engine itself");
        drop(held);
    }
}
