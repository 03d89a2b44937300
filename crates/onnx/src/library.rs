//! Where ONNX Runtime's shared library lies, and its loading, once a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{OnnxError, first_line};

/// The library's file name on this platform.
#[cfg(target_os = "macos")]
pub const LIBRARY_FILE: &str = "libonnxruntime.dylib";
/// The library's file name on this platform.
#[cfg(not(target_os = "macos"))]
pub const LIBRARY_FILE: &str = "libonnxruntime.so";

/// The environment variable that names the library.
pub const LIBRARY_VARIABLE: &str = "CRUMBTRAIL_ONNXRUNTIME";

/// Finds the library: the given path, else `CRUMBTRAIL_ONNXRUNTIME`, else beside the program (`.`, `../lib`), else
/// `.setup/onnx` in the program's or the current folder or one above them.
///
/// # Errors
/// [`OnnxError::LibraryMissing`] names the places looked at. A path that was given and does not exist is not passed over.
pub fn find_library(given: Option<&Path>) -> Result<PathBuf, OnnxError> {
    let named = given.map(Path::to_owned).or_else(|| std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from));
    let program = std::env::current_exe().ok();
    let current = std::env::current_dir().ok();
    first_existing(named, program.as_deref().and_then(Path::parent), current.as_deref())
}

fn first_existing(
    named: Option<PathBuf>,
    program: Option<&Path>,
    current: Option<&Path>,
) -> Result<PathBuf, OnnxError> {
    let candidates: Vec<PathBuf> = match named {
        Some(path) => vec![path],
        None => {
            let beside = program
                .into_iter()
                .flat_map(|folder| [folder.join(LIBRARY_FILE), folder.join("../lib").join(LIBRARY_FILE)]);
            let above = [current, program].into_iter().flatten().flat_map(Path::ancestors);
            beside.chain(above.map(|folder| folder.join(".setup/onnx").join(LIBRARY_FILE))).collect()
        }
    };
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let looked: Vec<String> = candidates.iter().take(3).map(|path| path.display().to_string()).collect();
        OnnxError::LibraryMissing { looked: looked.join(", ") }
    })
}

/// The library this process has loaded: there is one a process.
static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Loads the library, unless this process has one.
pub(crate) fn load(path: &Path) -> Result<(), OnnxError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if loaded.is_none() {
        let fail = |detail| OnnxError::Library { path: path.to_owned(), detail };
        ort::init_from(path).map_err(|error| fail(first_line(error)))?.with_telemetry(false).commit();
        *loaded = Some(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_says_where_to_get_it() {
        let error = first_existing(Some(PathBuf::from("/nowhere/libonnxruntime.so")), None, None).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("/nowhere/libonnxruntime.so") && message.contains("CRUMBTRAIL_ONNXRUNTIME"),
            "{message}"
        );
    }

    #[test]
    fn the_set_up_folder_is_found_from_a_folder_below() {
        let clone = tempfile::tempdir().unwrap();
        let below = clone.path().join("target/release");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::create_dir_all(clone.path().join(".setup/onnx")).unwrap();
        std::fs::write(clone.path().join(".setup/onnx").join(LIBRARY_FILE), b"x").unwrap();
        let found = first_existing(None, Some(&below), None).unwrap();
        assert!(found.ends_with(Path::new(".setup/onnx").join(LIBRARY_FILE)), "{found:?}");
    }

    #[test]
    fn what_is_no_library_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LIBRARY_FILE);
        std::fs::write(&path, b"no library").unwrap();
        let message = load(&path).unwrap_err().to_string();
        assert!(message.starts_with(&path.display().to_string()) && message.lines().count() == 1, "{message}");
    }
}
