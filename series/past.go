package series

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

// StateAt are the services as they were at a moment, by name: see
// [fleet.Manager.Past]. The statistics are those of the last second, 10 seconds
// or minute that was over by then, by how far back it is. One asker is answered after
// the other. It is Invalid, with the field at, for a moment that is to come, and
// Exhausted where too many ask. Only services that sees is true of are told, and
// little more is read; nil is all.
func (r *Recorder) StateAt(ctx context.Context, at time.Time, sees func(service string) bool) ([]fleet.View, error) {
	now := time.Now()
	if at.After(now) {
		return nil, invalid("at", "%s is in the future", at.UTC().Format(time.RFC3339Nano))
	}
	leave, err := r.boards.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	t := r.tiers.finestKept(at, now)
	states, chunks, err := r.readAt(ctx, t, at, sees)
	if err != nil {
		return nil, err
	}
	points := make(map[string]fleet.PastPoint, len(states))
	missing := make(map[string]bool, len(states))
	for i := range states {
		missing[states[i].Service] = true
	}
	r.newest(at, missing, points)
	for ; t < len(tiers) && len(missing) > 0; t++ {
		if chunks == nil {
			if chunks, err = r.chunksAt(ctx, t, at, missing); err != nil {
				return nil, err
			}
		}
		r.pointsOf(ctx, t, at, chunks, missing, points)
		chunks = nil
	}
	views := r.manager.Past(at, states, points)
	if sees != nil {
		views = slices.DeleteFunc(views, func(v fleet.View) bool { return !sees(v.Service) })
	}
	return views, nil
}

// readAt is what made the states of all services, or of those that are seen and
// those that they depend on; and of all the chunks of a tier: most of the work is
// the store's, and can be done at once.
func (r *Recorder) readAt(
	ctx context.Context, t int, at time.Time, sees func(string) bool,
) (states []fleet.StateAt, chunks map[string]fleet.SeriesChunk, err error) {
	if sees != nil {
		states, err = r.statesAt(ctx, at, sees)
		return states, nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		states, err = r.store.StateAt(ctx, at, fleet.Which{})
		return err
	})
	group.Go(func() (err error) {
		chunks, err = r.chunksAt(ctx, t, at, nil)
		return err
	})
	return states, chunks, group.Wait()
}

// statesAt is what made the states of the services that are seen, and of those
// that they depended on, which make theirs.
func (r *Recorder) statesAt(ctx context.Context, at time.Time, sees func(string) bool) ([]fleet.StateAt, error) {
	states, err := r.store.StateAt(ctx, at, fleet.Which{Match: sees})
	if err != nil {
		return nil, err
	}
	below := make(map[string]bool)
	for _, v := range r.manager.Past(at, states, nil) {
		for _, name := range v.Dependencies {
			if !sees(name) {
				below[name] = true
			}
		}
	}
	if len(below) == 0 {
		return states, nil
	}
	more, err := r.store.StateAt(ctx, at, fleet.Which{Names: slices.Collect(maps.Keys(below))})
	states = append(states, more...)
	slices.SortFunc(states, func(a, b fleet.StateAt) int { return strings.Compare(a.Service, b.Service) })
	return states, err
}

// newest takes what is known of services that nothing has happened to since.
func (r *Recorder) newest(at time.Time, missing map[string]bool, points map[string]fleet.PastPoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range missing {
		if t := r.tracks[name]; t != nil && t.known && t.newest.tick < at.Unix() {
			points[name] = t.newest.past(time.Unix(t.newest.tick+1, 0))
			delete(missing, name)
		}
	}
}

// chunksAt are, by service, the newest chunks of a tier that may have a sample
// that was over by then, of the services in of; nil is all. Memory is asked before the store, as by hold.
func (r *Recorder) chunksAt(ctx context.Context, t int, at time.Time, of map[string]bool) (map[string]fleet.SeriesChunk, error) {
	tier := &tiers[t]
	newest := make(map[string]fleet.SeriesChunk)
	wanted := func(name string) bool { return of == nil || of[name] }
	note := func(c fleet.SeriesChunk) {
		if old, there := newest[c.Service]; !there || old.Start.Before(c.Start) {
			newest[c.Service] = c
		}
	}
	end := tier.tick(at)
	r.mu.Lock()
	for name, track := range r.tracks {
		if o := &track.open[t]; o.n > 0 && wanted(name) && tier.tick(time.Unix(o.start, 0)) < end {
			note(o.chunk(name, tier, r.run))
		}
	}
	for _, c := range slices.Backward(r.waiting) { // of two that are one the later is whole
		if c.Step == tier.step && wanted(c.Service) && tier.tick(c.Start) < end {
			note(c)
		}
	}
	r.mu.Unlock()
	var which fleet.Which
	if of != nil {
		which.Names = slices.AppendSeq([]string{}, maps.Keys(of))
	}
	stored, err := r.store.SeriesAt(ctx, tier.step, tier.at(end).Add(-time.Second), which) // of the last tick that was over
	if err != nil {
		return nil, err
	}
	for _, c := range stored {
		note(c)
	}
	return newest, nil
}

// pointsOf takes what the chunks of a tier know of services that are missing.
func (r *Recorder) pointsOf(
	ctx context.Context, t int, at time.Time, chunks map[string]fleet.SeriesChunk, missing map[string]bool, points map[string]fleet.PastPoint,
) {
	tier := &tiers[t]
	end := tier.tick(at)
	for name, c := range chunks {
		if !missing[name] {
			continue
		}
		var last sample
		known := false
		r.each(ctx, t, []fleet.SeriesChunk{c}, func(s *sample) {
			if s.tick < end {
				last, known = *s, true
			}
		})
		if known {
			points[name] = last.past(tier.at(last.tick + 1))
			delete(missing, name)
		}
	}
}

// past is what the sample says of the service.
func (s *sample) past(until time.Time) fleet.PastPoint {
	return fleet.PastPoint{
		At:          until,
		Operations:  switchgear.Operations{Successful: s.successful, Failed: s.failed, Rejected: s.rejected, Ignored: s.ignored},
		Performance: switchgear.Performance{Average: us(s.average), P50: us(s.p50), P95: us(s.p95), P99: us(s.p99)},
		Failures:    uint64(s.failures), AdmittedShare: float64(s.share) / 1000,
		Running: s.is.has(running), Silent: s.is.has(silent), NearOpening: s.is.has(near),
		Checked: s.is.has(checked), Healthy: s.is.has(healthy),
	}
}
