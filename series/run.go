package series

import (
	"context"
	"log/slog"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// farAway is after every chunk.
var farAway = time.Unix(1<<40, 0)

// begin makes the run one that is later than all that are stored, whatever the
// clock says. A store that does not answer has the clock decide.
func (r *Recorder) begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now, newest := time.Now(), time.Time{}
	run := r.run
	for i := range r.tiers {
		step := r.tiers[i].step
		chunks, err := r.store.Series(ctx, fleet.SeriesQuery{Step: step, To: farAway})
		if err != nil {
			r.log.WarnContext(ctx, "what was recorded before is not known yet", slog.Any("error", err))
			return
		}
		for _, c := range chunks {
			run = max(run, runOf(c.Points)+1)
			if last := c.End.Add(-step); last.After(newest) {
				newest = last
			}
		}
	}
	if newest.Sub(now) > patience {
		r.log.WarnContext(ctx, "the clock is behind what was recorded before: until it has caught up, "+
			"the series count what happens where something was counted already",
			slog.Duration("behind", newest.Sub(now).Round(time.Second)), slog.Time("recorded_until", newest))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run = run
}

// follow keeps up with the clock. Where it has gone back far, all chunks end, and
// what follows is of another run, which begins with what is known.
func (r *Recorder) follow(second int64) {
	back := r.second - second
	r.second = second
	if back <= maxBehind {
		return
	}
	r.log.Warn("the clock has gone back: until it has caught up, the series count what happens where something was counted already",
		slog.Duration("back", time.Duration(back)*time.Second))
	r.run++
	r.queue, r.keptAlive = nil, second
	for name, t := range r.tracks {
		r.wait(t.take(r.run-1, everything))
		if t.gone {
			delete(r.tracks, name)
			continue
		}
		if t.queued = false; t.known {
			t.newest.tick = second
			r.wait(t.begin(t.newest, r.run))
			r.enqueue(t, second)
		}
	}
}
