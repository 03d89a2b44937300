#!/usr/bin/env bash
# Feeds foreign bytes to every decoder and parser: libFuzzer, each target for SECS seconds.
#
#   scripts/fuzz.sh              every target, 30 s each
#   scripts/fuzz.sh TARGET…      some of them
#   SECS=300 scripts/fuzz.sh     longer
#
# Inputs once found to break something lie in fuzz/regressions/TARGET and are run first, always, as are the examples of the schemas. What
# is learnt meanwhile is kept in fuzz/corpus (not checked in). Needs the stable compiler alone; `cargo fuzz run TARGET` works, too, where it is installed.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
../scripts/setup.sh build
secs=${SECS:-30}
host=$(rustc -vV | sed -n 's/^host: //p')
targets=${*:-$(cd fuzz_targets && ls ./*.rs | sed 's|^\./||; s|\.rs$||')}
# What `cargo fuzz` passes, but for the sanitizer, which wants a nightly compiler: the code is safe Rust.
export RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code"
printf '== building %s targets\n' "$(wc -w <<< "$targets")"
for target in $targets; do bins+=(--bin "$target"); done
cargo build --release --locked --target "$host" "${bins[@]}"
examples() {
  case $1 in
    json_click) ls -d ../schemas/avro/examples/click_event/* ;;
    json_support) ls -d ../schemas/avro/examples/support_entry/* ;;
    segment) ls -d ../schemas/avro/examples/segment/* ;;
  esac
}
failed=()
for target in $targets; do
  mkdir -p "corpus/$target" "regressions/$target" "artifacts/$target"
  begun=$SECONDS
  # shellcheck disable=SC2046
  if "target/$host/release/$target" "corpus/$target" "regressions/$target" $(examples "$target") -max_total_time="$secs" -timeout=10 \
    -rss_limit_mb=2048 -artifact_prefix="artifacts/$target/" -print_final_stats=1 > "artifacts/$target.log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$target.log")
    printf '  %-16s held: %s runs in %s s\n' "$target" "$runs" "$((SECONDS - begun))"
  else
    failed+=("$target")
    printf '  %-16s BROKE: see fuzz/artifacts/%s.log\n' "$target" "$target"
    grep -aE 'panicked at|ERROR: |Test unit written' -A1 "artifacts/$target.log" | head -n 6 | sed 's/^/    /'
  fi
done
if [ ${#failed[@]} != 0 ]; then printf 'FAILED: %s\n' "${failed[*]}"; exit 1; fi
printf 'all targets held\n'
