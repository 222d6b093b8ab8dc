package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// flapping has opened so many times since half an hour, for another reason each.
func flapping(openings int) func(*wire.Entry) {
	return func(e *wire.Entry) {
		opened("the probe: 503 Service Unavailable")(e)
		b, first := &e.CircuitBreaker, "connection refused by 10.0.0.7"
		b.Trip.Rule, b.Trip.Failures, b.Trip.Successes = "recovery_failure", 1, 0
		b.Outage = &wire.Outage{BeganAt: at(-30 * time.Minute), Rule: "slow_calls", Failures: 7, Successes: 3, LastError: &first, Openings: openings}
		b.RecoveryAttempts, b.LastRecoveryAttempt = openings-1, at(-91*time.Second)
	}
}

func TestVerdict_CutsNothingOffThatIsDraggedDown(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 60, 80, 120, 200} {
		for users := range 40 {
			s := newStage(t, width, 24)
			entries := []wire.Entry{service("postgres_main", flapping(4)), service("other", opened("down"))}
			for i := range users {
				entries = append(entries, service(fmt.Sprintf("service_%02d", i), needs("postgres_main"), func(e *wire.Entry) { e.Status = degraded }))
			}
			s.snapshot(entries...)
			s.mustFit()
			head := strings.Join(strings.Split(s.plainScreen(), "\n")[:4], "\n")
			if users == 0 {
				continue
			}
			named := strings.Count(head, "service_")
			said := fmt.Sprintf("drags down %d", users)
			if users > named && named > 0 {
				said = fmt.Sprintf(" and %d more; 1 other trouble", users-named)
			}
			if !strings.Contains(head, said) || !strings.Contains(head, "; 1 other trouble") || strings.Contains(head, "service_0…") {
				t.Errorf("%d columns, %d users: not %q in\n%s", width, users, said, head)
			}
		}
	}
}

func TestVerdict_FitsOneLineOfALowScreen(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, tall-1)
	s.snapshot(service("postgres_main", flapping(4)), service("orders", needs("postgres_main"), func(e *wire.Entry) { e.Status = degraded }))
	s.mustShow("Root of failure: postgres_main, drags down 1: orders\n   STATUS")
}

func TestOutage_IsToldFromItsBeginning(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.snapshot(service("postgres_main", flapping(4)))
	s.mustShow("Root of failure: postgres_main, for 30m00s (slow calls, 3 recoveries failed)")
	s.press("enter")
	s.golden("page_flapping")
	s.press("esc")
	wide := newStage(t, 200, 50)
	wide.snapshot(service("postgres_main", flapping(2)))
	wide.mustShow("30m00s try 30s      1 recovery failed, at first: connection refused by 10.0.0.7")
	half := newStage(t, 80, 24)
	half.snapshot(service("postgres_main", flapping(3), func(e *wire.Entry) {
		e.Status, e.CircuitBreaker.State, e.CircuitBreaker.AdmittedShare = degraded, halfOpen, 0.05
	}))
	half.mustShow("Recovering: postgres_main, for 30m00s (slow calls, 2 recoveries failed)")
	half.press("enter")
	half.mustShow("began      11:30:00Z, 30m00s ago, by slow calls: 7 failed and 3 succeeded", "attempt 2, 5% of operations are let in")
}

func TestOutage_OfAManagerThatTellsNoneIsTheLatestOpening(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.snapshot(service("web", flapping(4), func(e *wire.Entry) { e.CircuitBreaker.Outage = nil }))
	s.mustShow("Root of failure: web, for 1m30s (an operation of the recovery failed)")
	s.press("enter")
	s.mustShow("open, since 11:58:30Z, 1m30s ago", "last error the probe: 503", "3 attempts failed")
}

func TestEvents_SayHowLongItWas(t *testing.T) {
	t.Parallel()
	e := event(3, "transition", halfOpen, closed, `{"rule":"min_healthy_period","outage":{"began_at":"2026-11-23T11:00:03.000Z","rule":"slow_calls","openings":3}}`)
	if got, want := eventText(&e), "half-open → closed: healthy long enough, after 1h00m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVisible_LeavesNothingThatReordersALine(t *testing.T) {
	t.Parallel()
	var controls []rune
	for _, r := range [][2]rune{{0x061c, 0x061c}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2069}, {0xfeff, 0xfeff}, {0x80, 0x9f}} {
		for c := r[0]; c <= r[1]; c++ {
			controls = append(controls, c)
		}
	}
	for _, c := range controls {
		if got, want := visible("a"+string(c)+"b"), fmt.Sprintf(`a\u%04xb`, c); got != want {
			t.Errorf("U+%04X is shown as %q, want %q", c, got, want)
		}
	}
}
