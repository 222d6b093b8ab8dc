package alert

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// news is what the manager has told of a service since it was looked at.
type news struct {
	service string
	view    *fleet.View // the newest; nil: nothing new
	removed bool        // before that
	dirty   bool        // it is in the list
	opened  []time.Time // when its circuit opened
}

// see takes in what the manager tells, which waits for it.
func (e *Engine) see(c fleet.Change) {
	if c.Alert != nil {
		return
	}
	e.seeing.Lock()
	defer e.seeing.Unlock()
	n := e.seen[c.Service]
	if n == nil {
		n = &news{service: c.Service}
		e.seen[c.Service] = n
	}
	urgent := false
	switch {
	case c.Removed:
		n.removed, n.view, n.opened, urgent = true, nil, nil, true
	case c.View != nil:
		n.view = c.View
	case c.Event != nil:
		switch c.Event.Kind { //nolint:exhaustive // the others come with a view, which is soon enough
		case fleet.EventTransition, fleet.EventHealthFailed, fleet.EventHealthRecovered:
			urgent = true
		}
		if opening(c.Event) {
			n.opened = append(n.opened, c.Event.At)
		}
	}
	if !n.dirty {
		n.dirty = true
		e.dirty = append(e.dirty, n)
	}
	if urgent {
		e.kick()
	} else {
		poke(e.stir)
	}
}

// opening reports whether a circuit opened by itself that was closed.
func opening(ev *fleet.Event) bool {
	return ev.Kind == fleet.EventTransition && ev.From == switchgear.Closed.String() && ev.To == switchgear.Open.String()
}

// takeIn looks at the services that the manager has told something of.
func (e *Engine) takeIn(now time.Time) {
	e.seeing.Lock()
	dirty := make([]news, len(e.dirty))
	for i, n := range e.dirty {
		dirty[i] = *n
		if n.removed && n.view == nil {
			delete(e.seen, n.service)
		}
		n.view, n.removed, n.dirty, n.opened = nil, false, false, nil
	}
	e.dirty = e.dirty[:0]
	e.seeing.Unlock()
	all := make([]*service, 0, len(dirty))
	var failed []*service
	for i := range dirty { // all of them before the first is judged: what fails with it may be among them
		s, began := e.takeInOne(&dirty[i], now)
		if s == nil {
			continue
		}
		if all = append(all, s); began {
			failed = append(failed, s)
		}
	}
	for _, s := range all {
		e.evaluate(s, now)
	}
	for _, s := range failed {
		e.suspect(s, now)
	}
}

// takeInOne keeps the news of a service, and says whether it began to fail; nil:
// there is no such service.
func (e *Engine) takeInOne(n *news, now time.Time) (s *service, failed bool) {
	s = e.services[n.service]
	if n.removed && s != nil {
		e.gone(s, now)
		s = nil
	}
	if s == nil {
		if n.view == nil {
			return nil, false
		}
		s = e.newService(n.service)
	}
	s.open(n.opened)
	if n.view == nil {
		return s, false
	}
	failed = !fails(s.view) && fails(n.view)
	if s.incident != nil && (s.view == nil || s.view.Layer != n.view.Layer) {
		e.recover = true // silences may go by layers
	}
	s.see(n.view, now)
	e.outfit(s)
	return s, failed
}

func (e *Engine) newService(name string) *service {
	s := &service{name: name, rules: e.rules}
	e.services[name] = s
	return s
}

// outfit gives a service the rules that hold of it.
func (e *Engine) outfit(s *service) {
	var own config.AlertRules
	if s.view != nil {
		own = s.view.Alerts
	}
	switch {
	case len(own) == 0:
		s.rules = e.rules
	case s.base != e.rules || !own.Equal(s.own):
		s.rules = rulesOf(own.Or(e.cfg.Rules), e.cfg.ResolveAfter)
	}
	s.own, s.base = own, e.rules
}

const (
	// openingsKept is how long before the start openings count: the longest that
	// a rule may look back.
	openingsKept = 24 * time.Hour

	// maxOpeningEvents is how many transitions are read for that, at most.
	maxOpeningEvents = 20_000
)

// loadOpenings reads when circuits opened before the start, so that a service that
// flaps does so after it, too. Without the store nothing is lost but that.
func (e *Engine) loadOpenings(ctx context.Context, until uint64) {
	opened := make(map[string][]time.Time)
	q := fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventTransition}, Since: e.began.Add(-e.longestWithin()), Limit: 1000}
	for read := 0; read < maxOpeningEvents; {
		events, err := e.manager.Events(ctx, q)
		if err != nil {
			e.log.WarnContext(ctx, "it is not known which circuits opened before the start", slog.Any("error", err))
			return
		}
		for i := range events {
			if ev := &events[i]; ev.Seq <= until && opening(ev) {
				opened[ev.Service] = append(opened[ev.Service], ev.At)
			}
		}
		if read += len(events); len(events) < q.Limit {
			break
		}
		q.Before = events[len(events)-1].ID
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, at := range opened {
		s := e.services[name]
		if s == nil {
			s = e.newService(name)
			e.timed[s] = struct{}{} // until it comes, or is missing
			s.due = e.began.Add(missingAfter)
			e.next = sooner(e.next, s.due)
		}
		slices.SortFunc(at, time.Time.Compare)
		s.openings = at[max(len(at)-maxOpenings, 0):]
	}
}

// longestWithin is how far back the rules look.
func (e *Engine) longestWithin() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	longest := e.rules[flapping].within
	e.seeing.Lock()
	defer e.seeing.Unlock()
	for _, n := range e.dirty {
		if n.view != nil {
			longest = max(longest, n.view.Alerts[string(fleet.AlertFlapping)].Within)
		}
	}
	return min(longest, openingsKept)
}
