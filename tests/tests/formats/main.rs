//! Everything we store, as this build writes it, against what stands in `tests/fixtures/formats`: a format does not change
//! without a new version number, and every version a build claims to read it can read.
//!
//! ```text
//! tests/fixtures/formats/<release>/<format>-<version>.bin
//! ```
//! `make formats` writes the files of this release; those of releases before stay as they are.

mod formats;
mod samples;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use formats::{FORMATS, Format};
use samples::samples;

const RELEASE: &str = env!("CARGO_PKG_VERSION");

fn folder() -> PathBuf {
    crumbtrail_tests::root().join("tests/fixtures/formats")
}

fn file(release: &Path, format: &Format, version: u8) -> PathBuf {
    release.join(format!("{}-{version}.bin", format.name))
}

/// Every fixture of every release: format, version, bytes.
fn fixtures() -> Vec<(&'static Format, u8, PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for release in std::fs::read_dir(folder()).expect("fixtures").map(|entry| entry.expect("an entry").path()) {
        for path in std::fs::read_dir(&release).expect("a release").map(|entry| entry.expect("an entry").path()) {
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let (name, version) = name.rsplit_once('-').expect("<format>-<version>.bin");
            let format =
                FORMATS.iter().find(|format| format.name == name).unwrap_or_else(|| panic!("no format {name}"));
            let bytes = std::fs::read(&path).expect("a fixture");
            found.push((format, version.parse().expect("a version"), path, bytes));
        }
    }
    found
}

#[test]
fn no_format_changes_without_a_new_version() {
    let samples = samples();
    assert_eq!(
        samples.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(),
        FORMATS.iter().map(|format| format.name).collect(),
        "every format has a sample"
    );
    for (name, bytes) in samples {
        let format = FORMATS.iter().find(|format| format.name == name).expect("it has");
        let version = format.version_of(&bytes);
        assert!(format.reads.contains(&version), "{name}: this build writes version {version} and does not list it");
        let path = file(&folder().join(RELEASE), format, version);
        let stored = std::fs::read(&path).unwrap_or_else(|_| {
            panic!("{name}: version {version} has no fixture {}: run `make formats`, and commit it", path.display())
        });
        assert!(
            stored == bytes,
            "{name}: this build writes other bytes than {}, and says version {version} all the same. If their layout \
             changed, raise the version in {} (and `reads` in tests/tests/formats/formats.rs). Then, or if only what the \
             sample holds changed, run `make formats` and commit what it writes",
            path.display(),
            format.source
        );
    }
}

#[test]
fn what_a_build_claims_to_read_it_reads_and_what_it_does_not_it_refuses() {
    let mut read = BTreeSet::new();
    for (format, version, path, bytes) in fixtures() {
        assert_eq!(format.version_of(&bytes), version, "{}: named by its version", path.display());
        let loaded = (format.load)(&bytes);
        if format.reads.contains(&version) {
            loaded.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            read.insert((format.name, version));
        } else {
            assert!(loaded.is_err(), "{}: loaded, though the build does not claim to read it", path.display());
        }
    }
    for format in FORMATS {
        for version in format.reads {
            assert!(read.contains(&(format.name, *version)), "{} {version}: no fixture to read", format.name);
        }
    }
}

#[test]
fn a_later_version_is_refused() {
    for (name, mut bytes) in samples() {
        let format = FORMATS.iter().find(|format| format.name == name).expect("it has");
        let Some(at) = format.version_at else { continue };
        bytes[at] = 250;
        assert!((format.load)(&bytes).is_err(), "{name}: version 250 was read");
    }
}

#[test]
#[ignore = "writes the fixtures of this release: `make formats`"]
fn write_the_fixtures() {
    let release = folder().join(RELEASE);
    std::fs::create_dir_all(&release).expect("a folder");
    for (name, bytes) in samples() {
        let format = FORMATS.iter().find(|format| format.name == name).expect("it has");
        let path = file(&release, format, format.version_of(&bytes));
        if std::fs::read(&path).is_ok_and(|stored| stored == bytes) {
            continue;
        }
        std::fs::write(&path, &bytes).expect("the fixture is written");
        println!("written: {}", path.display());
    }
}
