package auth

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// retry is how long an error says to wait.
func retry(err error) time.Duration {
	var wait interface{ RetryAfter() time.Duration }
	if !errors.As(err, &wait) {
		return 0
	}
	return wait.RetryAfter()
}

func TestLogin_LimitsFailuresButNoValidToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, token("1", "admin", adminSecret))
		try := func(secret string) error {
			_, err := a.Request(request(t, "Bearer "+secret))
			return err
		}
		bad := strings.Repeat("x", 30)
		for i := range 10 {
			if err := try(bad); fleet.KindOf(err) != fleet.Unauthorized {
				t.Fatalf("failure %d: %v", i+1, err)
			}
			time.Sleep(time.Second)
		}
		for range 100 {
			err := try(bad)
			if fleet.KindOf(err) != fleet.Exhausted {
				t.Fatalf("over the limit: %v", err)
			}
			if err := try(adminSecret); err != nil {
				t.Fatalf("a valid token is refused: %v", err)
			}
		}
		time.Sleep(50 * time.Second) // the first failure is a minute ago
		if err := try(bad); fleet.KindOf(err) != fleet.Unauthorized {
			t.Errorf("when the first failure is forgotten: %v", err)
		}
		if err := try(bad); fleet.KindOf(err) != fleet.Exhausted {
			t.Errorf("the second is not: %v", err)
		}
		for range 20 {
			if _, err := a.Request(request(t)); fleet.KindOf(err) != fleet.Unauthorized {
				t.Fatalf("without a token: %v", err)
			}
		}
	})
}

func TestLogin_SaysHowLongToWait(t *testing.T) {
	t.Parallel()
	f := failures{limit: 10}
	now := time.Now()
	for i := range 10 {
		if wait := f.add("192.0.2.1", now.Add(time.Duration(i)*time.Second)); wait != 0 {
			t.Fatalf("failure %d: wait %v", i, wait)
		}
	}
	if wait := f.add("192.0.2.1", now.Add(20*time.Second)); wait != 40*time.Second {
		t.Errorf("wait %v, want 40 s", wait)
	}
	if wait := f.add("192.0.2.2", now.Add(20*time.Second)); wait != 0 {
		t.Errorf("another address waits %v", wait)
	}
}

func TestFailures_AreBounded(t *testing.T) {
	t.Parallel()
	f := failures{limit: 10}
	now := time.Now()
	for i := range 3 * maxAddresses {
		f.add(string(rune('a'+i%26))+time.Duration(i).String(), now.Add(time.Duration(i)*time.Millisecond))
		if len(f.of) > maxAddresses {
			t.Fatalf("%d addresses are kept", len(f.of))
		}
	}
	// Those of one IPv6 network are one.
	six := failures{limit: 10}
	for i := range 10 {
		six.add("2001:db8::"+string(rune('0'+i)), now)
	}
	if wait := six.add("2001:db8::ffff", now); wait == 0 {
		t.Error("an address of the same /64 has tries of its own")
	}
}

func TestLogin_GoesByTheLimitThatWasSet(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 3, 25} {
		var told []string
		a, err := NewWith(Options{LoginsPerMinute: limit, Refused: func(r *http.Request, reason string) {
			told = append(told, Address(r)+" "+reason)
		}})
		if err != nil {
			t.Fatal(err)
		}
		var counted int
		for range 3 * limit {
			if _, err := a.Login(request(t), strings.Repeat("x", 30)); fleet.KindOf(err) == fleet.Unauthorized {
				counted++
			}
		}
		if counted != limit {
			t.Errorf("%d were answered as wrong, want %d", counted, limit)
		}
		if want := slices.Repeat([]string{"192.0.2.1 an unknown token"}, limit); !slices.Equal(told, want) {
			t.Errorf("told %q, want each that was counted: %q", told, want)
		}
	}
	for _, limit := range []int{-1, 1001} {
		if _, err := NewWith(Options{LoginsPerMinute: limit}); err == nil {
			t.Errorf("a limit of %d is taken", limit)
		}
	}
}

func TestFailures_AreALimitInAnyMinute(t *testing.T) {
	t.Parallel()
	const limit = 7
	f := failures{limit: limit}
	now := time.Now()
	var counted []time.Time
	for i := range 5000 {
		now = now.Add(time.Duration(i*i%9001) * time.Millisecond)
		if f.add("192.0.2.1", now) == 0 {
			counted = append(counted, now)
		}
	}
	for i := limit; i < len(counted); i++ {
		if apart := counted[i].Sub(counted[i-limit]); apart < failureWindow {
			t.Fatalf("%d failures were counted within %v", limit+1, apart)
		}
	}
	if len(counted) < 100 {
		t.Errorf("only %d were counted", len(counted))
	}
}
