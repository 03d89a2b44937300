//! Files that are read again when they change: noticed by their state on disk, read once they are at rest.

use std::fs::Metadata;

use anyhow::Result;
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
        let now = states(&self.paths);
        let is_at_rest = now == self.seen;
        if !is_at_rest {
            self.seen = now;
            return None;
        }
        if now == self.read || now.contains(&None) {
            return None;
        }
        self.read = now;
        match read() {
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
}
