#!/usr/bin/env bash
# What each stage costs: processor time and memory, stage by stage, beside the targets of docs/performance.md.
#
#   scripts/bench.sh                 everything
#   scripts/bench.sh PART…           some of: stages files tables kafka recovery
#
#   BENCH_EVENTS=2000000 BENCH_TRIALS=5   size of the load, and how often the file job is repeated
#   BENCH_OPEN=1000000                    sessions open when a service is killed
#   BENCH_BIN=PATH                        measure this binary instead of building one
#
# The machine may be busy with others: figures are processor time, formats alternate within a trial, and minimum and
# median of the trials count. Kafka → tables is wall time and wants the machine for itself.
set -euo pipefail
cd "$(dirname "$0")/.."
events=${BENCH_EVENTS:-2000000}
trials=${BENCH_TRIALS:-5}
parts=${*:-stages files tables kafka recovery}
open=${BENCH_OPEN:-1000000}
bin=${BENCH_BIN:-target/release/crumbtrail}
home=target/bench
ticks=$(getconf CLK_TCK)
# About ten events a session, as in the peers' runs.
load=(--events "$events" --sessions $((events * 21 / 200)))

say() { printf '\n== %s\n' "$*"; }
# row WHAT FIGURE TARGET: one line of the table.
row() { printf '  %-46s %-34s %s\n' "$1" "$2" "${3:+target $3}"; }
command_line() { printf '  $ %s\n' "$*"; }
has() { case " $parts " in *" $1 "*) true ;; *) false ;; esac; }
# Processor seconds of a process so far (user and system, its threads with it, and children it has waited for).
cpu_of() { sed 's/.*) //' "/proc/$1/stat" | awk -v ticks="$ticks" '{ printf "%.2f", ($12 + $13 + $14 + $15) / ticks }'; }
# Minimum and median of numbers, one a line.
spread() { sort -n | awk '{ a[NR] = $1 } END { print a[1], a[int((NR + 1) / 2)] }'; }
per_second() { awk -v n="$1" -v s="$2" 'BEGIN { printf "%.0f", (s > 0 ? n / s : 0) }'; }
field() { awk -F '  +' -v name="$1" '$1 == name { print $2 }'; }

cleanup() {
  [ -z "${engine:-}" ] || { kill "$engine" 2>/dev/null; wait "$engine" 2>/dev/null; } || true
  [ -z "${broker_home:-}" ] || scripts/kafka.sh stop "$broker_home" || true
}
trap cleanup EXIT

# start_engine DATA: an engine of its own, so that its processor time can be told apart.
start_engine() {
  "$bin" serve --data "$1" --listen 127.0.0.1:0 2> "$1.engine.log" & engine=$!
  for _ in $(seq 1 300); do
    [ -f "$1/engine/endpoint.json" ] && return
    kill -0 "$engine" 2>/dev/null || { cat "$1.engine.log" >&2; exit 1; }
    sleep 0.1
  done
  echo "bench: the engine did not start; see $1.engine.log" >&2; exit 1
}
stop_engine() { kill "$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; engine=; }

# timed COMMAND…: runs it, output to $home/out; sets wall and cpu (seconds, its own processes').
timed() {
  local TIMEFORMAT='%R %U %S' times
  times=$( { time "$@" > "$home/out" 2>&1; } 2>&1 ) || { cat "$home/out" >&2; echo "bench: failed: $*" >&2; exit 1; }
  read -r wall user system <<< "$times"
  cpu=$(awk -v u="$user" -v s="$system" 'BEGIN { print u + s }')
}

# told CONFIG DATA: sessions in the tables against those of the load, and the audit.
told() {
  local found planted audit
  found=$("$bin" sql --config "$1" --data "$2" 'SELECT count() FROM sessions' --format TSV)
  planted=$(sed -n 's/.*"sessions": *\([0-9]*\).*/\1/p' "$(dirname "$1")/truths.json")
  audit=$("$bin" sql --config "$1" --data "$2" 'SELECT count() FROM audit' --format TSV)
  if [ "$found" = "$planted" ] && [ "$audit" = 0 ]; then echo "exact: $found sessions"
  else echo "NOT EXACT: $found sessions of $planted, $audit lines in the audit"; fi
}

if [ -z "${BENCH_BIN:-}" ]; then
  say "building"
  cargo build --release --locked -p crumbtrail
fi
rm -rf "$home"; mkdir -p "$home"
printf '%s, %s cores, commit %s, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" \
  "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(date -u +%F)"

if has stages; then
  example() {
    say "$3"; command_line "cargo run --release -p $1 --example $2${4:+ -- $4}"
    # shellcheck disable=SC2086
    cargo run -q --release --locked -p "$1" --example "$2" -- ${4:-} | sed 's/^/  /'
  }
  example crumbtrail-events decode "decode alone"
  example crumbtrail-enrich enrich "enrichment"
  example crumbtrail-log frames "frames"
  example crumbtrail-sessions q11 "sessions in process (q11); target 1.5 M events per CPU-second, 300 bytes per open session"
  example crumbtrail-sessions state "open sessions (state): what an event costs and a session weighs; target 200 bytes, twice the time at most" "4 10000 300000"
  example crumbtrail-sessions hot "a hot visitor (hot): what it costs the others; target p99 twice theirs at most" "200000 200000 1"
  example crumbtrail-journeys journeys "journeys in process"
  example crumbtrail-sentiment throughput "sentiment; target 150 k texts per CPU-second"
fi

if has files || has tables; then
  for format in native avro; do
    "$bin" generate load "${load[@]}" --format "$format" --out "$home/$format" > /dev/null
  done
fi
file_of() { case $1 in native) echo "$home/native/clicks.jsonl" ;; avro) echo "$home/avro/clicks.avro" ;; esac; }

if has files; then
  say "file → sessions, no sink: $events clicks, one thread, $trials trials"
  for format in native avro; do
    command_line "$bin bench sessions --config $home/$format/crumbtrail.yaml --format $format $(file_of "$format")"
  done
  for _ in $(seq "$trials"); do
    for format in native avro; do
      for rows in without with; do
        flag=; [ $rows = without ] || flag=--touchpoints
        # shellcheck disable=SC2086
        "$bin" bench sessions $flag --config "$home/$format/crumbtrail.yaml" --format "$format" "$(file_of "$format")" \
          > "$home/out"
        field CPU-seconds < "$home/out" >> "$home/$format.$rows"
        cp "$home/out" "$home/$format.$rows.last"
      done
    done
  done
  for format in native avro; do
    target='700,000'; [ $format = native ] || target='1,400,000'
    for rows in without with; do
      read -r least median <<< "$(spread < "$home/$format.$rows")"
      [ $rows = without ] || target=
      row "$format, $rows touchpoint rows, events per CPU-s" \
        "best $(per_second "$events" "$least"), median $(per_second "$events" "$median")" "$target"
      last=$home/$format.$rows.last
      row "  peak RSS, MiB" "$(field 'peak RSS MiB' < "$last")" "64"
      row "  sessions; with the survey, events per CPU-s" \
        "$(field 'sessions closed' < "$last"); $(field 'with the survey' < "$last")" ""
    done
  done
fi

if has files; then
  say "what exactness costs: provenance, ticks, checksums and snapshots (the default is one in 30 s), by turns, $trials rounds"
  exactness=("$bin" bench exactness --rounds "$trials" --config "$home/native/crumbtrail.yaml" --format native "$(file_of native)")
  command_line "${exactness[*]}"
  "${exactness[@]}"
fi

if has tables; then
  for format in native avro; do
    data=$home/tables-$format; mkdir -p "$data"
    start_engine "$data"
    import=("$bin" import --config "$home/$format/crumbtrail.yaml" --data "$data" --format "$format" "$(file_of "$format")")
    say "file → tables, $format, with the touchpoints table"
    command_line "${import[*]}"
    before=$(cpu_of "$engine")
    timed "${import[@]}"
    after=$(cpu_of "$engine")
    row "events per second, wall" "$(per_second "$events" "$wall")" ""
    row "events per CPU-s of ours" "$(per_second "$events" "$cpu")" ""
    row "events per CPU-s of the engine" "$(per_second "$events" "$(awk -v a="$after" -v b="$before" 'BEGIN { print a - b }')")" ""
    row "$(told "$home/$format/crumbtrail.yaml" "$data")" "" ""
    stop_engine; rm -rf "$data"
  done
fi

if has kafka; then
  if ! scripts/setup.sh kafka > "$home/setup.log" 2>&1; then
    echo "not run: kafka: $(tail -n 1 "$home/setup.log")"; exit 0
  fi
  data=$home/kafka-data; mkdir -p "$data"
  broker_home=$home/broker
  broker=$(scripts/kafka.sh start "$broker_home")
  "$bin" generate load "${load[@]}" --format avro --kafka "$broker" --out "$home/kafka" > /dev/null
  start_engine "$data"
  run=("$bin" run all --config "$home/kafka/crumbtrail.yaml" --data "$data" --until-idle)
  say "Kafka → tables, Avro, with the touchpoints table; broker and engine on the same cores"
  command_line "$bin generate load ${load[*]} --format avro --kafka HOST:PORT --out $home/kafka"
  command_line "${run[*]}"
  engine_before=$(cpu_of "$engine"); broker_pid=$(cat "$broker_home/pid"); broker_before=$(cpu_of "$broker_pid")
  timed "${run[@]}"
  # The job ends once nothing new has come for 3 s: that is waiting, not work.
  work=$(awk -v w="$wall" 'BEGIN { print w - 3 }')
  row "events per second, wall (less 3 s of waiting)" "$(per_second "$events" "$work")" "120,000"
  row "CPU-s: ours, engine, broker; wall" \
    "$cpu, $(awk -v a="$(cpu_of "$engine")" -v b="$engine_before" 'BEGIN { print a - b }'), $(awk -v a="$(cpu_of "$broker_pid")" -v b="$broker_before" 'BEGIN { print a - b }'); $wall" ""
  row "$(told "$home/kafka/crumbtrail.yaml" "$data")" "" ""
  stop_engine
  scripts/kafka.sh stop "$broker_home"; broker_home=
fi

if has recovery; then
  if ! scripts/setup.sh kafka > "$home/setup.log" 2>&1; then
    echo "not run: recovery: $(tail -n 1 "$home/setup.log")"; exit 0
  fi
  data=$home/recovery-data; mkdir -p "$data"
  broker_home=$home/recovery-broker
  broker=$(scripts/kafka.sh start "$broker_home")
  config=$home/recovery.yaml
  printf '%s\n' "data_dir: $data" 'kafka:' "  bootstrap_servers: $broker" 'sources:' '  - { topic: clicks, site: shop }' \
    'telemetry:' '  listen: 127.0.0.1:9465' '  log: warn' > "$config"
  start_engine "$data"
  recovery=("$bin" bench recovery --config "$config" --data "$data" --open "$open" --rounds "$trials")
  say "SIGKILL of a service on the local log with $open open sessions, started again: until its first new tick; target 1 s"
  command_line "${recovery[*]}"
  "${recovery[@]}" | sed 's/^/  /'
  stop_engine
fi
rm -rf "$home"
