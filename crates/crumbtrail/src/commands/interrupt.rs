//! SIGTERM and SIGINT as a flag; a second one ends the process at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A flag that the first signal sets.
///
/// # Errors
/// The handlers cannot be installed.
pub fn on_signal() -> Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // Order matters: the second signal must find the flag set by the first.
        flag::register_conditional_shutdown(signal, 130, asked.clone()).context("cannot handle signals")?;
        flag::register(signal, asked.clone()).context("cannot handle signals")?;
    }
    Ok(asked)
}
