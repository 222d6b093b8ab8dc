package migrating

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
)

var errBusiness = errors.New("insufficient funds")

func TestResilience4j_TimeBasedWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// region resilience4j
		cfg := switchgear.Config{
			FailureThreshold:      1, // the rates decide
			FailureRateThreshold:  0.5,
			SlowCallRateThreshold: 0.8,
			SlowCallDuration:      2 * time.Second,
			MinimumOperations:     20,
			MonitoringWindow:      60 * time.Second,
			ResetTimeout:          30 * time.Second,
			MaxResetTimeout:       5 * time.Minute,
			BackoffMultiplier:     1.5,
			MinHealthyPeriod:      60 * time.Second,
			Classify: func(err error) switchgear.Outcome {
				if errors.Is(err, errBusiness) {
					return switchgear.Ignored
				}
				return switchgear.Failure
			},
		}
		// end region
		if w := cfg.Lint(switchgear.Usage{}); len(w) != 0 {
			t.Errorf("the example is warned of: %v", w)
		}
		b := newBreaker(t, cfg)
		run := func(times int, takes time.Duration, err error) {
			for range times {
				_, _ = switchgear.Do(context.Background(), b, func(context.Context) (string, error) {
					time.Sleep(takes)
					return "", err
				})
			}
		}
		run(10, 0, nil)
		run(100, 0, errBusiness)
		run(9, 0, errDown)
		if got := b.State(); got != switchgear.Closed {
			t.Fatalf("9 failures of 19: %v", got)
		}
		run(1, 0, errDown)
		wantOpen(t, b)
		if err := b.Reset(switchgear.Closed, switchgear.Order{Actor: "ada", Reason: "to go on"}); err != nil {
			t.Fatal(err)
		}
		run(4, 0, nil)
		run(16, 2*time.Second, nil)
		wantOpen(t, b) // 16 slow calls of 20
	})
}

func TestResilience4j_JSONSaysTheSameAsGo(t *testing.T) {
	t.Parallel()
	document := fence(t, "../../docs/migrating.md", "json")
	var cfg switchgear.Config
	if err := json.Unmarshal([]byte(document), &cfg); err != nil {
		t.Fatal(err)
	}
	want := switchgear.Config{
		FailureThreshold: 1, FailureRateThreshold: 0.5, SlowCallRateThreshold: 0.8, SlowCallDuration: 2 * time.Second,
		MinimumOperations: 20, MonitoringWindow: time.Minute, ResetTimeout: 30 * time.Second, MaxResetTimeout: 5 * time.Minute,
		BackoffMultiplier: 1.5, MinHealthyPeriod: time.Minute,
	}
	if d := cmp.Diff(want.Resolved(), cfg.Resolved()); d != "" {
		t.Errorf("(-Go +JSON):\n%s", d)
	}
}

// fence is the only block of the language in the document.
func fence(t *testing.T, file, language string) (text string) {
	t.Helper()
	inside, seen := false, 0
	for line := range lines(t, file) {
		switch {
		case line == "```"+language:
			inside = true
			seen++
		case line == "```":
			inside = false
		case inside:
			text += line + "\n"
		}
	}
	if seen != 1 {
		t.Fatalf("%s has %d blocks of %s, want 1", file, seen, language)
	}
	return text
}
