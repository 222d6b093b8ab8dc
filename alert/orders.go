package alert

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// order gives an order to the manager, while nothing else is told: what was found
// out before it is told before it, and what is found out after it knows of it.
func (e *Engine) order(ctx context.Context, o fleet.AlertOrder) error {
	if !e.take(ctx) {
		return &fleet.Error{Kind: fleet.Unavailable, Op: o.Action, Err: ctx.Err()}
	}
	defer e.give()
	return e.manager.OrderAlerts(ctx, o)
}

// take takes the pen, which who gives batches and orders to the manager holds;
// false: ctx has ended before.
func (e *Engine) take(ctx context.Context) bool {
	select {
	case e.pen <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (e *Engine) give() { <-e.pen }

// Alerts returns what the query asks for, newest first. Those that fire are known
// without the store.
func (e *Engine) Alerts(ctx context.Context, q fleet.AlertQuery) ([]fleet.Alert, error) {
	switch q.Status {
	case fleet.AnyAlerts:
		return e.allAlerts(ctx, q)
	case fleet.ResolvedAlerts:
		return e.store.Alerts(ctx, q)
	case fleet.FiringAlerts:
	}
	const most = 1000
	if q.Limit < 1 || q.Limit > most {
		return nil, failure(fleet.Invalid, "alerts", "a limit of %d is not in 1 to %d", q.Limit, most)
	}
	all := e.activeOf(q)
	return all[:min(len(all), q.Limit)], nil
}

// allAlerts are the stored ones, with those that fire and are on their way there:
// else some would be missing from all that are among those that fire.
func (e *Engine) allAlerts(ctx context.Context, q fleet.AlertQuery) ([]fleet.Alert, error) {
	all, err := e.store.Alerts(ctx, q)
	if err != nil {
		return nil, err
	}
	stored := make(map[string]bool, len(all))
	oldest := ""
	for i := range all {
		stored[all[i].ID] = true
	}
	if len(all) == q.Limit {
		oldest = all[len(all)-1].ID // older ones are on the next page
	}
	for _, a := range e.activeOf(q) {
		if !stored[a.ID] && a.ID > oldest {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b fleet.Alert) int { return strings.Compare(b.ID, a.ID) })
	return all[:min(len(all), q.Limit)], nil
}

// activeOf are the alerts that fire of those that a query asks for, newest first,
// whatever its limit.
func (e *Engine) activeOf(q fleet.AlertQuery) []fleet.Alert {
	return slices.DeleteFunc(e.Active(), func(a fleet.Alert) bool {
		return q.Service != "" && a.Service != q.Service || q.Incident != "" && a.Incident != q.Incident || q.Before != "" && a.ID >= q.Before
	})
}

// Alert returns one; NotFound if there is none.
func (e *Engine) Alert(ctx context.Context, id string) (fleet.Alert, error) {
	e.mu.Lock()
	a := e.firing[id]
	if a != nil {
		defer e.mu.Unlock()
		return *a, nil
	}
	e.mu.Unlock()
	return e.store.Alert(ctx, id)
}

// Active are the alerts that fire, newest first.
func (e *Engine) Active() []fleet.Alert {
	e.mu.Lock()
	all := make([]fleet.Alert, 0, len(e.firing))
	for _, a := range e.firing {
		all = append(all, *a)
	}
	e.mu.Unlock()
	slices.SortFunc(all, func(a, b fleet.Alert) int { return strings.Compare(b.ID, a.ID) })
	return all
}

// Acknowledge says of an alert, and of all that fire in its incident, that the
// actor has seen them: the incident is not repeated. It returns the alert after
// that. What was seen already stays as it is. NotFound if there is no such alert,
// Conflict if it is over.
func (e *Engine) Acknowledge(ctx context.Context, id string, by fleet.Actor) (fleet.Alert, error) {
	const op = "acknowledge"
	a, err := e.Alert(ctx, id)
	switch {
	case err != nil:
		return fleet.Alert{}, err
	case !a.Firing():
		return fleet.Alert{}, &fleet.Error{Kind: fleet.Conflict, Op: op, Err: errOver}
	}
	now := time.Now()
	ack := fleet.Acknowledgement{By: by.Name, At: stamp(now)}
	var seen []*fleet.Alert
	err = e.order(ctx, fleet.AlertOrder{
		Action: op, Service: a.Service, Subject: id, By: by, Details: map[string]any{"incident": a.Incident},
		Plan: func() (fleet.AlertBatch, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			alert := e.firing[id]
			if alert == nil {
				return fleet.AlertBatch{}, &fleet.Error{Kind: fleet.Conflict, Op: op, Err: errOver}
			}
			seen, ack.Alerts = nil, nil
			for o := range e.services[alert.Service].incident.firing {
				if o.AcknowledgedBy == "" {
					seen, ack.Alerts = append(seen, o), append(ack.Alerts, o.ID)
				}
			}
			if len(seen) == 0 {
				return fleet.AlertBatch{}, nil
			}
			return fleet.AlertBatch{Acknowledged: []fleet.Acknowledgement{ack}}, nil
		},
		Apply: func() []fleet.Alert { return e.acknowledged(seen, &ack) },
	})
	if err != nil {
		return fleet.Alert{}, err
	}
	return e.Alert(ctx, id)
}

// acknowledged puts an acknowledgement in force, and returns the alerts after it.
func (e *Engine) acknowledged(seen []*fleet.Alert, ack *fleet.Acknowledgement) []fleet.Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]fleet.Alert, len(seen))
	for i, a := range seen {
		a.AcknowledgedBy, a.AcknowledgedAt, a.UpdatedAt = ack.By, ack.At, later(a.UpdatedAt, ack.At)
		out[i] = *a
	}
	slices.SortFunc(out, func(a, b fleet.Alert) int { return strings.Compare(a.ID, b.ID) })
	return out
}
