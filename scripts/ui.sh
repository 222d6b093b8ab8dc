#!/usr/bin/env bash
# Builds and checks the dashboard. Without an argument everything is checked:
# types, unit tests, that ui/dist is what ui/src makes, the size of the first
# load, and the page in a browser against the manager.
#
#   ui.sh build      builds ui/dist
#   ui.sh e2e [FILE] the tests in the browser alone, or those of some files
#   ui.sh shots      takes the pictures of the README
#
# Node.js with npm and Chromium are programs of others. Without them it says so
# and checks what it can; with SWITCHGEAR_TEST_REQUIRE=1 it fails.
set -euo pipefail
cd "$(dirname "$0")/../ui"

readonly budget=$((100 * 1024)) # bytes of the first load, with gzip

# missing ends the script where something is not there that it needs.
missing() {
  echo "ui.sh: $*" >&2
  [ "${SWITCHGEAR_TEST_REQUIRE:-}" != 1 ] && [ "$command" = check ] && exit 0
  exit 1
}

packages() {
  command -v npm >/dev/null || missing "no npm, so the dashboard is not checked (apt-get install nodejs npm)"
  node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)
  ' || missing "Node.js $(node --version) is too old for the dashboard: 20.19 or newer is needed"
  if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error || missing "the packages of ui/package-lock.json are not to be had"
    touch node_modules/.package-lock.json
  fi
}

browser() {
  CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  [ -n "$CHROMIUM" ] || missing "no Chromium, so the dashboard is not tried in a browser (apt-get install chromium)"
  export CHROMIUM
}

build() { node_modules/.bin/vite build --logLevel=warn --emptyOutDir --outDir "$1"; }

# compare fails where the committed build is not the one of these sources.
compare() {
  build "$work/dist"
  if ! diff -rq dist "$work/dist" >"$work/diff"; then
    sed "s|$work/dist|the build|g" "$work/diff" >&2
    echo "ui.sh: ui/dist is not what ui/src makes: run make ui and commit what it made" >&2
    exit 1
  fi
}

# size adds up what index.html loads before anything is clicked.
size() {
  local file n total=0
  for file in index.html $(grep -oE '(src|href)="/[^"]+"' dist/index.html | cut -d'"' -f2); do
    n=$(gzip -9 -c "dist/${file#/}" | wc -c)
    total=$((total + n))
  done
  echo "the first load is $total bytes with gzip, of $budget"
  if [ "$total" -gt "$budget" ]; then
    echo "ui.sh: the first load is larger than $budget bytes" >&2
    exit 1
  fi
}

manager() {
  (cd .. && go build -o "$work/switchgear" ./cmd/switchgear)
  export SWITCHGEAR_BINARY=$work/switchgear
}

# e2e runs one file after the other: each has a browser and a manager.
e2e() {
  local files=("$@")
  [ "${#files[@]}" -gt 0 ] || files=(e2e/*.test.mjs)
  node --test --test-concurrency=1 --test-timeout=300000 --test-reporter=spec "${files[@]}"
}

command=${1:-check}
[ "$#" -eq 0 ] || shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages
case $command in
  check)
    node_modules/.bin/tsc --noEmit
    node_modules/.bin/tsc --noEmit -p e2e
    node_modules/.bin/vitest run src
    compare
    size
    browser
    manager
    e2e
    ;;
  build) build dist && size ;;
  e2e) browser && manager && e2e "$@" ;;
  shots) browser && manager && node e2e/shots.mjs ;;
  *)
    echo "ui.sh: there is no $command: see the top of this file" >&2
    exit 2
    ;;
esac
