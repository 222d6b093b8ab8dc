#!/usr/bin/env bash
# Vets and tests the packages given (default: all) under the race detector and
# in random order. A skipped test fails the run; tests of something outside the
# program see SWITCHGEAR_TEST_REQUIRE=1 and must fail where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=("${@:-./...}")

if ! command -v "$(go env CC)" >/dev/null; then
  echo "test.sh: the race detector needs a C compiler: apt-get install gcc libc6-dev" >&2
  exit 1
fi
report=$(mktemp)
trap 'rm -f "$report"' EXIT
go build -o "$report" tools/testreport/main.go

export CGO_ENABLED=1 SWITCHGEAR_TEST_REQUIRE=1
go vet "${packages[@]}"
go test -race -shuffle=on -timeout=5m -json "${packages[@]}" | "$report"
