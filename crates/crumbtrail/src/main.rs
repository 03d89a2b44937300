//! `crumbtrail`: customer journeys from Kafka into ClickHouse. This file parses, dispatches and exits; the commands are
//! in `commands/`, the processors' wiring in `wiring/`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

// First: its macro is for all.
#[macro_use]
mod say;

mod args;
mod cli;
mod commands;
mod config;
mod loaded;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

// Without huge pages (feature `no_thp`): buffers of rows come and go, and zeroing 2 MiB for each took a fifth of the processor
// time and a quarter of the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match armed().and_then(|()| commands::dispatch(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crumbtrail: {}", say::in_words(&error));
            ExitCode::from(commands::exit_code(&error))
        }
    }
}

/// Has a test kill this process, if its environment says so.
fn armed() -> anyhow::Result<()> {
    if let Some(point) = crumbtrail_crash::arm().map_err(anyhow::Error::msg)? {
        eprintln!("crumbtrail: {} is set: this process kills itself at {point}", crumbtrail_crash::VARIABLE);
    }
    Ok(())
}
