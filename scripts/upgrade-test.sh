#!/usr/bin/env bash
# A rolling upgrade and a roll-back between the build of a git ref and the current one: tests/tests/upgrade.rs on both.
# The other build is made of `git archive` in target/upgrade, with the same third-party crates, and kept as target/release/crumbtrail-other.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { printf 'usage: make upgrade-test OTHER=<git ref>\n' >&2; exit 2; }
commit=$(git rev-parse --short "$1^{commit}")
scripts/setup.sh all
rm -rf target/upgrade
mkdir -p target/upgrade
git archive "$commit" | tar -x -C target/upgrade
root=$PWD
(cd target/upgrade && CARGO_TARGET_DIR="$root/target" cargo build --release --locked -p crumbtrail)
cp target/release/crumbtrail target/release/crumbtrail-other
printf '%s\n' "$commit" > target/release/crumbtrail-other.commit
cargo build --release --locked -p crumbtrail
printf 'between %s and %s\n' "$commit" "$(git describe --always --dirty)"
cargo test --release --locked -p crumbtrail-tests --test upgrade -- --nocapture --test-threads 1
