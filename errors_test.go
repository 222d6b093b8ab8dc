package switchgear

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOpenError_SaysWhatRejectsAndWhyAndForHowLong(t *testing.T) {
	t.Parallel()
	t.Run("open, recovering, forced", bubble(func(t *testing.T) {
		b := opened(t, Config{})
		texts := []string{}
		say := func() {
			_, err := b.Allow(t.Context())
			texts = append(texts, err.Error())
		}
		say()
		wait(time.Minute)
		hang(b)
		say()
		mustNot(t, b.Override(Override{Mode: ForcedOpen, Reason: "maintenance", Actor: "tester", Until: time.Now().Add(time.Hour)}))
		say()
		for i, want := range [][]string{
			{"a_service is open", "failure_threshold", "5 failures", `"boom"`, "retry after 1m0s"},
			{"a_service is recovering", "failure_threshold", "retry after 1s"},
			{"a_service is forced open (maintenance)", "retry after 1h0m0s"},
		} {
			for _, part := range want {
				if !strings.Contains(texts[i], part) {
					t.Errorf("%q does not say %q", texts[i], part)
				}
			}
		}
	}))
}

func TestOpenError_SaysHowManyWereSlow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open func(*testing.T, *Breaker)
		want string
	}{
		"all of them have ended": {func(t *testing.T, b *Breaker) {
			t.Helper()
			for _, step := range []func(*Breaker){succeed, slowly, fail, slowly} {
				step(b)
			}
		}, "is open: slow_calls, 2 slow of 4 that ended, last error"},
		"none of them has": {func(t *testing.T, b *Breaker) {
			t.Helper()
			succeed(b)
			letIn(t, b, 3)
			wait(2 * time.Second)
		}, "is open: slow_calls, 3 slow of 1 that ended and 3 in flight; retry"},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			b := newBreaker(t, slowRule(4))
			c.open(t, b)
			_, err := b.Allow(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		}))
	}
}

func TestIgnore_KeepsTheError(t *testing.T) {
	t.Parallel()
	if Ignore(nil) != nil {
		t.Error("Ignore(nil) is an error")
	}
	err := Ignore(waitError{time.Second})
	var inside waitError
	if !errors.As(err, &inside) || err.Error() != inside.Error() {
		t.Errorf("%v does not show what is marked", err)
	}
}

func TestNames_AreTheWiresBothWays(t *testing.T) {
	t.Parallel()
	type names struct {
		State   State
		Mode    Mode
		Outcome Outcome
	}
	for i := range 3 {
		was := names{State(i), Mode(i + 1), Outcome(i)}
		data, err := json.Marshal(was)
		if err != nil {
			t.Fatal(err)
		}
		var is names
		if err := json.Unmarshal(data, &is); err != nil || is != was {
			t.Errorf("%s is read as %v: %v", data, is, err)
		}
	}
	if _, err := json.Marshal(State(9)); err == nil || State(9).String() != "State(9)" {
		t.Errorf("a state that is none: %v, %v", State(9), err)
	}
	if err := new(Mode).UnmarshalText([]byte("closed")); err == nil {
		t.Error("a name that is none is read")
	}
}

func TestNew_ChecksTheName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 128)
	for name, want := range map[string]bool{
		"a": true, "0": true, "a_b.c:d-e9": true, long: true,
		"": false, "_a": false, "A": false, "a b": false, "ä": false, "a/b": false, long + "a": false,
	} {
		b, err := New(name, Config{})
		if ValidName(name) != want || (err == nil) != want || want && b.Name() != name {
			t.Errorf("the name %q: %v, want it accepted: %v", name, err, want)
		}
	}
}
