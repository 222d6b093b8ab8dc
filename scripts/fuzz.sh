#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME (default 10s each), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

# go test -list prints a package's targets, then a line with its name.
go test -list '^Fuzz' ./... | awk '
  /^Fuzz/ { targets[n++] = $1 }
  $1 == "ok" { for (i = 0; i < n; i++) print $2, targets[i]; n = 0 }
' | while read -r package target; do
  printf '\n== %s %s\n' "$package" "$target"
  go test -run='^$' -fuzz="^$target\$" -fuzztime="${FUZZTIME:-10s}" -fuzzminimizetime=1s "$package" </dev/null
done
