package alert

import (
	"cmp"
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
// that, and of how many this was news: what was seen already stays as it is, and
// says by whom. NotFound if there is no such alert, Conflict if it is over.
func (e *Engine) Acknowledge(ctx context.Context, id string, by fleet.Actor) (a fleet.Alert, newly int, err error) {
	return e.mark(ctx, "acknowledge", id, by, cmp.Or(by.Name, fleet.Unknown))
}

// Unacknowledge takes that back, whoever said it: of all that fire in the incident
// of the alert nobody has seen any, and it is repeated. NotFound if there is no
// such alert, Conflict if it is over.
func (e *Engine) Unacknowledge(ctx context.Context, id string, by fleet.Actor) (fleet.Alert, error) {
	a, _, err := e.mark(ctx, "end acknowledgement", id, by, "")
	return a, err
}

// mark lets all alerts of an incident that have been seen by nobody be seen by
// somebody, or, if that is empty, all others by nobody, and says how many.
func (e *Engine) mark(ctx context.Context, op, id string, by fleet.Actor, seenBy string) (a fleet.Alert, n int, err error) {
	if a, err = e.Alert(ctx, id); err != nil {
		return fleet.Alert{}, 0, err
	}
	over := &fleet.Error{Kind: fleet.Conflict, Op: op, Err: errOver}
	if !a.Firing() {
		return fleet.Alert{}, 0, over
	}
	now := stamp(time.Now())
	ack := fleet.Acknowledgement{By: seenBy}
	if seenBy != "" {
		ack.At = now
	}
	var marked []*fleet.Alert
	err = e.order(ctx, fleet.AlertOrder{
		Action: op, Service: a.Service, Subject: id, By: by, Details: map[string]any{"incident": a.Incident},
		Plan: func() (fleet.AlertBatch, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			alert := e.firing[id]
			if alert == nil {
				return fleet.AlertBatch{}, over
			}
			marked, ack.Alerts = nil, nil
			for o := range e.services[alert.Service].incident.firing {
				if (o.AcknowledgedBy == "") != (seenBy == "") {
					marked, ack.Alerts = append(marked, o), append(ack.Alerts, o.ID)
				}
			}
			if len(marked) == 0 {
				return fleet.AlertBatch{}, nil
			}
			return fleet.AlertBatch{Acknowledged: []fleet.Acknowledgement{ack}}, nil
		},
		Apply: func() []fleet.Alert { return e.acknowledged(marked, &ack, now) },
	})
	if err != nil {
		return fleet.Alert{}, 0, err
	}
	a, err = e.Alert(ctx, id)
	return a, len(marked), err
}

// acknowledged puts an acknowledgement, or its end, in force, and returns the
// alerts after it.
func (e *Engine) acknowledged(marked []*fleet.Alert, ack *fleet.Acknowledgement, now time.Time) []fleet.Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]fleet.Alert, len(marked))
	for i, a := range marked {
		a.AcknowledgedBy, a.AcknowledgedAt, a.UpdatedAt = ack.By, ack.At, later(a.UpdatedAt, now)
		out[i] = *a
		if s := e.services[a.Service]; s != nil && s.incident != nil {
			e.look[s.incident] = struct{}{}
		}
	}
	e.kick()
	slices.SortFunc(out, func(a, b fleet.Alert) int { return strings.Compare(a.ID, b.ID) })
	return out
}
