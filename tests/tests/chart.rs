//! The chart lints and renders, and its pods are locked down.

use std::process::Command;

use crumbtrail_tests::{Deployment, not_run, root};

#[test]
fn chart_lints_renders_and_refuses() {
    let helm = root().join(".setup/tools/bin/helm");
    if !helm.exists() {
        return not_run("chart_lints_renders_and_refuses", "helm is not set up (make setup)");
    }
    let python = root().join(".setup/clients/python/bin/python");
    let python = if python.exists() { python } else { "python3".into() };
    let shop = Deployment::new("");
    let rendered = shop.path("rendered.yaml");
    let out = Command::new(python)
        .arg(root().join("tests/chart/check.py"))
        .args([helm, root().join("helm/crumbtrail"), rendered.clone()])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // The rendered configuration is one the binary reads: unknown keys would be refused before anything is tried.
    let said = Command::new(crumbtrail_tests::binary())
        .args(["check", "--config"])
        .arg(rendered)
        .args(["--data"])
        .arg(shop.data())
        .env("CRUMBTRAIL_PRIVACY_KEY", "a key for tests only")
        .env("CRUMBTRAIL_CHECK_OFFLINE", "1")
        .output()
        .unwrap();
    assert_ne!(said.status.code(), Some(3), "{}", String::from_utf8_lossy(&said.stderr));
}
