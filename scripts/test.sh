#!/usr/bin/env bash
# Every test, real broker and real engine included. Ends with what did not run, and a clear word.
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/test.log
lint=target/lint.log
mkdir -p target
step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
SECONDS=0

# What the binary is made of alone, and with the tests: where the features of a crate differ, it and all above it are compiled twice.
once() {
  local twice
  made() { cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u; }
  twice=$(comm -23 <(made -p crumbtrail -e normal,build) <(made --workspace -e normal,build,dev))
  [ -z "$twice" ] || { printf 'compiled once for the binary and once for the tests: give it the same features in both\n%s\n' "$twice"; return 1; }
}

# What needs no test binary and much processor time: in the time that the tests leave, which wait for much.
lint() {
  once || return
  cargo clippy --release --locked --workspace --all-targets -- -D warnings || return
  # What a build may leave out, and take in.
  cargo clippy --release --locked -p crumbtrail --no-default-features --features cloud -- -D warnings || return
  cargo test --release --locked -p crumbtrail-runtime --features cloud --test clouds || return
  cargo test --release --locked -p crumbtrail-sentiment --no-default-features --test golden || return
  # The fuzz targets are a workspace of their own, with a lock file that nothing else reads.
  cargo check --release --locked --manifest-path fuzz/Cargo.toml --bins || return
  echo "clippy passed"
  scripts/deny.sh
}

step "setting up"
scripts/setup.sh all
step "formatting"
cargo fmt --all --check
step "building the binary and every test"
cargo build --release --locked --workspace --bins
cargo test --release --locked --workspace --no-run
step "tests; meanwhile clippy, licences, bans, sources"
: > "$out"
cargo test --release --locked --workspace --no-fail-fast -- --nocapture > "$out" 2>&1 & tests=$!
trap 'kill "$tests" 2>/dev/null || true' EXIT
tail -n +1 -f --pid="$tests" "$out" \
  | grep --line-buffered -E '^test result:|^     Running|^error|^test .*FAILED' | sed -u 's/ (target.*//' & told=$!
# Not before they have begun: two builds of one folder wait for each other.
until grep -q '^     Running' "$out" || ! kill -0 "$tests" 2>/dev/null; do sleep 1; done
linted=0
( renice -n 19 "$BASHPID" > /dev/null; lint ) > "$lint" 2>&1 || linted=$?
status=0
wait "$tests" || status=$?
wait "$told" || true
passed=$(grep -oE '^test result: .* ([0-9]+) passed' "$out" | grep -oE '[0-9]+ passed' | awk '{s+=$1} END {print s+0}')
[ "$linted" = 0 ] || { printf '\n'; tail -n 60 "$lint"; }
notrun=$(grep -hE '^not run: ' "$out" | sort -u || true)
if [ -n "$notrun" ]; then
  printf '\nnot run:\n%s\n' "$notrun"
fi
# What a test said as it failed stands far above the end of its log.
if [ "$status" != 0 ]; then
  printf '\n'; tail -n 20 "$out"
  sed -nE 's/^test (.+) \.\.\. FAILED$/\1/p' "$out" | sort -u | while read -r name; do
    grep -F -A 30 "thread '$name' " "$out" | cut -c 1-2000 | head -n 60 || true
  done
fi
[ "$status" = 0 ] || { printf '\nFAILED after %s s: see %s\n' "$SECONDS" "$out"; exit 1; }
[ "$linted" = 0 ] || { printf '\nFAILED after %s s, with every test passed: see %s\n' "$SECONDS" "$lint"; exit 1; }
printf '\nall tests passed: %s, clippy, licences, bans and sources with them, in %s s\n' "$passed" "$SECONDS"
