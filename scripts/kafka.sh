#!/usr/bin/env bash
# A real Apache Kafka broker (KRaft, one combined node) for tests and the demo.
#
#   scripts/kafka.sh fetch                 get the broker's jars (pinned, checked) into .setup/kafka
#   scripts/kafka.sh start DIR [PORT]      start a broker with its data in DIR; prints host:port
#   scripts/kafka.sh stop DIR              stop it
#   scripts/kafka.sh kill DIR              stop it without asking (SIGKILL)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
home=$root/.setup/kafka

die() { echo "kafka: $*" >&2; exit 1; }

fetch() {
  if [ -f "$home/.complete" ] && cmp -s "$root/scripts/kafka/pom.xml" "$home/.complete"; then return; fi
  command -v java >/dev/null || die "java is missing: install a JDK 17 (Debian: apt-get install openjdk-17-jre-headless)"
  command -v mvn >/dev/null || die "mvn is missing: install Maven (Debian: apt-get install maven)"
  echo "kafka: fetching the broker's jars (about 45 MB)" >&2
  rm -rf "$home"; mkdir -p "$home/libs"
  (cd "$root/scripts/kafka" && mvn -q -B --strict-checksums dependency:copy-dependencies -DoutputDirectory="$home/libs" >&2)
  (cd "$home/libs" && sha256sum --quiet -c "$root/scripts/kafka/jars.sha256") || die "a jar differs from scripts/kafka/jars.sha256"
  cp "$root/scripts/kafka/pom.xml" "$home/.complete"
  echo "kafka: ready" >&2
}

# Below the ports that the system gives to whoever connects: by the time the broker listens, one of those may be taken.
free_port() {
  local port
  while :; do
    port=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

start() {
  local dir=$1 port=${2:-} controller
  fetch
  mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
  if [ ! -f "$dir/server.properties" ]; then
    port=${port:-$(free_port)}; controller=$(free_port)
    cat > "$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
message.max.bytes=4194304
PROPERTIES
    echo "127.0.0.1:$port" > "$dir/address"
    cat > "$dir/log4j2.properties" <<LOG4J
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
LOG4J
    ( run_java "$dir" kafka.tools.StorageTool format --standalone --cluster-id="$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')" \
      -c "$dir/server.properties" ) > "$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; die "storage could not be formatted"; }
  fi
  port=$(cut -d: -f2 "$dir/address")
  (run_java "$dir" kafka.Kafka "$dir/server.properties" >> "$dir/broker.log" 2>&1 < /dev/null & echo $! > "$dir/pid")
  for _ in $(seq 1 1200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then cat "$dir/address"; return; fi
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || { tail -n 20 "$dir/broker.log" >&2; die "the broker ended; see $dir/broker.log"; }
    sleep 0.1
  done
  die "the broker did not open port $port within two minutes; see $dir/broker.log"
}

run_java() {
  local dir=$1; shift
  exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$dir/log4j2.properties" \
    -cp "$home/libs/*" "$@"
}

stop() {
  local signal=$1 dir=$2 pid
  [ -f "$dir/pid" ] || return 0
  pid=$(cat "$dir/pid")
  kill "-$signal" "$pid" 2>/dev/null || true
  for _ in $(seq 1 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/pid"
}

case ${1:-} in
  fetch) fetch ;;
  start) [ $# -ge 2 ] || die "usage: kafka.sh start DIR [PORT]"; start "$2" "${3:-}" ;;
  stop) [ $# -ge 2 ] || die "usage: kafka.sh stop DIR"; stop TERM "$2" ;;
  kill) [ $# -ge 2 ] || die "usage: kafka.sh kill DIR"; stop KILL "$2" ;;
  *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac
