#!/usr/bin/env bash
# Makes ROUNDS (3) rounds of all faults with three managers of one PostgreSQL
# database, the first with SEED (by default one of its own), of about two minutes
# each. With OLD, the path of a switchgear of an older version, all managers begin as that
# one and are restarted into this one, one by one, first. Where a round fails, its history and the logs of the managers stay in
# dist/robustness, and the same seed makes the same faults again.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
kept=$PWD/dist/robustness
mkdir -p "$kept"

SWITCHGEAR_ROBUSTNESS_OLD=${3:-} SWITCHGEAR_TEST_REQUIRE=1 SWITCHGEAR_ROBUSTNESS_ROUNDS=$rounds SWITCHGEAR_ROBUSTNESS_SEED=${2:-$((RANDOM + 1))} \
  go test -count=1 -v -timeout="$((rounds * 15))m" -run='^TestSeveralManagers' \
  -artifacts -outputdir="$kept" ./internal/clustertest
