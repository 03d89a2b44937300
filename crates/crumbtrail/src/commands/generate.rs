//! `generate`.
use std::process::ExitCode;
/// `generate`.
#[derive(Debug, clap::Args)]
pub struct GenerateArgs {}
pub fn generate(_: &GenerateArgs) -> anyhow::Result<ExitCode> { anyhow::bail!("not yet") }
