package auth

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// inBubble is an Authenticator whose keys come from the issuer without a
// network.
func inBubble(t *testing.T, keys *issuer) *Authenticator {
	t.Helper()
	return newJWTAuth(t, JWTOptions{JWKSURL: "https://issuer.example/keys", Client: &http.Client{Transport: keys}})
}

// running runs it until the returned function is called, which waits.
func running(t *testing.T, a *Authenticator) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestRun_EndsWhoWasLetInByAWithdrawnKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("k")
		keys := newIssuer(s)
		a := inBubble(t, keys)
		defer running(t, a)()
		synctest.Wait()
		if n := keys.asked.Load(); n != 1 {
			t.Errorf("asked %d times at the start", n)
		}
		id, ok := a.Token(s.token())
		if !ok {
			t.Fatal("the key is refused")
		}
		time.Sleep(10 * time.Minute)
		if n := keys.asked.Load(); n < 5 || n > 7 || !a.Active(id) {
			t.Errorf("asked %d times in ten minutes; active: %v", n, a.Active(id))
		}
		keys.publishes(newSigner("other"))
		began := time.Now()
		<-a.Changed()
		if took := time.Since(began); took > 2*time.Minute || a.Active(id) {
			t.Errorf("after %v; active: %v", took, a.Active(id))
		}
	})
}

func TestRun_AsksAgainSoonWhenItCouldNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("k")
		keys := newIssuer(s)
		answer := *keys.answer.Load()
		keys.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		a := inBubble(t, keys)
		defer running(t, a)()
		time.Sleep(time.Hour)
		if n := keys.asked.Load(); n < 200 || n > 241 {
			t.Errorf("asked %d times in an hour", n)
		}
		keys.answers(answer)
		time.Sleep(retryAfter)
		synctest.Wait() // Run asks at this very moment
		asked := keys.asked.Load()
		if _, ok := a.Token(s.sign(`{"alg":"ES256"}`, payload())); !ok || keys.asked.Load() != asked {
			t.Errorf("let in: %v; asked because of it: %v", ok, keys.asked.Load() != asked)
		}
	})
}

func TestRun_OnlyWaitsWhereThereIsNothingToFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, a := range []*Authenticator{newAuth(t), newJWTAuth(t, JWTOptions{Secret: jwtSecret})} {
			stop := running(t, a)
			time.Sleep(time.Hour)
			stop()
		}
	})
}

func TestRun_EndsAFetchThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := newIssuer()
		keys.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		var log bytes.Buffer
		a, err := NewWith(Options{
			JWT:    &JWTOptions{JWKSURL: "https://issuer.example/keys", Client: &http.Client{Transport: keys}},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := running(t, a)
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 0 || log.Len() > 0 {
			t.Errorf("it took %v to end; the log says %q", took, &log)
		}
	})
}

func TestKeySet_IsFreshWithoutRunTooWhenATokenComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("k")
		keys := newIssuer(s)
		a := inBubble(t, keys)
		token := s.token()
		if _, ok := a.Token(token); !ok {
			t.Fatal("the key is refused")
		}
		keys.publishes()
		time.Sleep(2*time.Minute - time.Nanosecond)
		if _, ok := a.Token(token); !ok {
			t.Error("it was looked at again too soon")
		}
		time.Sleep(time.Nanosecond)
		if _, ok := a.Token(token); ok {
			t.Error("a withdrawn key lets in after two minutes")
		}
	})
}

func TestKeySet_AwayIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("k")
		keys := newIssuer()
		answer := *newIssuer(s).answer.Load()
		keys.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		counted := 0
		a, err := NewWith(Options{
			JWT:     &JWTOptions{JWKSURL: "https://issuer.example/keys", Client: &http.Client{Transport: keys}},
			Refused: func(*http.Request, string) { counted++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		token := s.token()
		for range 100 {
			if _, err := a.Login(request(t), token); fleet.KindOf(err) != fleet.Unavailable || Reason(err) != "no keys for JWTs" {
				t.Fatalf("got %v: %s", err, Reason(err))
			}
		}
		if n := keys.asked.Load(); counted != 0 || n > 1+spareFetches {
			t.Errorf("%d failed log-ins counted, asked %d times", counted, n)
		}
		if _, err := a.Login(request(t), "a.b.c"); fleet.KindOf(err) != fleet.Unauthorized || counted != 1 {
			t.Errorf("what is no token at all: %v, counted %d", err, counted)
		}
		keys.answers(answer)
		time.Sleep(retryAfter)
		if _, err := a.Login(request(t), token); err != nil {
			t.Errorf("when the keys can be had: %v", err)
		}
	})
}

func TestKeySet_ThatHangsLetsNobodyWaitForKeysItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner("k")
		keys := newIssuer(s)
		a := inBubble(t, keys)
		good, unknown := s.token(), newSigner("new").token()
		took := func(token string, want bool) time.Duration {
			began := time.Now()
			if _, ok := a.Token(token); ok != want {
				t.Errorf("let in: %v, want %v", ok, want)
			}
			return time.Since(began)
		}
		took(good, true)
		keys.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(5 * time.Minute) // the keys are not fresh any more

		first := make(chan time.Duration)
		go func() { first <- took(good, true) }() // fetches, in vain
		synctest.Wait()
		if d := took(good, true); d != 0 {
			t.Errorf("another with a known key waits %v", d)
		}
		if d := took(unknown, false); d > fetchTimeout {
			t.Errorf("one with an unknown key waits %v", d)
		}
		if d := <-first; d > fetchTimeout {
			t.Errorf("the one that fetches waits %v", d)
		}
		for range 3 {
			if d := took(good, true); d != 0 {
				t.Errorf("just after that a known key waits %v", d)
			}
		}
	})
}

func TestKeySet_FindsANewKeySoonWhileUnknownOnesPourIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, next := newSigner("k"), newSigner("next")
		keys := newIssuer(s)
		a := inBubble(t, keys)
		noise, token := newSigner("noise").token(), next.token(with("exp", time.Now().Add(time.Hour).Unix()))
		pour := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				a.Token(noise)
			}
		}
		pour(10 * time.Minute)
		if n := keys.asked.Load(); n > 1+spareFetches+60+5 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		keys.publishes(s, next)
		pour(spareEvery)
		if _, ok := a.Token(token); !ok {
			t.Error("the new key is not found after 10 s")
		}
		asked := keys.asked.Load()
		time.Sleep(time.Minute) // it calms down: there are spare fetches again
		for range 10 {
			a.Token(noise)
		}
		if n := keys.asked.Load() - asked; n != spareFetches {
			t.Errorf("asked %d times after a quiet minute", n)
		}
	})
}
