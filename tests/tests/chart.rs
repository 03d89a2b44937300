//! The chart lints and renders, and its pods are locked down.

use std::process::Command;

use crumbtrail_tests::clients::python_client;
use crumbtrail_tests::{Deployment, not_run, root};

#[test]
fn chart_lints_renders_and_refuses() {
    let helm = root().join(".setup/tools/bin/helm");
    if !helm.exists() {
        return not_run("chart_lints_renders_and_refuses", "helm is not set up (make setup)");
    }
    let Some(python) = python_client("chart_lints_renders_and_refuses") else { return };
    let shop = Deployment::new("");
    let rendered = shop.path("rendered.yaml");
    let out = Command::new(python)
        .arg(root().join("tests/chart/check.py"))
        .args([helm, root().join("helm/crumbtrail"), rendered.clone()])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // The rendered configuration is one the binary reads: an unknown key would end with 3 before anything is tried.
    let said = Command::new(crumbtrail_tests::binary())
        .args(["migrate", "--config"])
        .arg(rendered)
        .env("CRUMBTRAIL_PRIVACY_KEY", "a key for tests only")
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(1), "{}", String::from_utf8_lossy(&said.stderr));
}
