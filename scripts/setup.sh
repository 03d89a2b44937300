#!/usr/bin/env bash
# Gets what is missing. On Debian as root it installs packages; elsewhere it says in one line what to install.
#
#   scripts/setup.sh build    what a build needs (Rust, cmake, perl, C compiler)
#   scripts/setup.sh demo     build, and the ClickHouse engine
#   scripts/setup.sh kafka    demo, and the Kafka broker
#   scripts/setup.sh all      everything the tests use
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# need COMMAND PACKAGE: fails (returns 1) when it is neither there nor installable.
updated=
need() {
  command -v "$1" >/dev/null && return 0
  if can_install; then
    say "installing $2 (for $1)"
    [ -n "$updated" ] || { apt-get update -qq >/dev/null || true; updated=1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null && command -v "$1" >/dev/null && return 0
  fi
  echo "setup: $1 is missing; install it (Debian: apt-get install $2)" >&2
  return 1
}

build() {
  command -v cargo >/dev/null || { echo "setup: cargo is missing; install Rust 1.90 or newer (rustup)" >&2; exit 1; }
  need cc gcc || exit 1
  need c++ g++ || exit 1
  need cmake cmake || exit 1
  need make make || exit 1
  need perl perl || exit 1
}

engine() {
  need npm npm || exit 1
  scripts/fetch-engine.sh
}

broker() {
  need java openjdk-17-jre-headless || return 1
  need mvn maven || return 1
  scripts/kafka.sh fetch
}

case ${1:-all} in
  build) build ;;
  demo) build; engine ;;
  kafka) build; engine; broker || exit 1 ;;
  all)
    build
    # What cannot be had leaves its tests not run; they are named at the end of `make test`.
    engine || say "no ClickHouse engine: the tests that need it will not run"
    broker || say "no Kafka broker: the tests that need it will not run"
    need python3 python3 || true
    # Debian parts venv from Python.
    python3 -c 'import ensurepip' 2>/dev/null || need ensurepip python3-venv 2>/dev/null || true
    need unzip unzip || true
    python3 -m pip --version >/dev/null 2>&1 || need pip3 python3-pip || true
    scripts/fetch-onnx.sh || say "no ONNX Runtime: the plug-in model's tests will not run"
    need go golang-go || true
    scripts/fetch-tools.sh || say "no helm or promtool: the chart's tests will not run"
    ;;
  *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac
say "ready"
