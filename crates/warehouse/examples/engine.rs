//! `serve --data DIR …`: the embedded engine as a process of its own, for the tests of this crate.

use crumbtrail_embedded::{ServeOptions, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut options = ServeOptions::new(std::path::PathBuf::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--data" => options.data = arguments.next().unwrap_or_default().into(),
            "--listen" => match arguments.next().unwrap_or_default().parse() {
                Ok(address) => options.listen = address,
                Err(error) => return refuse(&format!("--listen: {error}")),
            },
            "--port-fallback" => options.port_fallback = true,
            "--with-parent" => options.with_parent = true,
            "serve" => {}
            other => return refuse(&format!("unknown argument {other}")),
        }
    }
    match serve(options) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => refuse(&error.to_string()),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::FAILURE
}
