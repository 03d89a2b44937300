//! The seeded demo world, at a scale.

use std::path::Path;
use std::process::Command;

/// Makes the world: `clicks.jsonl` and `support.jsonl` in `folder`, or topics of these names with `--kafka` among `more`.
#[track_caller]
pub fn make(folder: &Path, scale: &str, more: &[&str]) {
    let out = Command::new(crate::binary())
        .args(["generate", "world", "--format", "native", "--scale", scale, "--out"])
        .arg(folder)
        .args(more)
        .output()
        .expect("the binary runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// The arguments of `import` for the files of a world.
#[must_use]
pub fn import_arguments(folder: &Path) -> Vec<String> {
    let files = ["clicks.jsonl", "support.jsonl"].map(|file| folder.join(file).display().to_string());
    ["--format".to_owned(), "native".to_owned()].into_iter().chain(files).collect()
}
