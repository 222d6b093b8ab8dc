package failsafebreaker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/failsafebreaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// prompt opens at the second failure and closes at the first success.
var prompt = switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Minute, MinHealthyPeriod: -1, Jitter: -1}

func newBreaker(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	b, err := switchgear.New("prices", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recovering is a breaker whose next operation is the probe.
func recovering(t *testing.T) *switchgear.Breaker {
	t.Helper()
	b := newBreaker(t, prompt)
	for range prompt.FailureThreshold {
		b.HandleError(errBoom, 0)
	}
	time.Sleep(prompt.ResetTimeout)
	synctest.Wait()
	if got := b.State(); got != switchgear.HalfOpen {
		t.Fatalf("state = %v, want half_open", got)
	}
	return b
}

func counted(t *testing.T, b *switchgear.Breaker, want switchgear.Operations) {
	t.Helper()
	if got := b.Operations(); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func inState(t *testing.T, b *switchgear.Breaker, want switchgear.State) {
	t.Helper()
	if got := b.State(); got != want {
		t.Errorf("state = %v, want %v", got, want)
	}
}

// pipeline composes the policies from the outside in.
func pipeline(policies ...failsafe.Policy[string]) failsafe.Executor[string] {
	return failsafe.With(policies...)
}

func policyOf(b *switchgear.Breaker) *failsafebreaker.Policy[string] {
	return failsafebreaker.New[string](b)
}

// takes is work that takes d, unless its context ends before, and then succeeds.
func takes(d time.Duration) func(failsafe.Execution[string]) (string, error) {
	return func(e failsafe.Execution[string]) (string, error) {
		select {
		case <-time.After(d):
			return "done", nil
		case <-e.Context().Done():
			return "", e.Context().Err()
		}
	}
}

func fails() (string, error) { return "", errBoom }

// hang is work that ends only with its context.
func hang(e failsafe.Execution[string]) (string, error) {
	<-e.Context().Done()
	return "", e.Context().Err()
}
