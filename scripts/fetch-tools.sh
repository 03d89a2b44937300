#!/usr/bin/env bash
# Tools the tests use: helm (built from its Go module, pinned; the module proxy's checksum database checks it).
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.setup/tools/bin
version=v3.22.0
[ -x "$tools/helm" ] && [ "$(cat "$tools/.helm" 2>/dev/null)" = "$version" ] && exit 0
command -v go >/dev/null || { echo "setup: go is missing; install it (Debian: apt-get install golang-go)" >&2; exit 1; }
mkdir -p "$tools"
echo "setup: building helm $version (about two minutes)"
GOBIN=$tools GOFLAGS=-mod=mod CGO_ENABLED=0 go install -ldflags='-s -w' "helm.sh/helm/v3/cmd/helm@$version"
echo "$version" > "$tools/.helm"
