#!/usr/bin/env bash
# Builds the binary with named crash points (crates/crash) and keeps it as target/release/crumbtrail-crash. Only the crates that
# have points, and those that use them, are built a second time, with less optimisation; as of the whole workspace, so that
# third-party crates are those of the other builds.
set -euo pipefail
cd "$(dirname "$0")/.."
lighter=(--config profile.release.package.crumbtrail.opt-level=1 --config profile.release.package.crumbtrail.debug=false)
for crate in crash log runtime steps warehouse; do
  lighter+=(--config "profile.release.package.crumbtrail-$crate.opt-level=1")
done
cargo build --release --locked --workspace --bin crumbtrail --features crumbtrail/crash-points "${lighter[@]}"
# What lies there now is the other build: what comes next puts its own there.
mv target/release/crumbtrail target/release/crumbtrail-crash
