#!/usr/bin/env bash
# Fetches the embedded ClickHouse engine: .setup/engine/libchdb.so, from its npm package, pinned and checked.
# Does nothing when that version is there already. Prints one closing word: "ready" or what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

version=26.7.3-stable.1
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    package=@chdb/lib-linux-x64-gnu
    integrity=sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==
    ;;
  Linux-aarch64 | Linux-arm64)
    package=@chdb/lib-linux-arm64-gnu
    integrity= # not recorded: this package could not be had where the pin was made; give CRUMBTRAIL_ENGINE_SHA512
    ;;
  *)
    echo "engine: there is none for $(uname -s) on $(uname -m); set CRUMBTRAIL_ENGINE=/path/libchdb.so, or use a ClickHouse server" >&2
    exit 1
    ;;
esac
integrity=${integrity:-${CRUMBTRAIL_ENGINE_SHA512:-}}

folder=$PWD/.setup/engine
library=$folder/libchdb.so
mark=$folder/version
wanted="$package@$version"
if [ -f "$library" ] && [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ]; then
  echo "engine: ready ($version)"
  exit 0
fi
if [ -z "$integrity" ]; then
  echo "engine: no checksum is recorded for $wanted; set CRUMBTRAIL_ENGINE_SHA512=sha512-… to the one that npm view $wanted dist.integrity shows, and run again" >&2
  exit 1
fi
for tool in npm openssl tar; do
  command -v "$tool" >/dev/null || { echo "engine: $tool is missing; install it (Debian: apt-get install $tool)" >&2; exit 1; }
done
if [ "$(uname -m)" = x86_64 ] && ! grep -qw avx2 /proc/cpuinfo; then
  echo "engine: this processor has no AVX2, which the engine needs; use a ClickHouse server instead" >&2
  exit 1
fi

mkdir -p "$folder"
# One at a time: demo and tests may be started together.
exec 9>"$folder/.lock"
flock 9
if [ -f "$library" ] && [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ]; then
  echo "engine: ready ($version)"
  exit 0
fi
draft=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$draft"' EXIT

echo "engine: fetching $wanted (about 180 MB, 570 MB unpacked)"
mkdir "$draft/cache"
npm pack "$wanted" --silent --cache "$draft/cache" --pack-destination "$draft" >"$draft/log" 2>&1 9>&- &
fetching=$!
shown=0
while kill -0 "$fetching" 2>/dev/null; do
  sleep 1
  seconds=$((${seconds:-0} + 1))
  if [ -t 1 ] || [ $((seconds - shown)) -ge 5 ]; then
    shown=$seconds
    printf 'engine: %3d MB after %d s\n' "$(du -sm "$draft/cache" | cut -f1)" "$seconds"
  fi
done
if ! wait "$fetching"; then
  tail -n 5 "$draft/log" >&2
  echo "engine: npm could not fetch $wanted; is the npm registry within reach?" >&2
  exit 1
fi
rm -rf "$draft/cache"
archive=$(find "$draft" -maxdepth 1 -name '*.tgz' | head -n 1)

echo "engine: checking"
found=sha512-$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
if [ "$found" != "$integrity" ]; then
  echo "engine: the checksum of $wanted is $found, expected $integrity; nothing was installed" >&2
  exit 1
fi

echo "engine: unpacking"
tar -xzf "$archive" -C "$draft" package/libchdb.so
mv "$draft/package/libchdb.so" "$library"
echo "$wanted" >"$mark"
echo "engine: ready ($version)"
