package alert

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// load goes on from what the store has.
func (e *Engine) load(ctx context.Context) error {
	if err := e.loadSilences(ctx); err != nil {
		return err
	}
	if err := e.loadAlerts(ctx); err != nil {
		return err
	}
	waiting, err := e.store.Deliveries(ctx, maxWaiting)
	if err != nil {
		return err
	}
	for i := range waiting {
		e.ids.above(waiting[i].ID)
	}
	e.out.load(waiting)
	return nil
}

func (e *Engine) loadSilences(ctx context.Context) error {
	stored, err := e.store.Silences(ctx, e.began.Add(-kept))
	if err != nil {
		return err
	}
	for _, s := range stored {
		e.ids.above(s.ID)
		matchers, err := compile(s.Matchers)
		if err != nil { // of another release
			e.log.ErrorContext(ctx, "a stored silence is bad: it silences nothing", slog.String("silence", s.ID), slog.Any("error", err))
			continue
		}
		e.silences[s.ID] = &silence{s, matchers}
	}
	e.recover = true
	return nil
}

// page is how many alerts are read at a time.
const page = 1000

func (e *Engine) loadAlerts(ctx context.Context) error {
	newest, err := e.store.Alerts(ctx, fleet.AlertQuery{Limit: 1})
	if err != nil {
		return err
	}
	for i := range newest {
		e.ids.above(newest[i].ID)
	}
	var firing []fleet.Alert
	for q := (fleet.AlertQuery{Status: fleet.FiringAlerts, Limit: page}); ; {
		some, err := e.store.Alerts(ctx, q)
		if err != nil {
			return err
		}
		if firing = append(firing, some...); len(some) < page {
			break
		}
		q.Before = some[page-1].ID
	}
	slices.SortFunc(firing, func(a, b fleet.Alert) int { return strings.Compare(a.ID, b.ID) })
	for i := range firing {
		e.ids.after(firing[i].ToldAt)
		e.restore(&firing[i])
	}
	for _, in := range e.incidents {
		if err := e.restoreIncident(ctx, in); err != nil {
			return err
		}
	}
	return e.loadEnded(ctx)
}

// restore puts a stored alert where it was.
func (e *Engine) restore(a *fleet.Alert) {
	kind, known := placeOf(a.Kind)
	s := e.services[a.Service]
	if s == nil {
		s = e.newService(a.Service)
		s.due = e.began.Add(missingAfter)
		e.plan(s)
	}
	if !known || s.conds[kind].alert != nil { // of another release, or stored twice
		a.EndsAt, a.UpdatedAt = stamp(e.began), stamp(e.began)
		e.changed[a] = struct{}{}
		return
	}
	s.conds[kind].alert = a
	e.firing[a.ID] = a
	in := e.incidents[a.Incident]
	if s.incident != nil {
		in = s.incident // a merge of which the store has a part
	}
	if in == nil {
		in = e.roots[a.Root]
	}
	if in == nil {
		in = &incident{
			id: a.Incident, root: a.Root, affects: a.Affects,
			firing: make(map[*fleet.Alert]*service), past: make(map[pastKey]*fleet.Alert),
			told: make(map[string]bool), grave: make(map[string]bool),
		}
		e.incidents[in.id] = in
		e.roots[in.root] = in
	}
	in.firing[a] = s
	s.incident = in
	if a.Incident != in.id || a.Root != in.root {
		e.belongs(a, in)
	}
	e.look[in] = struct{}{}
}

// restoreIncident finds out what was told of an incident.
func (e *Engine) restoreIncident(ctx context.Context, in *incident) error {
	all, err := e.store.Alerts(ctx, fleet.AlertQuery{Incident: in.id, Status: fleet.ResolvedAlerts, Limit: page})
	if err != nil {
		return err
	}
	for i := range slices.Backward(all) {
		in.past[pastKey{all[i].Service, all[i].Kind}] = &all[i]
		in.tells(&all[i])
	}
	var told []*fleet.Alert
	for a := range in.firing {
		told = append(told, a)
	}
	for _, a := range in.past {
		told = append(told, a)
	}
	told = slices.DeleteFunc(told, func(a *fleet.Alert) bool { return a.ToldAt.IsZero() })
	for _, a := range told {
		in.began, in.toldAt = true, later(in.toldAt, a.ToldAt)
		in.tells(a)
		if in.worst == "" || a.Severity.Graver(in.worst) {
			in.worst = a.Severity
		}
	}
	if in.toldAt.After(e.began) {
		in.toldAt = e.began // the clock was set back
	}
	in.before = told
	if len(in.open()) == 0 && !in.toldFires() { // that it is over was told
		in.anew()
		in.before = nil
	}
	return nil
}

// recall finds out to whom an incident was told before the start. Where routes go
// by layers it must be known which those are; false: they are not yet.
func (e *Engine) recall(in *incident, now time.Time) bool {
	if in.before == nil {
		return true
	}
	byLayer := slices.ContainsFunc(e.targets, func(t *target) bool {
		return slices.ContainsFunc(t.routes, func(m matcher) bool { return m.Field == "layer" })
	})
	unseen := func(a *fleet.Alert) bool { s := e.services[a.Service]; return s != nil && s.view == nil }
	if at := e.began.Add(missingAfter); byLayer && now.Before(at) && slices.ContainsFunc(in.before, unseen) {
		e.await(in, at)
		return false
	}
	for _, t := range e.targets {
		if e.anyMatches(t, in.before) {
			in.told[t.Name] = true
		}
	}
	in.before = nil
	return true
}

// loadEnded reads the alerts that ended lately, for mirrors.
func (e *Engine) loadEnded(ctx context.Context) error {
	some, err := e.store.Alerts(ctx, fleet.AlertQuery{Status: fleet.ResolvedAlerts, Limit: page})
	if err != nil {
		return err
	}
	for i := range slices.Backward(some) {
		e.ids.after(some[i].ToldAt)
		if e.began.Sub(some[i].EndsAt) < endedFor {
			e.ended = append(e.ended, &some[i])
		}
	}
	slices.SortStableFunc(e.ended, func(a, b *fleet.Alert) int { return a.EndsAt.Compare(b.EndsAt) })
	return nil
}
