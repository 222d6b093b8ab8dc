package alert

import (
	"slices"
	"time"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// service is what the engine knows of one.
type service struct {
	name     string
	view     *fleet.View // nil: it has not come, or come back
	rules    *ruleset
	own      config.AlertRules // and base are what the rules were made of
	base     *ruleset
	conds    [kinds]cond
	incident *incident // that its alerts are in; nil without alerts

	openings   []time.Time // of the circuit, the oldest first
	opened     bool        // since it was looked at last
	known      bool        // it has had another status than unknown
	operations uint64
	operatedAt time.Time // when operations were seen to end last
	cameAt     time.Time // when its first view came

	due time.Time // when to look at it though nothing is told of it; zero: never
}

// cond is how one rule stands with one service.
type cond struct {
	since time.Time    // when it began to be so, while it is and has not fired
	calm  time.Time    // when it began to be over, while the alert fires
	alert *fleet.Alert // that fires; nil: none
}

// maxOpenings is how many openings of a circuit are kept, which is more than any
// rule asks for.
const maxOpenings = 128

func (s *service) open(at []time.Time) {
	if len(at) == 0 {
		return
	}
	s.opened = true
	s.openings = append(s.openings, at...)
	slices.SortFunc(s.openings, time.Time.Compare)
	if over := len(s.openings) - maxOpenings; over > 0 {
		s.openings = slices.Clone(s.openings[over:])
	}
}

// see takes in a view that is newer than the last.
func (s *service) see(v *fleet.View, now time.Time) {
	if n := v.Breaker.Operations.Total(); s.view == nil || n != s.operations {
		if s.view != nil {
			s.operatedAt = now
		} else {
			s.cameAt = now
		}
		s.operations = n
	}
	s.view = v
	switch v.Status {
	case fleet.StatusHealthy, fleet.StatusDegraded, fleet.StatusUnhealthy:
		s.known = true
	case fleet.StatusUnknown, fleet.StatusCircuitOpen:
	}
}

func (s *service) alerts() []*fleet.Alert {
	var all []*fleet.Alert
	for i := range s.conds {
		if a := s.conds[i].alert; a != nil {
			all = append(all, a)
		}
	}
	return all
}

func (s *service) layer() string {
	if s == nil || s.view == nil {
		return ""
	}
	return s.view.Layer
}

// fails reports whether a view is that of a service which others suffer from.
func fails(v *fleet.View) bool {
	return v != nil && (v.Status == fleet.StatusCircuitOpen || v.Status == fleet.StatusUnhealthy)
}

// well reports whether nothing of what others suffer can come through it.
func (s *service) well() bool {
	return s.incident == nil && s.view != nil && s.view.Status == fleet.StatusHealthy
}

// evaluate puts every rule to the service, and lets alerts begin and end. The
// mutex is held.
func (e *Engine) evaluate(s *service, now time.Time) {
	s.due = time.Time{}
	if s.view == nil {
		e.missing(s, now)
		e.plan(s)
		return
	}
	for kind := range s.conds {
		c, r := &s.conds[kind], &s.rules[kind]
		if !r.on {
			if c.alert != nil {
				e.resolve(s, kind, now, "its rule was switched off")
			}
			*c = cond{}
			continue
		}
		what, again := s.judge(kind, r, now)
		if e.apply(s, kind, what, now); c.alert != nil || !c.since.IsZero() {
			s.due = sooner(s.due, again)
		}
	}
	s.opened = false
	e.plan(s)
}

// apply lets time pass over what a rule says.
func (e *Engine) apply(s *service, kind int, what verdict, now time.Time) {
	c, r := &s.conds[kind], &s.rules[kind]
	switch what {
	case bad:
		c.calm = time.Time{}
		switch {
		case c.alert != nil:
			e.regrade(c.alert, r.severity, now)
			return
		case c.since.IsZero():
			c.since = now
		}
		if at := c.since.Add(r.hold); now.Before(at) {
			s.due = sooner(s.due, at)
			return
		}
		e.fire(s, kind, c.since, now)
		c.since = time.Time{}
	case calm:
		c.since = time.Time{}
		if c.alert == nil {
			return
		}
		if c.calm.IsZero() {
			c.calm = now
		}
		if at := c.calm.Add(r.after); now.Before(at) {
			s.due = sooner(s.due, at)
			return
		}
		why := ""
		if kind == failures && s.view.Breaker.ConsecutiveFailures > 0 {
			why = "nobody uses it any more"
		}
		e.resolve(s, kind, now, why)
	case between, standing:
		c.since, c.calm = time.Time{}, time.Time{}
	}
}

// missing ends the alerts of a service that has not come back after a restart.
func (e *Engine) missing(s *service, now time.Time) {
	if at := e.began.Add(missingAfter); now.Before(at) {
		s.due = at
		return
	}
	e.gone(s, now)
}

// gone ends all alerts of a service that is no more.
func (e *Engine) gone(s *service, now time.Time) {
	for kind := range s.conds {
		if s.conds[kind].alert != nil {
			e.resolve(s, kind, now, "the service was removed")
		}
	}
	delete(e.services, s.name)
	delete(e.timed, s)
}

// plan keeps when to look at the service again.
func (e *Engine) plan(s *service) {
	if s.due.IsZero() || e.services[s.name] != s {
		delete(e.timed, s)
		return
	}
	e.timed[s] = struct{}{}
	e.next = sooner(e.next, s.due)
}

// sooner is the earlier of two moments, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// stamp is a moment as it is stored.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// fire begins an alert.
func (e *Engine) fire(s *service, kind int, since, now time.Time) {
	r := &s.rules[kind]
	a := &fleet.Alert{
		ID: e.ids.next(now), Kind: kindNames[kind], Service: s.name, Severity: r.severity,
		StartsAt: stamp(since), UpdatedAt: stamp(now),
	}
	if o := s.view.Breaker.Outage; kind == circuit && o != nil && o.BeganAt.Before(now) {
		a.StartsAt = stamp(o.BeganAt)
	}
	a.Summary, a.Evidence = describe(s, kind, r, a.StartsAt, len(e.manager.Dependants(s.name)))
	s.conds[kind].alert = a
	e.firing[a.ID] = a
	e.join(s, a, now)
	e.changed[a] = struct{}{}
}

// regrade changes how much an alert that fires matters.
func (e *Engine) regrade(a *fleet.Alert, severity fleet.Severity, now time.Time) {
	if a.Severity == severity {
		return
	}
	a.Severity, a.UpdatedAt = severity, stamp(now)
	e.changed[a] = struct{}{}
}

// resolve ends an alert; why is empty where what was wrong is right again.
func (e *Engine) resolve(s *service, kind int, now time.Time, why string) {
	c := &s.conds[kind]
	a := c.alert
	*c = cond{}
	a.EndsAt, a.UpdatedAt = stamp(now), stamp(now)
	if a.EndsAt.Before(a.StartsAt) {
		a.EndsAt = a.StartsAt // the clock went back
	}
	a.Summary = ending(a, why)
	delete(e.firing, a.ID)
	e.ended = append(e.ended, a)
	e.changed[a] = struct{}{}
	e.leave(s, a)
}
