#!/usr/bin/env bash
# Licences, bans and sources of every dependency. Installs cargo-deny into .setup when it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
deny=.setup/tools/bin/cargo-deny
if ! { [ -x "$deny" ] && "$deny" --version | grep -qF "$version"; }; then
  echo "setup: building cargo-deny $version"
  # Unoptimised: it runs once for two seconds, and an optimised build takes minutes more.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_TARGET_DIR=.setup/build-deny \
    cargo install --quiet --locked --version "$version" --root .setup/tools cargo-deny
  rm -rf .setup/build-deny
fi
"$deny" --all-features check --hide-inclusion-graph bans licenses sources
