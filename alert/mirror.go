package alert

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// mirrorEvery is how often a mirror is given what fires though nothing
	// changed, and mirrorSoon how long changes are gathered.
	mirrorEvery = 30 * time.Second
	mirrorSoon  = 200 * time.Millisecond

	// probeFor is how long a test alert fires, and maxProbes how many a mirror is
	// shown at a time.
	probeFor  = time.Minute
	maxProbes = 10
)

// mirror keeps a mirror as the alerts are, until ctx ends.
func (o *outbox) mirror(ctx context.Context, l *line) {
	defer poke(l.wake) // what woke this one may have been for who serves it next
	for {
		wait := o.mirrorWait(l, time.Now())
		if wait > 0 && !pause(ctx, l.wake, wait) || ctx.Err() != nil {
			return
		}
		if o.mirrorWait(l, time.Now()) > mirrorSoon {
			continue // it was woken, and fails
		}
		if !pause(ctx, nil, mirrorSoon) {
			return
		}
		o.mu.Lock()
		t := l.target
		l.behind = false
		o.mu.Unlock()
		if t == nil {
			return
		}
		err := o.attempt(ctx, l, func(ctx context.Context) error {
			return o.sync(ctx, l, t)
		})
		if errors.Is(err, errEnding) {
			return
		}
		o.mirrored(ctx, l, err, time.Now())
	}
}

// mirrorWait is how long the mirror need not be given anything.
func (o *outbox) mirrorWait(l *line, now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case now.Before(l.until):
		return l.until.Sub(now)
	case l.behind, l.stats.LastSuccessAt.IsZero():
		return 0
	}
	return max(0, l.stats.LastSuccessAt.Add(mirrorEvery).Sub(now))
}

func (o *outbox) mirrored(ctx context.Context, l *line, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		l.succeeded(now)
		if l.shown != l.showing { // else it was said again, so that it stands
			l.stats.Delivered++
		}
		l.shown, l.stats.Waiting = l.showing, 0
		return
	}
	l.failed(now)
	l.behind, l.stats.Waiting = true, 1
	o.noteFailure(ctx, l, errorText(err), now)
}

// sync shows a mirror the present state, with the test alerts that it was given
// lately.
func (o *outbox) sync(ctx context.Context, l *line, t *target) error {
	now := time.Now()
	firing, ended := o.state(t, now)
	sum := sumOf(firing)
	o.mu.Lock()
	l.showing = sum
	l.probes = slices.DeleteFunc(l.probes, func(a fleet.Alert) bool { return now.Sub(a.StartsAt) > probeFor+endedFor })
	for _, a := range l.probes {
		if end := a.StartsAt.Add(probeFor); now.Before(end) {
			firing = append(firing, a)
		} else {
			a.EndsAt = end
			ended = append(ended, a)
		}
	}
	o.mu.Unlock()
	return t.Mirror.Sync(ctx, firing, ended)
}

// sumOf tells lists of alerts that fire from others, and from what they were; 0
// is that of none.
func sumOf(firing []fleet.Alert) uint64 {
	if len(firing) == 0 {
		return 0
	}
	h := fnv.New64a()
	for i := range firing {
		_, _ = fmt.Fprintf(h, "%s %d\n", firing[i].ID, firing[i].UpdatedAt.UnixNano())
	}
	return h.Sum64()
}

// mirrored are the alerts that a mirror is to show: those that fire, and those
// that ended lately, or are silenced, which is the same to it.
func (e *Engine) mirrored(t *target, now time.Time) (firing, ended []fleet.Alert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.firing {
		switch {
		case !matchAll(t.routes, a, e.services[a.Service].layer()):
		case len(a.SilencedBy) == 0:
			firing = append(firing, *a)
		default:
			quiet := *a
			quiet.EndsAt = a.UpdatedAt
			ended = append(ended, quiet)
		}
	}
	for _, a := range e.ended {
		if now.Sub(a.EndsAt) <= endedFor && matchAll(t.routes, a, e.services[a.Service].layer()) {
			ended = append(ended, *a)
		}
	}
	byID := func(a, b fleet.Alert) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(firing, byID)
	slices.SortFunc(ended, byID)
	return firing, ended
}
