package series

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// gather puts what is due to the chunks that wait for the store. While the store
// is away that is only what is ended: the rest would be written anew anyway.
func (r *Recorder) gather(second int64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.due(second, all) {
		w := present
		switch {
		case all || t.gone:
			w = everything
		case r.away:
			w = ended
		}
		r.wait(t.take(r.run, w))
		switch {
		case t.gone:
			delete(r.tracks, t.service)
		case w == ended:
			r.enqueue(t, second)
		}
	}
}

// due takes from the queue those that have waited long enough, and of many at once
// a part: of few all that wait, so that of all of them the same time is written. all
// takes everything.
func (r *Recorder) due(second int64, all bool) []*track {
	n := len(r.queue)
	if !all {
		most := min(n, max(maxPut/len(tiers), (n+flushTicks-1)/flushTicks))
		long := func(t *track) bool { return uint64(second-t.since) >= flushAfter } //nolint:gosec // of a wait below zero the clock is to blame
		if n > most || n > 0 && !long(r.queue[0]) {
			for n = 0; n < most && long(r.queue[n]); n++ {
			}
		}
	}
	due := slices.Clone(r.queue[:n])
	r.queue = slices.Delete(r.queue, 0, n)
	for _, t := range due {
		t.queued = false
	}
	return due
}

// wait puts chunks to those that wait for the store. Of too many the oldest go, some
// at once: to move those that stay has its price.
func (r *Recorder) wait(chunks []fleet.SeriesChunk) {
	for i := range chunks {
		r.bytes += size(&chunks[i])
	}
	r.waiting = append(r.waiting, chunks...)
	over, bytes := 0, r.bytes
	most := r.cfg.MaxWaiting
	if bytes > most {
		most -= most / 16
	}
	for bytes > most && over < len(r.waiting) {
		bytes -= size(&r.waiting[over])
		over++
	}
	r.stats.Dropped += uint64(over)
	r.release(over)
}

// size is what a chunk takes in memory, about.
func size(c *fleet.SeriesChunk) int { return cap(c.Points) + 128 }

// write writes the chunks that wait, each transaction few of them. They wait, for
// those who read, until they are written.
func (r *Recorder) write(ctx context.Context) error {
	for {
		r.mu.Lock()
		first := r.taken
		chunks := slices.Clone(r.waiting[:min(len(r.waiting), maxPut)])
		r.mu.Unlock()
		if len(chunks) == 0 {
			return nil
		}
		err := r.store.PutSeries(ctx, chunks)
		if r.written(ctx, first, chunks, err); err != nil && fleet.KindOf(err) == fleet.Unavailable {
			return err
		}
	}
}

// written lets go of chunks that the store has taken, or would never take; the
// first of them was so many after the first of all that waited.
func (r *Recorder) written(ctx context.Context, first int, chunks []fleet.SeriesChunk, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.away
	r.away = err != nil && fleet.KindOf(err) == fleet.Unavailable
	switch {
	case r.away && !was:
		r.log.WarnContext(ctx, "series are not written: they wait in memory", slog.Any("error", err))
	case err == nil && was:
		r.log.InfoContext(ctx, "series are written again")
	}
	if r.away {
		return
	}
	if err != nil {
		r.log.ErrorContext(ctx, "series are lost: the store refuses them", slog.Int("chunks", len(chunks)), slog.Any("error", err))
		r.stats.Dropped += uint64(len(chunks))
	} else {
		r.stats.Chunks += uint64(len(chunks))
		for i := range chunks {
			r.stats.Bytes += uint64(len(chunks[i].Points))
		}
	}
	r.release(first + len(chunks) - r.taken) // of those some may have been dropped meanwhile
	if len(r.waiting) == 0 {
		r.waiting = nil // after a storm it would stay as large
	}
}

// release lets go of the first n chunks that wait.
func (r *Recorder) release(n int) {
	n = max(n, 0)
	for i := range n {
		r.bytes -= size(&r.waiting[i])
	}
	r.waiting = slices.Delete(r.waiting, 0, n)
	r.taken += n
}

// trim removes what is too old. What it does not get done it does next time.
func (r *Recorder) trim(ctx context.Context, now time.Time) {
	for i := range r.tiers {
		t := &r.tiers[i]
		for range trimRounds {
			n, err := r.store.TrimSeries(ctx, t.step, now.Add(-t.keep-t.slack), maxTrim)
			if err != nil {
				r.log.WarnContext(ctx, "series that are too old are not removed", slog.Any("error", err))
				return
			}
			r.mu.Lock()
			r.stats.Trimmed += uint64(n) //nolint:gosec // not below 0
			r.mu.Unlock()
			if n < maxTrim {
				break
			}
		}
	}
}
