#!/usr/bin/env bash
# Runs the linters, built at the version that tools/go.mod pins, on each module.
set -euo pipefail
cd "$(dirname "$0")/.."
lint() { go tool -modfile="$root/tools/go.mod" golangci-lint "$@"; }
root=$PWD

lint config verify
for module in . bench tools; do
  cd "$root/$module"
  lint run ./...
done
"$root/scripts/openapi.sh"
