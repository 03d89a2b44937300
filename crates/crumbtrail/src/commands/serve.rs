//! `serve`: the embedded engine as a process of its own.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use crumbtrail_embedded::{READER, ServeOptions};

use crate::args::ServeArgs;
use crate::loaded::load;
use crate::wiring::deployment::make_data_folder;

pub fn serve(args: &ServeArgs) -> Result<ExitCode> {
    let config = load(&args.place)?;
    let data = &config.data_dir.0;
    make_data_folder(data)?;
    // The engine resolves a relative path twice.
    let mut options = ServeOptions::new(data.canonicalize()?);
    let listen = args.listen.as_ref().unwrap_or(&config.clickhouse.listen);
    options.listen = listen.parse().with_context(|| format!("{listen} is not an address such as 127.0.0.1:8123"))?;
    options.port_fallback = args.port_fallback;
    options.with_parent = args.with_parent;
    options.max_memory_bytes = args.memory_mib.unwrap_or(u64::from(config.clickhouse.engine_memory_mib)) << 20;
    let quiet = args.with_parent;
    options.on_ready = Some(Box::new(move |endpoint| {
        if !quiet {
            eprintln!(
                "ClickHouse {} answers on {} (user {READER}, no password, read only)",
                endpoint.engine_version, endpoint.url
            );
        }
    }));
    crumbtrail_embedded::serve(options)?;
    Ok(ExitCode::SUCCESS)
}
