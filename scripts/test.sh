#!/usr/bin/env bash
# Vets and tests the packages given (default: all) under the race detector and
# in random order; without an argument also the benchmarks' module and the
# dashboard. A skipped test fails the run. With SWITCHGEAR_TEST_REQUIRE=1, as
# .ci/run has it, what is tested with a program of others fails without it.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=("${@:-./...}")

race=(-race)
export CGO_ENABLED=1
if ! command -v "$(go env CC)" >/dev/null; then
  echo "test.sh: no C compiler, so the race detector cannot run (apt-get install gcc libc6-dev): testing without it" >&2
  race=()
  CGO_ENABLED=0
fi
report=$(mktemp)
trap 'rm -f "$report"' EXIT
go build -o "$report" tools/testreport/main.go

go vet "${packages[@]}"
go test ${race[@]+"${race[@]}"} -shuffle=on -timeout=5m -json "${packages[@]}" | "$report"
if [ "$#" -eq 0 ]; then
  go -C bench test ./...
  scripts/ui.sh
fi
