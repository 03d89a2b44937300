//! `serve --data DIR [--listen ADDRESS] [--port-fallback] [--with-parent]`: the embedded engine as a process of its own,
//! as `crumbtrail serve` runs it. The tests of this crate start it.

use std::path::PathBuf;
use std::process::ExitCode;

use crumbtrail_embedded::{ServeOptions, serve};

fn main() -> ExitCode {
    match options().and_then(|options| serve(options).map_err(|error| error.to_string())) {
        Ok(reason) => {
            eprintln!("stopped: {reason:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<ServeOptions, String> {
    let mut options = ServeOptions::new(PathBuf::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "serve" => {}
            "--data" => options.data = value()?.into(),
            "--listen" => options.listen = value()?.parse().map_err(|error| format!("--listen: {error}"))?,
            "--port-fallback" => options.port_fallback = true,
            "--with-parent" => options.with_parent = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if options.data.as_os_str().is_empty() {
        return Err("--data DIR is needed".to_owned());
    }
    options.on_ready = Some(Box::new(|endpoint| eprintln!("serving on {}", endpoint.url)));
    Ok(options)
}
