#!/usr/bin/env bash
# Every fault of tests/tests/faults and random kills, on real processes, the real broker and the real engine: the long form.
# Prints a line a fault; everything else goes to target/faults.log. CRUMBTRAIL_FAULTS_TIMES=25 does it as many times over: a night.
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/faults.log
scripts/setup.sh all
cargo build --release --locked -p crumbtrail
cargo test --release --locked -p crumbtrail-tests --test faults --test kill --no-run
status=0
CRUMBTRAIL_FAULTS=long cargo test --release --locked -p crumbtrail-tests --test faults --test kill --no-fail-fast -- --nocapture 2>&1 \
  | tee "$out" | grep --line-buffered -E '^faults: |^not run: |^seed |^test .* (ok|FAILED)$|panicked at' || status=$?
grep -E '^test result:' "$out"
if grep -qE '^test result: FAILED|^error' "$out"; then printf 'FAILED: see %s\n' "$out"; exit 1; fi
exit "$status"
