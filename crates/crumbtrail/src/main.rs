//! `crumbtrail`: customer journeys from Kafka into ClickHouse. This file parses, dispatches and exits; the commands are
//! in `commands/`, the processors' wiring in `wiring/`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod args;
mod cli;
mod commands;
mod config;
mod loaded;
mod say;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

// Without huge pages (feature `no_thp`): buffers of rows come and go, and zeroing 2 MiB for each took a fifth of the processor
// time and a quarter of the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crumbtrail: {}", say::in_words(&error));
            ExitCode::from(commands::exit_code(&error))
        }
    }
}
