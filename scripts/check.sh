#!/usr/bin/env bash
# All that a commit must pass. It changes no file.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s\n' "$*"; "$@"; }

step go tool -modfile=tools/go.mod golangci-lint fmt --diff ./...
step go mod tidy -diff
step go -C bench mod tidy -diff
step scripts/lint.sh
step scripts/test.sh
step go -C bench vet ./...
step go -C bench test ./...
step go -C tools test ./...
for os in linux darwin windows; do
  step env CGO_ENABLED=0 GOOS="$os" go build ./...
done
