package series

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// flaky is a store whose series are away while down is true.
type flaky struct {
	*memory.Store

	down atomic.Bool
	lost atomic.Bool // what is written, is, and the answer is an error
}

func (f *flaky) PutSeries(ctx context.Context, chunks []fleet.SeriesChunk) error {
	away := &fleet.Error{Kind: fleet.Unavailable, Op: "put series", Err: errors.New("away")}
	if f.down.Load() {
		return away
	}
	err := f.Store.PutSeries(ctx, chunks)
	if err == nil && f.lost.Load() {
		return away
	}
	return err
}

// deed is something that is done to a service.
type deed struct {
	What string
	N, M int
}

var someDeed = rapid.Custom(func(r *rapid.T) deed {
	what := rapid.SampledFrom([]string{"report", "report", "report", "wait", "long", "restart", "anew", "store"}).Draw(r, "what")
	n, m := 0, 0
	switch what {
	case "report":
		n, m = rapid.IntRange(0, 20).Draw(r, "ok"), rapid.IntRange(0, 3).Draw(r, "bad")
	case "wait":
		n = rapid.IntRange(1, 5000).Draw(r, "ms")
	case "long":
		n = 1000 * rapid.IntRange(1, 1800).Draw(r, "s")
	case "store":
		n, m = rapid.IntRange(0, 1).Draw(r, "down"), rapid.IntRange(0, 1).Draw(r, "lost")
	}
	return deed{what, n, m}
})

// history is what a test has done to a service, so that it is known what its
// series must say.
type history struct {
	*bench

	store   *flaky
	begin   time.Time
	there   bool
	ok, bad uint64
}

func (h *history) do(d deed) {
	switch d.What {
	case "report":
		if !h.there {
			h.declare("web", lenient)
			h.there = true
		}
		h.report("web", d.N, d.M)
		h.ok, h.bad = h.ok+uint64(d.N), h.bad+uint64(d.M)
	case "wait", "long":
		pass(time.Duration(d.N) * time.Millisecond)
	case "restart":
		h.store.down.Store(false) // what is in memory alone would be gone
		pass(6 * time.Second)
		h.stop()
		h.bench = start(h.t, h.store, Config{})
	case "anew":
		if h.there {
			pass(2 * time.Second) // what is told once a second and not yet is not told any more
			if err := h.manager.Remove(context.Background(), "web", operator); err != nil {
				h.t.Fatal(err)
			}
			h.there = false
		}
	case "store":
		h.store.down.Store(d.N == 1)
		h.store.lost.Store(d.M == 1)
	}
}

// total is what the series say of a range.
func (h *history) total(from, to time.Time, step time.Duration) (ok, bad uint64, err error) {
	a, err := h.Of(context.Background(), "web", from, to, step)
	if err != nil {
		return 0, 0, err
	}
	last := time.Time{}
	for _, p := range a.Series[0].Points {
		if !p.At.After(last) || p.At.Before(a.From) || !p.At.Before(a.To) {
			return 0, 0, fmt.Errorf("a point at %v after one at %v in %v to %v", p.At, last, a.From, a.To)
		}
		last = p.At
	}
	ok, bad = sum(a.Series[0].Points)
	return ok, bad, nil
}

// check says what is wrong. Of the range from a to b in it parts and steps must
// agree.
func (h *history) check(fromMinute, minutes int) error {
	now := time.Now()
	if ok, bad, err := h.total(h.begin, time.Time{}, 0); err != nil || ok != h.ok || bad != h.bad {
		return fmt.Errorf("all in all %d and %d, want %d and %d (%w)", ok, bad, h.ok, h.bad, err)
	}
	fromMinute %= max(1, int((now.Sub(h.begin)-1)/time.Minute)+1) // so that it is before now
	a := h.begin.Truncate(time.Minute).Add(time.Duration(fromMinute) * time.Minute)
	b := a.Add(time.Duration(minutes) * time.Minute)
	var ok, bad uint64
	for _, part := range [][2]time.Time{{h.begin.Add(-time.Minute), a}, {a, b}, {b, now.Add(time.Minute)}} {
		if part[0].Before(now) {
			more, worse, err := h.total(part[0], part[1], time.Minute)
			if err != nil {
				return err
			}
			ok, bad = ok+more, bad+worse
		}
	}
	if ok != h.ok || bad != h.bad {
		return fmt.Errorf("in parts at %v and %v: %d and %d, want %d and %d", a, b, ok, bad, h.ok, h.bad)
	}
	ok, bad, err := h.total(a, b, time.Minute)
	if err != nil {
		return err
	}
	for _, finer := range []time.Duration{time.Second, 2 * time.Second, 10 * time.Second, 30 * time.Second} {
		if a.Before(now.Add(-15*time.Minute)) && finer < 10*time.Second || a.Before(now.Add(-6*time.Hour)) {
			continue
		}
		if more, worse, err := h.total(a, b, finer); err != nil || more != ok || worse != bad {
			return fmt.Errorf("from %v to %v at %v: %d and %d, at a minute %d and %d (%w), now %v", a, b, finer, more, worse, ok, bad, err, now)
		}
	}
	return nil
}

func TestSeries_AddUpToTheTotals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		deeds := rapid.SliceOfN(someDeed, 1, 40).Draw(r, "deeds")
		from, minutes := rapid.IntRange(0, 1000).Draw(r, "from"), rapid.IntRange(1, 15).Draw(r, "minutes")
		var err error
		synctest.Test(t, func(t *testing.T) {
			h := &history{store: &flaky{Store: memory.New()}, begin: time.Now()}
			h.bench = start(t, h.store, Config{})
			for _, d := range deeds {
				h.do(d)
			}
			pass(3 * time.Second)
			err = h.check(from, minutes)
			h.stop()
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}
