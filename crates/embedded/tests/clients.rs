//! The official Python and Node clients, each in its own language (`tests/clients/` of the repository).

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{engine_is_here, not_run, shared};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn run(command: &mut Command) -> std::io::Result<Output> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(std::io::Error::other(format!("{command:?}: {}\n{said}", output.status)))
}

/// Runs `install` unless the folder was made from these very files before.
fn installed(folder: &Path, pins: &[PathBuf], install: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
    let wanted: Vec<u8> = pins.iter().flat_map(|pin| std::fs::read(pin).unwrap()).collect();
    let mark = folder.join(".installed");
    if std::fs::read(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    install()?;
    std::fs::write(mark, wanted)
}

#[test]
fn the_python_client_works() {
    let name = "the_python_client_works";
    if !engine_is_here(name) {
        return;
    }
    let scripts = repository().join("tests/clients");
    let folder = repository().join(".setup/clients/python");
    let pins = scripts.join("requirements.txt");
    let ready = installed(&folder, std::slice::from_ref(&pins), || {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&pins))
        .map(drop)
    });
    if let Err(error) = ready {
        not_run(name, &error.to_string());
        return;
    }
    let server = shared();
    let (host, port) = server.url().strip_prefix("http://").unwrap().split_once(':').unwrap();
    let arguments = [host, port, server.user(), server.password()];
    let output =
        run(Command::new(folder.join("bin/python")).arg(scripts.join("python_client.py")).args(arguments)).unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("python client: ok"));
}

#[test]
fn the_node_client_works() {
    let name = "the_node_client_works";
    if !engine_is_here(name) {
        return;
    }
    let scripts = repository().join("tests/clients");
    let folder = repository().join(".setup/clients/node");
    let pins = [scripts.join("package.json"), scripts.join("package-lock.json")];
    let ready = installed(&folder, &pins, || {
        for pin in &pins {
            std::fs::copy(pin, folder.join(pin.file_name().unwrap()))?;
        }
        run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&folder)).map(drop)
    });
    if let Err(error) = ready {
        not_run(name, &error.to_string());
        return;
    }
    let server = shared();
    let mut command = Command::new("node");
    command.arg(scripts.join("node_client.mjs")).args([server.url(), server.user(), server.password()]);
    let output = run(command.env("NODE_CLIENT_MODULES", folder.join("node_modules"))).unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("node client: ok"));
}
