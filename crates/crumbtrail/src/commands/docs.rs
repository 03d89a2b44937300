//! `docs`: the pages made from code.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

/// Name and text of every generated page.
#[must_use]
pub fn pages() -> [(&'static str, String); 3] {
    [
        ("tables.md", crumbtrail_warehouse::docs::tables_md()),
        ("metrics.md", crumbtrail_telemetry::catalogue::markdown()),
        ("config.md", crate::config::markdown()),
    ]
}

pub fn docs(out: &Path) -> Result<ExitCode> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    for (name, text) in pages() {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        sayln!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_pages_are_fresh() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        for (name, text) in super::pages() {
            let written = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            assert!(written == text, "docs/{name} is stale: run `make docs`");
        }
    }
}
