//! Where the engine's shared library lies.

use std::path::{Path, PathBuf};

use crate::error::EngineError;

/// The library's file name on this platform.
#[cfg(target_os = "macos")]
pub const LIBRARY_FILE: &str = "libchdb.dylib";
/// The library's file name on this platform.
#[cfg(not(target_os = "macos"))]
pub const LIBRARY_FILE: &str = "libchdb.so";

/// The environment variable that names the library.
pub const LIBRARY_VARIABLE: &str = "CRUMBTRAIL_ENGINE";

/// Finds the engine library: the given path, else `CRUMBTRAIL_ENGINE`, else beside the program (`.`, `../lib`), else
/// `.setup/engine` in the program's or the current folder or one above them.
///
/// # Errors
/// [`EngineError::Missing`] names every place looked at. A path that was given and does not exist is not passed over.
pub fn locate_engine(given: Option<&Path>) -> Result<PathBuf, EngineError> {
    let named = given.map(Path::to_owned).or_else(|| std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from));
    let program = std::env::current_exe().ok();
    let current = std::env::current_dir().ok();
    first_existing(named, program.as_deref().and_then(Path::parent), current.as_deref())
}

fn first_existing(
    named: Option<PathBuf>,
    program: Option<&Path>,
    current: Option<&Path>,
) -> Result<PathBuf, EngineError> {
    let candidates: Vec<PathBuf> = match named {
        Some(path) if path.is_dir() => vec![path.join(LIBRARY_FILE)],
        Some(path) => vec![path],
        None => {
            let beside = program
                .into_iter()
                .flat_map(|folder| [folder.join(LIBRARY_FILE), folder.join("../lib").join(LIBRARY_FILE)]);
            let above = [current, program].into_iter().flatten().flat_map(Path::ancestors);
            beside.chain(above.map(|folder| folder.join(".setup/engine").join(LIBRARY_FILE))).collect()
        }
    };
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(EngineError::Missing { looked: looked(&candidates) }),
    }
}

fn looked(candidates: &[PathBuf]) -> String {
    let shown: Vec<String> = candidates.iter().take(3).map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_says_what_to_do() {
        let error = first_existing(Some(PathBuf::from("/nowhere/libchdb.so")), None, None).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("/nowhere/libchdb.so"), "{message}");
        assert!(message.contains("run make setup, or set CRUMBTRAIL_ENGINE=/path/libchdb.so"), "{message}");
    }

    #[test]
    fn the_set_up_folder_is_found_from_a_folder_below() {
        let clone = tempfile::tempdir().unwrap();
        let below = clone.path().join("target/release");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::create_dir_all(clone.path().join(".setup/engine")).unwrap();
        std::fs::write(clone.path().join(".setup/engine").join(LIBRARY_FILE), b"x").unwrap();
        let found = first_existing(None, Some(&below), None).unwrap();
        assert!(found.ends_with(Path::new(".setup/engine").join(LIBRARY_FILE)), "{found:?}");
    }
}
