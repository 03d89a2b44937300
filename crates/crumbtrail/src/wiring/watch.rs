//! Files that are read again when they change: noticed by their state on disk, read once they are at rest; what takes long
//! to read is read beside the stream.

use std::fs::Metadata;
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};
use crumbtrail_enrich::geo::Stamp;

/// Files that are read together.
pub struct Watch {
    name: &'static str,
    paths: Vec<String>,
    /// Their states when they were last read, `None` for a file that is not there.
    read: Vec<Option<Stamp>>,
    /// As they were last seen.
    seen: Vec<Option<Stamp>>,
}

impl Watch {
    /// Watches these files from now on; empty paths are of none. `name` stands in what is logged.
    pub fn new<'a>(name: &'static str, paths: impl IntoIterator<Item = &'a String>) -> Watch {
        let paths: Vec<String> = paths.into_iter().filter(|path| !path.is_empty()).cloned().collect();
        let read = states(&paths);
        Watch { name, paths, seen: read.clone(), read }
    }

    /// What `read` makes of files that have changed and come to rest: found in one state by two calls in a row, so that
    /// a file which is being written is not read by halves. `None` if there is nothing new, or nothing that can be used:
    /// that is logged, once for each state of the files. A file that is gone is taken for one that is being replaced.
    pub fn again<T>(&mut self, read: impl FnOnce() -> Result<T>) -> Option<T> {
        if self.is_due() { self.told(read()) } else { None }
    }

    /// Whether the files have changed and are at rest; says so once for each state of them.
    fn is_due(&mut self) -> bool {
        let now = states(&self.paths);
        let is_at_rest = now == self.seen;
        if !is_at_rest {
            self.seen = now;
            return false;
        }
        if now == self.read || now.contains(&None) {
            return false;
        }
        self.read = now;
        true
    }

    fn told<T>(&self, read: Result<T>) -> Option<T> {
        match read {
            Ok(new) => {
                tracing::info!(file = self.name, "a changed file was read again");
                Some(new)
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(file = self.name, error, "the changed file cannot be used; what it said before stays");
                None
            }
        }
    }
}

/// A file that takes long to read, a database: read in a thread of its own, so that who asks never waits for it.
pub struct SlowWatch<T> {
    watch: Watch,
    underway: Option<JoinHandle<Result<T>>>,
}

impl<T: Send + 'static> SlowWatch<T> {
    /// As [`Watch::new`].
    pub fn new<'a>(name: &'static str, paths: impl IntoIterator<Item = &'a String>) -> SlowWatch<T> {
        SlowWatch { watch: Watch::new(name, paths), underway: None }
    }

    /// As [`Watch::again`], but what `read` makes of the files is given by a later call, when it is made. What changes
    /// meanwhile is read behind it.
    pub fn again(&mut self, read: impl FnOnce() -> Result<T> + Send + 'static) -> Option<T> {
        match self.underway.take() {
            Some(thread) if thread.is_finished() => {
                let read = thread.join().unwrap_or_else(|_| Err(anyhow!("its reader panicked")));
                self.watch.told(read)
            }
            None if self.watch.is_due() => {
                let thread = std::thread::Builder::new().name("reload".into()).spawn(read);
                match thread {
                    Ok(thread) => {
                        self.underway = Some(thread);
                        None
                    }
                    Err(error) => self.watch.told(Err(error.into())),
                }
            }
            underway => {
                self.underway = underway;
                None
            }
        }
    }

    /// Whether it is being read.
    #[cfg(test)]
    pub fn is_underway(&self) -> bool {
        self.underway.is_some()
    }
}

fn states(paths: &[String]) -> Vec<Option<Stamp>> {
    let state = |path: &String| std::fs::metadata(path).ok().as_ref().map(|found: &Metadata| Stamp::from(found));
    paths.iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_again_at_rest_and_once_for_each_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let paths = [path("a"), String::new(), path("b")];
        let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
        write("a", "1");
        let mut watch = Watch::new("test", &paths);
        assert_eq!(watch.again(|| Ok(())), None, "nothing changed");
        write("a", "22");
        assert_eq!(watch.again(|| Ok(())), None, "one of the files is not there");
        write("b", "1");
        assert_eq!(watch.again(|| Ok(())), None, "being written");
        write("b", "22");
        assert_eq!(watch.again(|| Ok(())), None, "still being written");
        assert_eq!(watch.again(|| Ok(())), Some(()));
        assert_eq!(watch.again(|| Ok(())), None, "read already");
        write("b", "333");
        assert_eq!(watch.again(|| Ok(())), None);
        assert_eq!(watch.again(|| Err::<(), _>(anyhow::anyhow!("damaged"))), None);
        assert_eq!(watch.again(|| Ok(())), None, "told of already");
    }

    #[test]
    fn what_takes_long_to_read_is_waited_for_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb").to_str().unwrap().to_owned();
        std::fs::write(&path, "1").unwrap();
        let mut watch = SlowWatch::new("test", [&path]);
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let read = {
            let path = path.clone();
            move || {
                held.recv()?;
                Ok(std::fs::read_to_string(path)?)
            }
        };
        std::fs::write(&path, "22").unwrap();
        assert_eq!(watch.again(|| unreachable!("being written")), None);
        assert_eq!(watch.again(read), None, "its reader is held up, and this call is not");
        // It changes again while it is read: that is for later.
        std::fs::write(&path, "333").unwrap();
        for _ in 0..3 {
            assert_eq!(watch.again(|| unreachable!("one reader at a time")), None);
        }
        go_on.send(()).unwrap();
        let mut found = Vec::new();
        while found.last().is_none_or(|last| last != "second") {
            found.extend(watch.again(|| Ok("second".to_owned())));
            std::thread::yield_now();
        }
        assert_eq!(found, ["333", "second"], "what was read first, then what it changed to");
        assert!(!watch.is_underway());
    }

    #[test]
    fn a_reader_that_panics_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb").to_str().unwrap().to_owned();
        let mut watch = SlowWatch::<()>::new("test", [&path]);
        std::fs::write(&path, "1").unwrap();
        assert_eq!(watch.again(|| unreachable!()), None);
        assert_eq!(watch.again(|| panic!("damaged beyond words")), None);
        while watch.is_underway() {
            assert_eq!(watch.again(|| unreachable!("read once for each state")), None);
            std::thread::yield_now();
        }
    }
}
