package series

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// tell tells the recorder of "web" with so many successes.
func (r *Recorder) tell(successes uint64) {
	v := &fleet.View{Service: "web", Running: true}
	v.Breaker.Operations.Successful = successes
	v.Breaker.AdmittedShare = 1
	r.see(fleet.Change{Service: v.Service, View: v})
}

// planned is how a recorder answers that keeps what it does by default.
func planned(q Query, now time.Time) (Answer, int, error) {
	l := ladder(tiers)
	return l.plan(q, now)
}

// wholeSum is what happened to "web" since a moment, wherever it is kept.
func wholeSum(t *testing.T, r *Recorder, from time.Time, step time.Duration) uint64 {
	t.Helper()
	a, err := r.Of(context.Background(), "web", from, time.Time{}, step)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Time{}
	for _, p := range a.Series[0].Points {
		if !p.At.After(last) {
			t.Errorf("a point at %v after one at %v", p.At, last)
		}
		last = p.At
	}
	ok, _ := sum(a.Series[0].Points)
	return ok
}

func TestRecorder_PointsStayInOrderWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	for _, back := range []int64{1, 59, 61, 500} {
		t.Run(strconv.FormatInt(back, 10), func(t *testing.T) {
			t.Parallel()
			r := newBenchRecorder(t, memory.New())
			now := time.Now()
			second, total := now.Unix()-800, uint64(0)
			work := func(seconds int) {
				for range seconds {
					second++
					total += 5
					r.tell(total)
					r.record(second)
					r.gather(second, false)
					if err := r.write(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
			}
			r.see(fleet.Change{Service: "web", Event: &fleet.Event{Kind: fleet.EventRegistered}})
			r.tell(0)
			r.record(second)
			work(600)
			second -= back
			work(700 - 600 + int(back))
			from := now.Add(-14 * time.Minute)
			for _, step := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
				if got := wholeSum(t, r, from, step); got != total {
					t.Errorf("step %v: %d happened, want %d", step, got, total)
				}
			}
		})
	}
}

func TestRecorder_KeepsWhatItPromisesAndNoMore(t *testing.T) {
	t.Parallel()
	s := openSQLite(t)
	r := newBenchRecorder(t, s)
	now := time.Now()
	// A minute is a second here, but of the last 20 minutes: so 31 days are
	// recorded in a while.
	total := uint64(0)
	record := func(second int64) {
		total++
		r.tell(total)
		r.record(second)
		r.gather(second, second%60 == 0)
		if err := r.write(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for second := now.Add(-32 * 24 * time.Hour).Unix(); second < now.Unix()-8*3600; second += 3600 {
		record(second)
	}
	for second := now.Unix() - 8*3600; second < now.Unix()-1200; second += 60 {
		record(second)
	}
	for second := now.Unix() - 1200; second < now.Unix(); second++ {
		record(second)
	}
	for range 4 {
		r.trim(t.Context(), now)
	}
	for i, keep := range []time.Duration{15 * time.Minute, 6 * time.Hour, 30 * 24 * time.Hour} {
		for _, service := range []string{"web", ""} {
			chunks, err := s.Series(t.Context(), fleet.SeriesQuery{Service: service, Step: tiers[i].step, To: now.Add(time.Hour)})
			if err != nil || len(chunks) == 0 {
				t.Fatalf("%d chunks, %v", len(chunks), err)
			}
			if age := now.Sub(chunks[0].Start); age < keep || age > keep+tiers[i].slack+time.Second {
				t.Errorf("step %v: the oldest of %q is %v old", tiers[i].step, service, age)
			}
		}
	}
	for _, q := range []struct {
		past, step time.Duration
	}{{15 * time.Minute, time.Second}, {6 * time.Hour, 30 * time.Second}, {30*24*time.Hour - time.Hour, time.Hour}} {
		a, err := r.Of(t.Context(), "web", now.Add(-q.past), now, q.step)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := a.Series[0], 0
		if a.Step != q.step || !first.Points[0].At.Equal(a.From) {
			t.Errorf("%v at %v: step %v, from %v the first point is at %v", q.past, q.step, a.Step, a.From, first.Points[0].At)
		}
	}
}

func TestRecorder_IsBoundedWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Store: memory.New()}
		b := start(t, s, Config{MaxWaiting: 64 << 10})
		for i := range 20 {
			b.declare(fmt.Sprintf("s%02d", i), lenient)
		}
		s.down.Store(true)
		total := 0
		for range 30 * 60 {
			total++
			for i := range 20 {
				b.report(fmt.Sprintf("s%02d", i), 1, 0)
			}
			pass(time.Second)
		}
		b.mu.Lock()
		if b.bytes > 64<<10 {
			t.Errorf("%d bytes wait", b.bytes)
		}
		dropped := b.stats.Dropped
		b.mu.Unlock()
		if dropped == 0 {
			t.Error("nothing was dropped: the test is too short")
		}
		s.down.Store(false)
		pass(2 * time.Minute)
		if done := b.Stats(); done.Waiting != 0 || done.Chunks == 0 {
			t.Errorf("after the store is back: %+v", done)
		}
		// The totals come with the first point that is kept: nothing is lost but
		// its place.
		a := b.of("s07", time.Now().Add(-time.Hour), time.Minute)
		if ok, _ := sum(a.Series[0].Points); int(ok) > total || int(ok) < total*9/10 {
			t.Errorf("%d happened, of %d", ok, total)
		}
	})
}

func TestMany_RefusesWhatIsNoRange(t *testing.T) {
	t.Parallel()
	r := newBenchRecorder(t, memory.New())
	now := time.Now()
	for name, tt := range map[string]struct {
		q     Query
		field string
	}{
		"the end before the beginning": {Query{From: now, To: now.Add(-time.Minute)}, "from"},
		"nothing between":              {Query{From: now.Add(-time.Minute), To: now.Add(-time.Minute)}, "from"},
		"in the future":                {Query{From: now.Add(time.Minute)}, "from"},
		"half seconds":                 {Query{Step: 1500 * time.Millisecond}, "step"},
		"below zero":                   {Query{Step: -time.Second}, "step"},
		"too many points":              {Query{From: now.Add(-5 * 24 * time.Hour), Step: 5 * time.Second}, "step"},
		"far too many":                 {Query{From: time.Unix(1, 0), Step: time.Minute}, "step"},
		"before there were seconds":    {Query{From: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Add(1), Step: time.Minute}, "from"},
		"a step of years":              {Query{From: time.Now().Add(-8 * time.Hour), Step: 9223372036 * time.Second}, "step"},
	} {
		tt.q.Services = []string{"web"}
		_, err := r.Many(t.Context(), tt.q)
		if fields := fleet.FieldsOf(err); fleet.KindOf(err) != fleet.Invalid || len(fields) != 1 || fields[0].Field != tt.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMany_ChoosesTheFinestStepThatIsKept(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tt := range map[string]struct {
		past, asked, want time.Duration
	}{
		"15 minutes":                    {15 * time.Minute, 0, time.Second},
		"18 minutes":                    {18 * time.Minute, 0, 10 * time.Second},
		"two hours":                     {2 * time.Hour, 0, 10 * time.Second},
		"six hours":                     {6 * time.Hour, 0, time.Minute},
		"a day":                         {24 * time.Hour, 0, 5 * time.Minute},
		"a month":                       {30 * 24 * time.Hour, 0, time.Hour},
		"since 1970":                    {time.Since(time.Unix(86400*365, 0)), 0, 24 * 21 * time.Hour},
		"as asked":                      {10 * time.Minute, 7 * time.Second, 7 * time.Second},
		"not kept so far back":          {time.Hour, 7 * time.Second, 10 * time.Second},
		"not a multiple of what is":     {time.Hour, 15 * time.Second, 20 * time.Second},
		"minutes where those are kept":  {24 * time.Hour, 10 * time.Minute, 10 * time.Minute},
		"seconds where minutes are not": {10 * time.Hour, 90 * time.Second, 2 * time.Minute},
	} {
		a, _, err := planned(Query{From: now.Add(-tt.past), Step: tt.asked}, now)
		if err != nil || a.Step != tt.want || a.buckets() > maxPoints {
			t.Errorf("%s: step %v, %d points, %v; want %v", name, a.Step, a.buckets(), err, tt.want)
		}
	}
}

func TestMany_BoundsWhatManyServicesAreToldTogether(t *testing.T) {
	t.Parallel()
	now := time.Now()
	services := make([]string, 200)
	a, _, err := planned(Query{Services: services, From: now.Add(-30 * 24 * time.Hour)}, now)
	if err != nil || a.buckets() > 500 {
		t.Errorf("%d points each, %v", a.buckets(), err)
	}
	_, _, err = planned(Query{Services: services, From: now.Add(-30 * 24 * time.Hour), Step: 22 * time.Minute}, now)
	if fields := fleet.FieldsOf(err); len(fields) != 1 || fields[0].Field != "step" {
		t.Errorf("400 000 points: %v", err)
	}
}

func TestMany_TellsNoGapWhereAStepMovesTheBeginning(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	a, tier, err := planned(Query{Services: []string{"web"}, From: now.Add(-14 * time.Minute), Step: 3601 * time.Second}, now)
	if err != nil || now.Sub(a.From) > tiers[tier].keep+time.Minute {
		t.Errorf("from %v before, of the tier of %v; %v", now.Sub(a.From), tiers[tier].step, err)
	}
}

func TestLine_LetsOneInAndTurnsTooManyAway(t *testing.T) {
	t.Parallel()
	l := newLine()
	leave, err := l.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone is told %v", err)
	}
	for range maxLine {
		l.waiting <- struct{}{}
	}
	if _, err := l.enter(t.Context()); fleet.KindOf(err) != fleet.Exhausted {
		t.Errorf("one too many is told %v", err)
	}
	for range maxLine {
		<-l.waiting
	}
	leave()
	if leave, err = l.enter(t.Context()); err != nil {
		t.Fatalf("the next one is told %v", err)
	}
	leave()
}
