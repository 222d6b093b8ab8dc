package switchgear

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// drive makes an event happen to a breaker and returns the breaker that is
// there afterwards: a restart makes a new one, with the observer told.
type drive func(t *testing.T, b *Breaker, told func(Transition)) *Breaker

func driven(f func(*testing.T, *Breaker)) drive {
	return func(t *testing.T, b *Breaker, _ func(Transition)) *Breaker {
		t.Helper()
		f(t, b)
		return b
	}
}

// tableConfig has every rule, each with a number of its own.
var tableConfig = Config{
	FailureThreshold: 5, ConsecutiveFailureThreshold: 4, SlowCallDuration: time.Second, SlowCallRateThreshold: 1,
	MinimumOperations: 3, HalfOpenFailureThreshold: 2, RecoverySteps: []float64{}, Jitter: -1,
}

// tableEvents are the events of docs/state_machine.md.
func tableEvents() map[string]drive {
	order := Order{Actor: "tester", Reason: "a test"}
	begin := func(mode Mode) drive {
		return driven(func(t *testing.T, b *Breaker) { t.Helper(); mustNot(t, b.Override(untilTomorrow(mode))) })
	}
	end := func(mode Mode) drive {
		return driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			mustNot(t, b.Override(untilTomorrow(mode)))
			wait(24 * time.Hour)
		})
	}
	follow := func(to State) drive {
		return driven(func(t *testing.T, b *Breaker) { t.Helper(); mustNot(t, b.Follow(to, order)) })
	}
	reset := func(to State) drive {
		return driven(func(t *testing.T, b *Breaker) { t.Helper(); mustNot(t, b.Reset(to, order)) })
	}
	change := func(t *testing.T, b *Breaker, changes ...func(*Config)) {
		t.Helper()
		for _, change := range changes {
			cfg := b.Config()
			change(&cfg)
			mustNot(t, b.Configure(cfg))
		}
	}
	set := func(changes ...func(*Config)) drive {
		return driven(func(t *testing.T, b *Breaker) { t.Helper(); change(t, b, changes...) })
	}
	times := func(n int, f func(*Breaker)) drive {
		return driven(func(_ *testing.T, b *Breaker) {
			for range n {
				f(b)
			}
		})
	}
	restart := func(after time.Duration) drive {
		return func(t *testing.T, b *Breaker, told func(Transition)) *Breaker {
			t.Helper()
			s := b.Snapshot()
			quiet(b) // its process has ended
			wait(after)
			b = newBreaker(t, tableConfig)
			b.Observe(told)
			mustNot(t, b.Restore(s))
			return b
		}
	}
	disable := func(c *Config) { c.Disabled = true }
	enable := func(c *Config) { c.Disabled = false }
	return map[string]drive{
		"a success":                  times(1, succeed),
		"the first success":          times(1, succeed),
		"a failure below every rule": times(3, fail),
		"an ignored outcome":         times(9, func(b *Breaker) { do(b, Ignore(errBoom)) }),
		"the failure that reaches failureThreshold": driven(func(_ *testing.T, b *Breaker) {
			for _, step := range []func(*Breaker){fail, fail, fail, succeed, fail, fail} {
				step(b)
			}
		}),
		"the failure that reaches failureRateThreshold": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			change(t, b, func(c *Config) { c.FailureRateThreshold, c.FailureThreshold = 0.6, 3 })
			for _, step := range []func(*Breaker){succeed, fail, succeed, fail, fail} {
				step(b)
			}
		}),
		"the failure that reaches consecutiveFailureThreshold":  times(4, fail),
		"the slow operation that reaches slowCallRateThreshold": times(3, slowly),
		"the operation in flight that reaches slowCallRateThreshold": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			letIn(t, b, 3)
			wait(tableConfig.SlowCallDuration + tableConfig.SlowCallDuration/8)
		}),
		"an operation": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			if do(b, nil) {
				t.Error("it is admitted")
			}
		}),
		"the outcome of work that ran elsewhere": times(1, func(b *Breaker) { b.RecordSuccess(0) }),
		"the open time is over":                  driven(func(*testing.T, *Breaker) { wait(time.Minute) }),
		"minHealthyPeriod since the first success": driven(func(_ *testing.T, b *Breaker) {
			succeed(b)
			wait(2 * time.Minute)
		}),
		"silence without a success":                         driven(func(*testing.T, *Breaker) { wait(24 * time.Hour) }),
		"a failure below halfOpenFailureThreshold":          times(1, fail),
		"the failure that reaches halfOpenFailureThreshold": times(2, fail),
		"a failed health check": times(2, func(b *Breaker) {
			b.endCheck(b.beginCheck(false), &checkError{text: "ill"}, 0)
		}),
		"a probe that misses its deadline": times(2, func(b *Breaker) {
			hang(b)
			wait(time.Minute)
		}),
		"an operation that hangs after the first success": driven(func(_ *testing.T, b *Breaker) {
			succeed(b)
			hang(b)
			hang(b)
			wait(time.Minute + time.Minute/8)
		}),
		"the context of the probe is cancelled": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			_, err := b.Allow(ctx)
			mustNot(t, err)
			cancel()
		}),
		"before the first success, an operation whose context is done": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := b.Allow(ctx); !errors.Is(err, ErrOpen) {
				t.Errorf("it gets %v", err)
			}
		}),
		"a reset to closed": reset(Closed), "a reset to half_open": reset(HalfOpen),
		"forced_open begins": begin(ForcedOpen), "forced_open ends": end(ForcedOpen),
		"forced_closed begins": begin(ForcedClosed), "forced_closed ends": end(ForcedClosed),
		"the instances open together": follow(Open), "the instances begin to recover together": follow(HalfOpen),
		"the open time is over while it is held": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			b.Hold(time.Hour)
			wait(time.Hour - 1)
		}),
		"the end of a hold after the open time": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			b.Hold(time.Hour)
			wait(2 * time.Minute)
			b.Hold(0)
		}),
		"disabled": set(disable), "enabled again": set(disable, enable),
		"a reset while the mode is not auto": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			change(t, b, disable)
			if b.Reset(HalfOpen, order) == nil {
				t.Error("it is not refused")
			}
		}),
		"a new config that leaves time": set(func(c *Config) { c.ResetTimeout = 2 * time.Minute }),
		"a new config whose open time is over": driven(func(t *testing.T, b *Breaker) {
			t.Helper()
			wait(30 * time.Second)
			change(t, b, func(c *Config) { c.ResetTimeout = 20 * time.Second })
		}),
		"a restart": restart(0), "a restart with time left": restart(59 * time.Second),
		"a restart after the open time": restart(time.Minute),
	}
}

// hang begins an operation that never ends.
func hang(b *Breaker) { _, _ = b.Allow(context.Background()) }

// tableRows reads the table of transitions.
func tableRows(t *testing.T) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile("docs/state_machine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Transitions\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) == 5 && cells[0] != "from" {
			rows = append(rows, cells)
		}
	}
	return rows
}

// TestStateTable_EveryRowHappens drives a breaker through each row of the table
// in docs/state_machine.md.
func TestStateTable_EveryRowHappens(t *testing.T) {
	t.Parallel()
	begin := map[string]func(*testing.T, Config) *Breaker{"closed": newBreaker, "open": opened, "half_open": recovering}
	events, used, edges := tableEvents(), map[string]bool{}, map[string]bool{}
	for _, cells := range tableRows(t) {
		from, event, to, rule := cells[0], cells[1], cells[2], cells[3]
		used[event] = true
		edges[from+" "+to] = true
		t.Run(from+", "+event, bubble(func(t *testing.T) {
			if begin[from] == nil || events[event] == nil {
				t.Fatalf("%q or %q is not known", from, event)
			}
			b := begin[from](t, tableConfig)
			told := watch(b)
			wait(0) // what led here is told to nobody
			b = events[event](t, b, told.add)
			wait(0)
			got, moves := "–", told.all()
			if len(moves) == 1 {
				got = moves[0].Evidence.Rule
			}
			if b.State().String() != to || got != rule || len(moves) > 1 {
				t.Errorf("it goes to %v by %q: %+v", b.State(), got, moves)
			}
		}))
	}
	for event := range events {
		if !used[event] {
			t.Errorf("the table has no row for %q", event)
		}
	}
	for edge := range map[string]bool{
		"closed open": true, "closed half_open": true, "open closed": true,
		"open half_open": true, "half_open closed": true, "half_open open": true,
	} {
		if !edges[edge] {
			t.Errorf("the table does not go from %s", edge)
		}
	}
}

// TestMutantsPage_NamesWhatThereIs holds docs/mutants.md against the script that
// plants the mistakes, and against the tests.
func TestMutantsPage_NamesWhatThereIs(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := read("docs/mutants.md")
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, name := range files {
		tests.WriteString(read(name))
	}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(tests.String(), "func "+name[1]+"(") {
			t.Errorf("there is no test %s", name[1])
		}
	}
	for _, plant := range regexp.MustCompile(`(?m)^plant (\S+)`).FindAllStringSubmatch(read("scripts/mutants.sh"), -1) {
		if !strings.Contains(page, "\n| "+plant[1]+" | ") {
			t.Errorf("the page has no line for %s", plant[1])
		}
	}
}
