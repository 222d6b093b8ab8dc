package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

func TestProxy_WarnsWhenItsClientsAreLessPatientThanItself(t *testing.T) {
	t.Parallel()
	arrived, log := make(chan struct{}), &logged{}
	p := startProxy(t, newUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}), switchgear.Config{FailureThreshold: 1}, func(s *sidecar) { s.log = log.logger(t) })
	for range minAbandoned {
		if log.has("give up before") {
			t.Error("it warns too early")
		}
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		asking.Go(func() {
			if resp, err := p.client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
		<-arrived
		cancel()
		asking.Wait()
	}
	eventually(t, func() bool { return log.has("most clients give up before the upstream says anything") })
	if !log.has("abandoned=10 requests=10 upstream_timeout=20s") {
		t.Error("it does not say how many")
	}
	if got := p.breaker.Operations(); got != (switchgear.Operations{Ignored: minAbandoned}) {
		t.Errorf("its breaker counted %+v", got)
	}
}

func TestProxy_WarnsOnceAWindowAndOnlyIfMostHaveGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := impatience{window: time.Minute}
		count := func(n int, abandoned bool) (warned int) {
			for range n {
				if _, _, most := i.count(time.Now(), abandoned); most {
					warned++
				}
			}
			return warned
		}
		for _, step := range []struct {
			after           time.Duration
			stayed, left    int
			want            int
			abandoned, made int
		}{
			{0, 100, 100, 0, 100, 200}, // half of them
			{0, 0, 1, 1, 101, 201},     // most
			{0, 0, 100, 0, 201, 301},   // it is told
			{time.Minute, 0, minAbandoned - 1, 0, minAbandoned - 1, minAbandoned - 1},
			{time.Second, 0, 100, 1, minAbandoned + 99, minAbandoned + 99},
			{time.Minute, 0, 100, 1, 100, 100},
		} {
			time.Sleep(step.after)
			if got := count(step.stayed, false) + count(step.left, true); got != step.want || i.abandoned != step.abandoned || i.all != step.made {
				t.Errorf("it warned %d times of %d out of %d, want %+v", got, i.abandoned, i.all, step)
			}
		}
	})
}

func TestProxy_CountsOnlyTheClientsThatGoBeforeAnAnswer(t *testing.T) {
	t.Parallel()
	p := startProxy(t, "http://127.0.0.1:1", switchgear.Config{}, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	cut, stop := context.WithCancelCause(t.Context())
	stop(errCut)
	of := func(ctx context.Context, outcome switchgear.Outcome, status int) httpbreaker.Operation {
		return httpbreaker.Operation{
			Request: httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx), Outcome: outcome, Status: status,
		}
	}
	for name, test := range map[string]struct {
		o    httpbreaker.Operation
		want int
	}{
		"gone":             {of(gone, switchgear.Ignored, 0), 1},
		"answered":         {of(gone, switchgear.Ignored, http.StatusOK), 0},
		"failed":           {of(gone, switchgear.Failure, 0), 0},
		"a broken upload":  {of(t.Context(), switchgear.Ignored, 0), 0},
		"the proxy's stop": {of(cut, switchgear.Ignored, 0), 0},
	} {
		p.impatience.abandoned = 0
		if p.sidecar.ended(test.o); p.impatience.abandoned != test.want {
			t.Errorf("%s counts as %d", name, p.impatience.abandoned)
		}
	}
}

func TestProxy_SlowCallsOpenItWhoeverGivesUpFirst(t *testing.T) {
	t.Parallel()
	p := startProxy(t, newUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), switchgear.Config{
		SlowCallDuration: 50 * time.Millisecond, SlowCallRateThreshold: 0.5, MinimumOperations: 5,
	}, nil)
	opened := make(chan switchgear.Transition, 1)
	defer p.breaker.Observe(func(tr switchgear.Transition) { opened <- tr })()
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	var asking sync.WaitGroup
	for range 5 {
		asking.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			if resp, err := p.client.Do(req); err == nil {
				_ = resp.Body.Close()
				t.Error("it answered")
			}
		})
	}
	select {
	case tr := <-opened:
		if tr.Evidence.Rule != switchgear.RuleSlowCalls || tr.Evidence.Slow != 5 {
			t.Errorf("it opened by %+v", tr.Evidence)
		}
	case <-time.After(patient):
		t.Error("it does not open")
	}
	giveUp()
	asking.Wait()
}
