package series

import (
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestKeep_RecordsAndKeepsWhatIsSaid(t *testing.T) {
	t.Parallel()
	s := memory.New()
	r := newBenchRecorder(t, s)
	kept, err := Keep{Of1s: time.Minute, Of10s: -1, Of1m: 2 * time.Hour}.ladder()
	if err != nil {
		t.Fatal(err)
	}
	r.tiers = kept
	now, total := time.Now(), uint64(0)
	begin := now.Unix() - 6*3600
	for second := begin; second < now.Unix(); second++ {
		total++
		r.tell(total)
		r.record(second)
		r.gather(second, false)
		if err := r.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		if second%600 == 0 {
			r.trim(t.Context(), time.Unix(second, 0))
		}
	}
	r.trim(t.Context(), now)
	for i, least := range []time.Duration{time.Minute, -1, 2 * time.Hour} {
		chunks, err := s.Series(t.Context(), fleet.SeriesQuery{Service: "web", Step: tiers[i].step, To: now.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if least < 0 {
			if len(chunks) > 0 {
				t.Errorf("%d chunks of %v, which are not kept", len(chunks), tiers[i].step)
			}
			continue
		}
		if age := now.Sub(chunks[0].Start); age < least || age > least+tiers[i].slack+time.Second {
			t.Errorf("step %v: the oldest is %v old", tiers[i].step, age)
		}
	}
	for _, q := range []struct {
		past, asked, want time.Duration
	}{{time.Minute, 0, time.Second}, {10 * time.Minute, 0, time.Minute}, {10 * time.Minute, 10 * time.Second, time.Minute}, {3 * time.Hour, 0, time.Minute}} {
		a, err := r.Of(t.Context(), "web", now.Add(-q.past), now, q.asked)
		if err != nil || a.Step != q.want {
			t.Errorf("%v at %v: step %v, %v", q.past, q.asked, a.Step, err)
		}
		seconds := uint64(min(q.past, 2*time.Hour) / time.Second)
		if ok, _ := sum(a.Series[0].Points); ok+70 < seconds || ok > seconds+uint64((2*time.Hour+time.Minute)/time.Second) {
			t.Errorf("%v at %v: %d happened, want about %d", q.past, q.asked, ok, seconds)
		}
	}
}

func TestKeep_OneStepAtLeast(t *testing.T) {
	t.Parallel()
	if _, err := (Keep{Of1s: -1, Of10s: -1, Of1m: -1}).ladder(); err == nil {
		t.Error("nothing is kept, and that is no error")
	}
	if l, err := (Keep{}).ladder(); err != nil || l != tiers {
		t.Errorf("the zero Keep makes %v, %v", l, err)
	}
}

// A step is answered from a tier that reaches as far back, also where a coarser
// one, which does not, has it too.
func TestKeep_ACoarserStepMayBeKeptForLess(t *testing.T) {
	t.Parallel()
	l, err := Keep{Of1s: 24 * time.Hour, Of10s: 6 * time.Hour, Of1m: time.Hour}.ladder()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	for past, want := range map[time.Duration]int{30 * time.Minute: 2, 3 * time.Hour: 1, 20 * time.Hour: 0, 90 * time.Hour: 0} {
		if _, tier, err := l.plan(Query{From: now.Add(-past), Step: 10 * time.Minute}, now); err != nil || tier != want {
			t.Errorf("%v back: the tier of %v, %v; want that of %v", past, tiers[tier].step, err, tiers[want].step)
		}
	}
}
