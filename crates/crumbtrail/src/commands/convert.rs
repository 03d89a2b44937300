//! `convert`: public data sets to the native formats.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use crumbtrail_events::samples::{abcd, otto};

use crate::args::{ConvertArgs, Dataset};
use crate::say;

pub fn convert(args: &ConvertArgs) -> Result<ExitCode> {
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let not_of_it = || format!("{} is not of this data set", args.file.display());
    let mut lines = Vec::new();
    match args.dataset {
        Dataset::Otto => {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                otto::convert(line, &args.site, &mut lines).with_context(not_of_it)?;
            }
        }
        Dataset::Abcd => {
            abcd::convert(&text, &args.site, args.started_at, &mut lines).with_context(not_of_it)?;
        }
    }
    match &args.out {
        Some(path) => {
            std::fs::write(path, lines).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => return say::print_bytes(&lines),
    }
    Ok(ExitCode::SUCCESS)
}
