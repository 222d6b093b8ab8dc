package httpbreaker_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// sick makes a breaker that has opened and begins a recovery at once.
func sick(t *testing.T, probeTimeout time.Duration) (*switchgear.Breaker, <-chan switchgear.Transition) {
	t.Helper()
	b := newBreaker(t, switchgear.Config{
		FailureThreshold: 1, ResetTimeout: time.Millisecond, MaxResetTimeout: time.Millisecond, MinHealthyPeriod: -1, ProbeTimeout: probeTimeout,
	})
	moved := moves(t, b)
	b.HandleError(errors.New("down"), 0)
	await(t, moved, switchgear.HalfOpen)
	return b, moved
}

func TestTransport_AProbeHoldsItsPlaceUntilItsBodyEnds(t *testing.T) {
	t.Parallel()
	chunks := make(chan string)
	s := newServer(t, stream(chunks))
	b, moved := sick(t, time.Hour)
	c, _ := newClient(t, s, b)
	probe := mustGet(t, c, s.URL)
	if _, err := get(t.Context(), t, c, s.URL); !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("beside the probe: %v", err)
	}
	close(chunks)
	finish(t, probe)
	await(t, moved, switchgear.Closed)
}

func TestTransport_AProbeWhoseBodyOutlastsProbeTimeoutIsAFailure(t *testing.T) {
	t.Parallel()
	chunks := make(chan string)
	s := newServer(t, stream(chunks))
	b, moved := sick(t, 30*time.Millisecond)
	c, _ := newClient(t, s, b)
	probe := mustGet(t, c, s.URL) // and nobody closes its body
	if tr := await(t, moved, switchgear.Open); tr.Evidence.Rule != switchgear.RuleProbeTimeout {
		t.Errorf("it opened by %+v", tr.Evidence)
	}
	await(t, moved, switchgear.HalfOpen) // the place is free again
	before := b.Operations()
	close(chunks)
	finish(t, probe) // its outcome is known already
	wantOperations(t, b, before)
}

func TestTransport_AProbeThatIsCancelledFreesItsPlace(t *testing.T) {
	t.Parallel()
	s := newServer(t, hang)
	b, _ := sick(t, time.Hour)
	c, _ := newClient(t, s, b)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := get(ctx, t, c, s.URL)
		for begun := time.Now(); errors.Is(err, switchgear.ErrOpen) && time.Since(begun) < patience; {
			_, err = get(ctx, t, c, s.URL) // the end of the last one is on its way
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the probe ended with %v", err)
		}
	}
	if got := b.State(); got != switchgear.HalfOpen {
		t.Errorf("it is %v", got)
	}
}

// TestBreakers_CountEveryRequestOnceUnderLoad lets a thousand clients do all
// that clients do, to a server behind a Handler.
func TestBreakers_CountEveryRequestOnceUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, each = 1000, 3
	inner, outer := newBreaker(t, steady), newBreaker(t, steady)
	s := newServer(t, (&httpbreaker.Handler{Breaker: inner, Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/failure":
			w.WriteHeader(http.StatusBadGateway)
		case "/abort":
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/hang":
			<-r.Context().Done()
		}
		_, _ = w.Write(make([]byte, 10_000))
	})}).ServeHTTP)
	c, tr := newClient(t, s, outer)
	base := &http.Transport{MaxConnsPerHost: 50, MaxIdleConnsPerHost: 50} // a thousand sockets are not the point
	t.Cleanup(base.CloseIdleConnections)
	var ended, successful, failed, ignored atomic.Uint64
	tr.Base, tr.Ended = base, func(o httpbreaker.Operation) {
		ended.Add(1)
		switch o.Outcome {
		case switchgear.Success:
			successful.Add(1)
		case switchgear.Failure:
			failed.Add(1)
		case switchgear.Ignored:
			ignored.Add(1)
		}
	}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range each {
				behave(t, c, s.URL)
			}
		})
	}
	all.Wait()
	got := outer.Operations()
	if got.Total()+got.Ignored != clients*each || ended.Load() != clients*each || got.Rejected != 0 {
		t.Errorf("of %d operations it counted %+v and told %d", clients*each, got, ended.Load())
	}
	wantOperations(t, outer, switchgear.Operations{Successful: successful.Load(), Failed: failed.Load(), Ignored: ignored.Load()})
	if got.Successful == 0 || got.Failed == 0 || got.Ignored == 0 {
		t.Errorf("the mix was %+v", got)
	}
}

// behave does one of the things that a client may do.
func behave(t *testing.T, c *http.Client, url string) {
	t.Helper()
	path := []string{"/", "/", "/failure", "/abort", "/hang"}[rand.IntN(5)]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if path == "/hang" {
		time.AfterFunc(time.Duration(rand.IntN(20))*time.Millisecond, cancel)
	}
	resp, err := get(ctx, t, c, url+path)
	if err != nil {
		if path != "/hang" {
			t.Error(err)
		}
		return
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if rand.IntN(2) == 0 {
		_, _ = io.Copy(io.Discard, resp.Body)
		return
	}
	var closing sync.WaitGroup
	closing.Go(func() { _ = resp.Body.Close() })
	_, _ = resp.Body.Read(make([]byte, 100))
	closing.Wait()
}
