package series

import (
	"context"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// patience is how much less than a gap it is that the recorder was late, and that
// the present is not recorded yet.
const patience = 3 * time.Second

// gaps are the times in the range of the answer in which nobody recorded.
func (r *Recorder) gaps(ctx context.Context, t int, a *Answer, held map[int64]fleet.SeriesChunk, now time.Time) ([]Gap, error) {
	chunks, err := r.chunks(ctx, "", t, a.From.Add(-time.Second), a.To, held)
	if err != nil {
		return nil, err
	}
	var ticks []int64
	r.each(ctx, t, chunks, func(s *sample) { ticks = append(ticks, s.tick) })
	slices.Sort(ticks)
	gaps := []Gap{}
	until := a.From // as far as it is known
	note := func(from, to time.Time) {
		if to.After(a.To) {
			to = a.To
		}
		if from.Before(to) && to.Sub(from) > patience {
			gaps = append(gaps, Gap{from, to})
		}
	}
	for _, tick := range ticks {
		begins := tiers[t].at(tick)
		if begins.After(until) {
			note(until, begins)
		}
		if end := begins.Add(tiers[t].step); end.After(until) {
			until = end
		}
	}
	if end := now.Add(-patience); a.To.Before(end) {
		note(until, a.To)
	} else {
		note(until, end)
	}
	return gaps, nil
}
