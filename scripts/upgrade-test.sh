#!/usr/bin/env bash
# A rolling upgrade and a roll-back between the build of a git ref and the current one: tests/tests/upgrade.rs on both.
# The other build is made of `git archive` in target/upgrade, with the same third-party crates, and kept as target/release/crumbtrail-other.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { printf 'usage: make upgrade-test OTHER=<git ref>\n' >&2; exit 2; }
commit=$(git rev-parse --quiet --verify --short "$1^{commit}") || { printf 'there is no commit %s here (git fetch --tags?)\n' "$1" >&2; exit 2; }
scripts/setup.sh all
rm -rf target/upgrade
mkdir -p target/upgrade
git archive "$commit" | tar -x -C target/upgrade
root=$PWD
# To cargo the two trees' crates are the same ones in a shared target folder: without this it takes one build for the other.
forget() { grep -h '^name = "crumbtrail' crates/*/Cargo.toml tests/Cargo.toml | cut -d'"' -f2 | sort -u | sed 's/^/-p/' | xargs cargo clean --quiet --release; }
forget
(cd target/upgrade && CARGO_TARGET_DIR="$root/target" cargo build --release --locked -p crumbtrail)
cp target/release/crumbtrail target/release/crumbtrail-other
printf '%s\n' "$commit" > target/release/crumbtrail-other.commit
forget
cargo build --release --locked -p crumbtrail
if cmp -s target/release/crumbtrail target/release/crumbtrail-other; then printf 'the two builds are the same one\n' >&2; exit 1; fi
printf 'between %s and %s\n' "$commit" "$(git describe --always --dirty)"
cargo test --release --locked -p crumbtrail-tests --test upgrade -- --nocapture --test-threads 1
