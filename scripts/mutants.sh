#!/usr/bin/env bash
# Plants known faults into copies of the breaker, one by one, runs the tests of
# the laws, and prints which test catches which. Fails where a fault lives, or
# where its place is no longer in the code. Arguments choose faults by name.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chosen=" $* "
planted=0
alive=()

# plant NAME FILE OLD NEW [OLD NEW]... changes the code and runs the tests.
plant() {
  local name=$1 file=$2 code copy=$work/$1
  shift 2
  [[ $chosen == "  " || $chosen == *" $name "* ]] || return 0
  mkdir -p "$copy/docs"
  cp "$root"/*.go "$root"/go.mod "$root"/go.sum "$copy"
  cp -r "$root/internal" "$copy"
  cp "$root"/docs/*.md "$copy/docs"
  code=$(<"$copy/$file")
  while (($#)); do
    if [[ $code != *"$1"* ]]; then
      echo "mutants.sh: $name: $file no longer has: $1" >&2
      exit 1
    fi
    code=${code/"$1"/"$2"}
    shift 2
  done
  printf '%s\n' "$code" >"$copy/$file"
  planted=$((planted + 1))
  if ! (cd "$copy" && go build .); then
    echo "mutants.sh: $name: the changed code does not build" >&2
    exit 1
  fi
  if (cd "$copy" && go test -count=1 -vet=off -timeout=30s -run='^Test(Law|State|Hot|Sampling|Stripes)' . >"$copy/log" 2>&1); then
    alive+=("$name")
    printf '%-22s LIVES\n' "$name"
  else
    printf '%-22s %s\n' "$name" "$(killers "$copy/log")"
  fi
  rm -rf "$copy"
}

# killers names the tests that failed, or that hung until the time was over.
killers() {
  local names
  names=$(sed -nE 's/^--- FAIL: ([A-Za-z0-9_]+).*/\1/p; s/^[[:space:]]+(Test[A-Za-z0-9_]+).* \([0-9.]+m?[0-9.]*s\)$/\1 (hangs)/p' "$1" |
    sort -u | paste -sd, | sed 's/,/, /g')
  echo "${names:-the run: $(grep -m1 -E '^(panic|fatal error|FAIL)' "$1" || true)}"
}

plant threshold-exceeded outcome.go \
  't.failures >= uint64(cfg.FailureThreshold) && cfg.FailureRateThreshold == 0' \
  't.failures > uint64(cfg.FailureThreshold) && cfg.FailureRateThreshold == 0'
plant no-generation outcome.go \
  'stale := o.permitted && o.generation != b.generation' \
  'stale := o.permitted && o.generation > b.generation'
plant open-time-short clock.go \
  'b.until = b.opened + int64(b.openTime)' 'b.until = b.opened + int64(b.openTime) - 1'
plant open-time-long clock.go \
  'b.until = b.opened + int64(b.openTime)' 'b.until = b.opened + int64(b.openTime) + 1'
plant window-short window.go \
  'const windowSlots = 10' 'const windowSlots = 8'
plant window-long window.go \
  'max(w.head+1, n-windowSlots+1)' 'max(w.head+2, n-windowSlots+1)'
plant no-release-on-panic permit.go \
  'if !returned {' 'if !returned && false {' \
  'if !*returned {' 'if !*returned && false {'
plant wall-clock breaker.go \
  'return int64(time.Since(b.base))' 'return int64(time.Now().Round(0).Sub(b.base))'
plant one-probe-more recovery.go \
  'if r.probe.Load() != nil || ctx' 'if r.probe.Load() != nil && r.drawn.Add(1) != 1 || ctx' \
  'r.firstSuccess.Load() != 0 || r.probe.Load() != nil {' 'r.firstSuccess.Load() != 0 {'
plant no-clear-on-close clock.go \
  'c.window.clear(b.successes())' '_ = c'
plant callback-in-lock observe.go \
  'o.queue = append(o.queue, v)' 'o.deliver(v)'
plant number-reused clock.go \
  'b.transitions++' 'if to != HalfOpen { b.transitions++ }'

plant no-deadline recovery.go \
  'at = min(at, l.deadline)' '_ = l.deadline'
plant hang-not-seen cells.go \
  'cell.CompareAndSwap(old, next)' 'cell.CompareAndSwap(old, old)'
plant row-not-broken outcome.go \
  'b.streak = 0' '_ = b.streak'
plant backoff-kept clock.go \
  'b.streak, b.attempts, b.failedRecoveries = 0, 0, 0' 'b.streak, b.attempts = 0, 0'
plant goexit-counted permit.go \
  'o.kind = Ignored' 'o.kind = Failure'
plant time-left-unbounded restore.go \
  'min(max(s.NextAttemptAt.Sub(wall), 0), s.OpenTime)' 'max(s.NextAttemptAt.Sub(wall), 0)'
plant outage-is-the-latest outage.go \
  'case t == nil:' 'case true:'
plant second-not-given ramp.go \
  'n > last' 'n > last+1'

plant slow-only-at-its-end watch.go \
  'b.judgeWindow(now, outcome' '_, _ = now, (outcome'
plant slow-twice outcome.go \
  'w.forget(&b.stats().window, o.timing)' '_ = w'
plant slow-for-good watch.go \
  'if in.number(h.at) > in.head-windowSlots {
			n += h.n' 'if h.n > 0 {
			n += h.n'
plant sample-weighs-one sampling.go \
  'return uint32(min(max(seen, 1), 2*maxGap))' 'return min(uint32(seen), 1)'
plant sampling-for-good sampling.go \
  '			s.next.Store(1)' '			_ = s'
plant stripes-stay stripes.go \
  'b.striping.CompareAndSwap(old, next)' '_ = next'

if ((${#alive[@]})); then
  echo "mutants.sh: no test catches: ${alive[*]}" >&2
  exit 1
fi
if ((planted == 0)); then
  echo "mutants.sh: there is no fault of that name" >&2
  exit 2
fi
echo "$planted faults, all caught"
