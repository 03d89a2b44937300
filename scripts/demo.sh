#!/usr/bin/env bash
# The demo: a seeded shop's three months through the three processors, and a report from the SQL views.
#
#   scripts/demo.sh local    local log and embedded ClickHouse, nothing to install
#   scripts/demo.sh kafka    sources and logs in a real Apache Kafka broker
#   scripts/demo.sh serve    keep the tables of the last demo open for a BI tool
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-local}
demo=.demo
bin=target/release/crumbtrail
say() { printf '\n== %s\n' "$*"; }

case $mode in
  local) scripts/setup.sh demo ;;
  kafka) scripts/setup.sh kafka ;;
  serve)
    [ -d "$demo/data" ] || { echo "there is no demo yet: run \`make demo\` first" >&2; exit 1; }
    exec "$bin" serve --data "$demo/data"
    ;;
  *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac

say "building (the first time takes some minutes)"
cargo build --release --locked -p crumbtrail

started=$(date +%s)
rm -rf "$demo"; mkdir -p "$demo"
cleanup() {
  [ -z "${engine:-}" ] || { kill "$engine" 2>/dev/null; wait "$engine" 2>/dev/null; } || true
  [ -z "${registry:-}" ] || kill "$registry" 2>/dev/null || true
  [ "$mode" != kafka ] || scripts/kafka.sh stop "$demo/kafka" || true
}
trap cleanup EXIT

say "starting the embedded ClickHouse engine"
"$bin" serve --data "$demo/data" --port-fallback 2> "$demo/engine.log" & engine=$!
for _ in $(seq 1 300); do [ -f "$demo/data/engine/endpoint.json" ] && break; kill -0 $engine || { cat "$demo/engine.log" >&2; exit 1; }; sleep 0.1; done
cat "$demo/engine.log"

if [ "$mode" = local ]; then
  say "making the demo world"
  "$bin" generate world --out "$demo/world"
  say "importing it: intake, sessionize, journey"
  "$bin" import --config "$demo/world/crumbtrail.yaml" --data "$demo/data" --format native \
    "$demo/world/clicks.jsonl" "$demo/world/support.jsonl"
else
  say "starting an Apache Kafka broker and a schema registry"
  broker=$(scripts/kafka.sh start "$demo/kafka")
  "$bin" registry-double --listen 127.0.0.1:0 > "$demo/registry.url" 2> "$demo/registry.log" & registry=$!
  for _ in $(seq 1 100); do [ -s "$demo/registry.url" ] && break; sleep 0.1; done
  url=$(cat "$demo/registry.url")
  echo "broker $broker, registry $url"
  say "making the demo world, straight into the topics"
  "$bin" generate world --out "$demo/world" --format avro --kafka "$broker" --registry "$url"
  say "running intake, sessionize and journey"
  "$bin" run all --config "$demo/world/crumbtrail.yaml" --data "$demo/data" --until-idle
fi

say "what the tables say"
"$bin" report --data "$demo/data" --truths "$demo/world/truths.json" --strict
say "the audit (empty: every record ended in exactly one named outcome)"
"$bin" sql --data "$demo/data" 'SELECT * FROM audit'
took=$(( $(date +%s) - started ))
say "done in $took s (set-up and build aside)"
cat <<WORDS
Open the tables in a BI tool:  make serve   then ClickHouse over HTTP on 127.0.0.1:8123, user default, no password,
                               database crumbtrail (read only). Or ask here:
  $bin sql --data $demo/data 'SELECT stage, count() FROM journeys GROUP BY stage'
WORDS
