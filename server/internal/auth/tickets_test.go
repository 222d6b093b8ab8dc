package auth

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

func loggedIn(t *testing.T, a *Authenticator, secret string) Identity {
	t.Helper()
	id, ok := a.Token(secret)
	if !ok {
		t.Fatal("the token is refused")
	}
	return id
}

func newTicket(t *testing.T, a *Authenticator, id Identity) string {
	t.Helper()
	secret, _, err := a.Ticket(id)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestTicket_LetsInOnceAsWhoGotIt(t *testing.T) {
	t.Parallel()
	limited := token("1", "operator", viewerSecret)
	limited.Services = []string{"a*"}
	a := newAuth(t, limited)
	id := loggedIn(t, a, viewerSecret)
	secret := newTicket(t, a, id)
	if len(secret) != 43 || !ValidSecret(secret) {
		t.Errorf("ticket %q", secret)
	}
	if _, ok := a.Token(secret); ok {
		t.Error("a ticket is a token")
	}
	got, err := a.Redeem(request(t), secret)
	if diff := cmp.Diff(id, got, cmp.AllowUnexported(Identity{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	_, again := a.Redeem(request(t), secret)
	_, none := a.Redeem(request(t), "")
	_, tokens := a.Redeem(request(t), viewerSecret)
	for _, err := range []error{again, none, tokens} {
		if fleet.KindOf(err) != fleet.Unauthorized || err.Error() != unauthorized(refusal("")).Error() || Reason(err) != "an unknown ticket" {
			t.Errorf("refused with %v: %s", err, Reason(err))
		}
	}
	if strings.Contains(again.Error()+Reason(again), secret) {
		t.Error("the error has the ticket in it")
	}
}

func TestTicket_LetsInOnceWhoeverRaces(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "viewer", viewerSecret))
	id := loggedIn(t, a, viewerSecret)
	for range 100 {
		secret := newTicket(t, a, id)
		var in atomic.Int32
		var racing sync.WaitGroup
		start := make(chan struct{})
		for range 8 {
			r := request(t)
			racing.Go(func() {
				<-start
				if _, err := a.Redeem(r, secret); err == nil {
					in.Add(1)
				}
			})
		}
		close(start)
		racing.Wait()
		if in.Load() != 1 {
			t.Fatalf("it let in %d times", in.Load())
		}
	}
}

func TestTicket_EndsAfterThirtySeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, token("1", "viewer", viewerSecret))
		id := loggedIn(t, a, viewerSecret)
		early, expires, err := a.Ticket(id)
		if err != nil || !expires.Equal(time.Now().Add(30*time.Second)) {
			t.Errorf("expires %v, %v", expires, err)
		}
		late := newTicket(t, a, id)
		time.Sleep(30*time.Second - time.Nanosecond)
		if _, err := a.Redeem(request(t), early); err != nil {
			t.Errorf("in time: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := a.Redeem(request(t), late); fleet.KindOf(err) != fleet.Unauthorized || Reason(err) != "an expired ticket" {
			t.Errorf("too late: %v, %s", err, Reason(err))
		}
	})
}

func TestTicket_EndsWithItsToken(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "operator", viewerSecret))
	id := loggedIn(t, a, viewerSecret)
	secret := newTicket(t, a, id)
	if err := a.Set([]fleet.Token{token("1", "viewer", viewerSecret)}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Redeem(request(t), secret); fleet.KindOf(err) != fleet.Unauthorized {
		t.Errorf("redeemed although the role is another: %v", err)
	}
	if _, _, err := a.Ticket(id); fleet.KindOf(err) != fleet.Unauthorized {
		t.Errorf("a ticket for an identity that has ended: %v", err)
	}
}

func TestTicket_CountsAsAFailedLoginIfBad(t *testing.T) {
	t.Parallel()
	a := newAuth(t, token("1", "viewer", viewerSecret))
	for range 10 {
		if _, err := a.Redeem(request(t), "x"); fleet.KindOf(err) != fleet.Unauthorized {
			t.Fatal(err)
		}
	}
	if _, err := a.Redeem(request(t), "x"); fleet.KindOf(err) != fleet.Exhausted {
		t.Errorf("the eleventh: %v", err)
	}
	if _, err := a.Login(request(t), "x"); fleet.KindOf(err) != fleet.Exhausted {
		t.Errorf("a token after ten tickets: %v", err)
	}
	if _, err := a.Redeem(request(t), newTicket(t, a, loggedIn(t, a, viewerSecret))); err != nil {
		t.Errorf("a good one is refused: %v", err)
	}
}

func TestTicket_IsBoundedForEachAndAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all []fleet.Token
		for i := range maxTickets/maxTicketsEach + 1 {
			all = append(all, token(strconv.Itoa(i), "viewer", fmt.Sprintf("secret-of-%030d", i)))
		}
		a := newAuth(t, all...)
		open := func(i int) (string, error) {
			secret, _, err := a.Ticket(loggedIn(t, a, fmt.Sprintf("secret-of-%030d", i)))
			return secret, err
		}
		var first string
		for i := range maxTickets / maxTicketsEach {
			for j := range maxTicketsEach {
				secret, err := open(i)
				if err != nil {
					t.Fatalf("ticket %d of %d: %v", j, i, err)
				}
				if first == "" {
					first = secret
				}
			}
			_, err := open(i)
			if wait := retry(err); fleet.KindOf(err) != fleet.Exhausted || wait != 30*time.Second {
				t.Fatalf("one more of %d: %v, wait %v", i, err, wait)
			}
		}
		if _, err := open(maxTickets / maxTicketsEach); fleet.KindOf(err) != fleet.Exhausted {
			t.Errorf("one more of all: %v", err)
		}
		if _, err := a.Redeem(request(t), first); err != nil {
			t.Fatal(err)
		}
		if _, err := open(0); err != nil {
			t.Errorf("in the place of one that was redeemed: %v", err)
		}
		time.Sleep(30 * time.Second)
		if _, err := open(maxTickets / maxTicketsEach); err != nil {
			t.Errorf("after all have expired: %v", err)
		}
		if s := &a.tickets; s.inLine.Len() != 1 || len(s.byHash) != 1 || len(s.of) != 1 {
			t.Errorf("%d, %d and %d are kept", s.inLine.Len(), len(s.byHash), len(s.of))
		}
	})
}
