//! Files of random digits, made once: the key of the hashes, the id of a log on disk.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use tempfile::NamedTempFile;

/// Fewer digits than this are no key.
const LEAST: usize = 16;

/// The content of a key file; one of 64 hexadecimal digits is made if there is none. Whole or not there, whatever is killed, and the
/// same for two that make it at once.
///
/// # Errors
/// It cannot be read or written, or is too short to be one.
pub(super) fn kept(path: &Path) -> Result<Vec<u8>> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    make(path)?;
    read(path)?.with_context(|| format!("{} was removed as soon as it was made", path.display()))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(key) if key.len() >= LEAST => Ok(Some(key)),
        Ok(_) => bail!("{} is too short to be a key: remove it to make a new one", path.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn make(path: &Path) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let mut raw = [0u8; 32];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut raw))
        .context("cannot read random bytes")?;
    let key: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    // Written aside, for its owner alone, and then given its name, which fails if another was quicker.
    let mut file = NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(key.as_bytes()).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    match file.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != ErrorKind::AlreadyExists => Err(failed.error).with_context(cannot),
        _ => File::open(folder).and_then(|folder| folder.sync_all()).with_context(cannot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_two_that_make_it_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/privacy.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..2).map(|_| scope.spawn(|| kept(&path).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert_eq!(keys[0], keys[1]);
        assert_eq!((keys[0].len(), &kept(&path).unwrap()), (64, &keys[0]));
        let left: Vec<_> =
            std::fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["privacy.key"]);
    }

    #[test]
    fn what_is_too_short_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("short.key"), "abc").unwrap();
        let said = kept(&folder.path().join("short.key")).unwrap_err().to_string();
        assert!(said.contains("too short"), "{said}");
    }
}
