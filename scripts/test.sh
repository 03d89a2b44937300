#!/usr/bin/env bash
# Every test, real broker and real engine included. Ends with what did not run, and a clear word.
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/test.log
mkdir -p target
step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
SECONDS=0

step "setting up"
scripts/setup.sh all
step "formatting"
cargo fmt --all --check
step "clippy"
cargo clippy --release --locked --workspace --all-targets -- -D warnings
step "building the binary that ends at named points"
scripts/crash-build.sh
step "building the binary and every test"
cargo build --release --locked --workspace --bins
cargo test --release --locked --workspace --no-run
step "licences, bans, sources"
scripts/deny.sh
step "tests"
status=0
cargo test --release --locked --workspace --no-fail-fast -- --nocapture > "$out" 2>&1 || status=$?
grep -E '^test result:|^     Running|^error|panicked at|^test .*FAILED' "$out" | sed 's/ (target.*//' || true
passed=$(grep -oE '^test result: .* ([0-9]+) passed' "$out" | grep -oE '[0-9]+ passed' | awk '{s+=$1} END {print s+0}')
if [ "$status" != 0 ]; then
  printf '\n'; tail -n 60 "$out"
fi
notrun=$(grep -hE '^not run: ' "$out" | sort -u || true)
if [ -n "$notrun" ]; then
  printf '\nnot run:\n%s\n' "$notrun"
fi
if [ "$status" != 0 ]; then
  printf '\nFAILED after %s s: see %s\n' "$SECONDS" "$out"; exit 1
fi
printf '\nall tests passed: %s in %s s\n' "$passed" "$SECONDS"
