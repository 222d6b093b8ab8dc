package series

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// mortal is the store of a process that is killed: from then on nothing of it is
// written.
type mortal struct {
	*memory.Store

	dead, stuck atomic.Bool // stuck: no points are written, all else is
}

var errKilled = &fleet.Error{Kind: fleet.Unavailable, Op: "test", Err: errors.New("the process was killed")}

func (m *mortal) Commit(ctx context.Context, b *fleet.Batch) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Store.Commit(ctx, b)
}

func (m *mortal) PutSeries(ctx context.Context, chunks []fleet.SeriesChunk) error {
	if m.dead.Load() || m.stuck.Load() {
		return errKilled
	}
	return m.Store.PutSeries(ctx, chunks)
}

// each is how many operations a second work reports.
const each = 20

// work reports operations for so many seconds.
func (b *bench) work(seconds int) {
	b.t.Helper()
	for range seconds {
		b.report("web", each, 0)
		pass(time.Second)
	}
}

func TestRecorder_WhatAKillLostIsInNoRate(t *testing.T) {
	t.Parallel()
	for _, lived := range []int{61, 92, 93, 94, 95, 128} {
		bubble(t, fmt.Sprintf("after %d s", lived), func(t *testing.T) {
			disk := memory.New()
			s := &mortal{Store: disk}
			b := start(t, s, Config{})
			b.declare("web", lenient)
			from := time.Now()
			b.work(lived)
			s.dead.Store(true)
			killed := time.Now()
			pass(2 * time.Minute)
			b = start(t, disk, Config{})
			began := time.Now()
			b.work(30)
			pass(2 * time.Second)
			for _, step := range []time.Duration{time.Second, 10 * time.Second} {
				a := b.of("web", from, step)
				for _, p := range a.Series[0].Points {
					if most := 2*each + each*uint64(step/time.Second); p.Successful > most {
						t.Errorf("step %v: %d operations at %v, more than %d", step, p.Successful, p.At, most)
					}
				}
				if ok, _ := sum(a.Series[0].Points); int(ok) < (lived+30-6)*each || int(ok) > (lived+30)*each {
					t.Errorf("step %v: %d operations of %d", step, ok, (lived+30)*each)
				}
				if len(a.Gaps) != 1 {
					t.Errorf("step %v: gaps %v", step, a.Gaps)
					continue
				}
				if g := a.Gaps[0]; killed.Sub(g.From) > 6*time.Second || g.From.Sub(killed) > step || g.To.Sub(began).Abs() > max(step, 2*time.Second) {
					t.Errorf("step %v: a gap from %v to %v, though it ran until %v and from %v", step, g.From, g.To, killed, began)
				}
			}
		})
	}
}

func TestRecorder_WhatOnlyTheTotalsHaveIsInThePointThatHasAllOfTheGap(t *testing.T) {
	t.Parallel()
	bubble(t, "points that waited for the store were lost", func(t *testing.T) {
		disk := memory.New()
		s := &mortal{Store: disk}
		b := start(t, s, Config{})
		b.declare("web", lenient)
		from := time.Now()
		b.work(60)
		s.stuck.Store(true)
		b.work(30)
		s.dead.Store(true)
		pass(time.Minute)
		b = start(t, disk, Config{})
		b.work(30)
		pass(2 * time.Second)
		for step, want := range map[time.Duration][2]int{
			time.Second: {85, 95}, 10 * time.Second: {80, 95}, time.Hour: {115, 120},
		} {
			a := b.of("web", from, step)
			if ok, _ := sum(a.Series[0].Points); int(ok) < want[0]*each || int(ok) > want[1]*each {
				t.Errorf("step %v: %d operations, want %d to %d:%s", step, ok, want[0]*each, want[1]*each, show(a.Series[0].Points))
			}
			for _, p := range a.Series[0].Points {
				if most := 2*each + each*uint64(step/time.Second); p.Successful > most {
					t.Errorf("step %v: %d operations at %v, more than %d", step, p.Successful, p.At, most)
				}
			}
		}
	})
}

func TestRecorder_AStartWithTheClockBehindCountsEachOnce(t *testing.T) {
	t.Parallel()
	for _, back := range []time.Duration{30 * time.Second, 5 * time.Minute, 3 * time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			t.Parallel()
			disk, now := memory.New(), time.Now().Unix()
			var log bytes.Buffer
			total := uint64(0)
			run := func(from int64, seconds int) *Recorder {
				r := newBenchRecorder(t, disk)
				r.log = slog.New(slog.NewTextHandler(&log, nil))
				r.begin(t.Context())
				r.tell(total)
				for second := from; second < from+int64(seconds); second++ {
					r.record(second)
					r.gather(second, false)
					if err := r.write(t.Context()); err != nil {
						t.Fatal(err)
					}
					total += 7
					r.tell(total)
				}
				last := from + int64(seconds)
				r.record(last)
				r.gather(last, true)
				if err := r.write(t.Context()); err != nil {
					t.Fatal(err)
				}
				return r
			}
			ahead := int64(back / time.Second)
			run(now+ahead-400, 400)
			r := run(now-200, 190)
			if got := strings.Count(log.String(), "the clock is behind"); got != 1 {
				t.Errorf("the log says %d times that the clock is behind:\n%s", got, &log)
			}
			a, err := r.Of(t.Context(), "web", time.Unix(now-200, 0), time.Unix(now-10, 0), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range a.Series[0].Points {
				if p.Successful > 14 { // both runs were there
					t.Errorf("%d operations at %v", p.Successful, p.At)
				}
			}
			if ok, _ := sum(a.Series[0].Points); ok < 190*7-14 {
				t.Errorf("%d operations, want at least %d", ok, 190*7-14)
			}
		})
	}
}
