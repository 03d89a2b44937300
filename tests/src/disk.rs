//! A disk of its own that is really full, for root where mounting is permitted.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk in memory, mounted at a folder; unmounted when dropped.
pub struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Mounts one of so many MiB at a folder, or says that the test did not run: without the permission to mount there is
    /// nothing that a set-up could mend, so this is no failure on CI.
    #[must_use]
    pub fn mount(test: &str, place: &Path, mib: u32) -> Option<Disk> {
        std::fs::create_dir_all(place).expect("a folder");
        if let Err(why) = mount(&["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"], place) {
            eprintln!("not run: {test}: no disk of its own can be mounted here, which wants root ({why})");
            return None;
        }
        Some(Disk { place: place.to_owned() })
    }

    /// Makes room.
    pub fn grow(&self, mib: u32) {
        let grown = mount(&["-o", &format!("remount,size={mib}m"), "tmpfs"], &self.place);
        grown.unwrap_or_else(|why| panic!("{why}"));
    }
}

fn mount(arguments: &[&str], place: &Path) -> Result<(), String> {
    match Command::new("mount").args(arguments).arg(place).output() {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(String::from_utf8_lossy(&out.stderr).trim().replace('\n', " ")),
        Err(error) => Err(format!("mount: {error}")),
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once, whoever still has files open there.
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}
