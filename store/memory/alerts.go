package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var _ fleet.AlertStore = (*Store)(nil)

// keepAlerts writes what a batch has of alerts: the acknowledgements behind the
// alerts, which may be new.
func (s *Store) keepAlerts(b *fleet.AlertBatch) {
	if s.alerts == nil {
		s.alerts = make(map[string]fleet.Alert)
		s.silences = make(map[string]fleet.Silence)
		s.deliveries = make(map[string]fleet.Delivery)
	}
	for _, a := range b.Alerts {
		if old, there := s.alerts[a.ID]; there {
			a.AcknowledgedBy, a.AcknowledgedAt = old.AcknowledgedBy, old.AcknowledgedAt
		}
		a.StartsAt, a.EndsAt, a.UpdatedAt = moment(a.StartsAt), moment0(a.EndsAt), moment(a.UpdatedAt)
		a.ToldAt, a.AcknowledgedAt = moment0(a.ToldAt), moment0(a.AcknowledgedAt)
		s.alerts[a.ID] = cloneAlert(a)
	}
	for _, q := range b.Silences {
		q.StartsAt, q.EndsAt, q.CreatedAt = moment(q.StartsAt), moment(q.EndsAt), moment(q.CreatedAt)
		s.silences[q.ID] = cloneSilence(q)
	}
	for _, d := range b.Deliveries {
		if _, there := s.deliveries[d.ID]; !there {
			d.CreatedAt, d.NextAt = moment(d.CreatedAt), moment0(d.NextAt)
			s.deliveries[d.ID] = cloneDelivery(d)
		}
	}
	for _, ack := range b.Acknowledged {
		for _, id := range ack.Alerts {
			if a, there := s.alerts[id]; there {
				a.AcknowledgedBy, a.AcknowledgedAt = ack.By, moment0(ack.At)
				a.Revision = max(a.Revision, ack.Revision)
				s.alerts[id] = a
			}
		}
	}
}

// Alerts implements [fleet.AlertStore].
func (s *Store) Alerts(ctx context.Context, q fleet.AlertQuery) ([]fleet.Alert, error) {
	if err := s.lock(ctx, "alerts"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if q.Limit < 1 || q.Limit > maxLimit {
		return nil, &fleet.Error{Kind: fleet.Invalid, Op: "alerts", Err: fmt.Errorf("a limit of %d is not in 1 to %d", q.Limit, maxLimit)}
	}
	var out []fleet.Alert
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(s.alerts))) {
		if a := s.alerts[id]; len(out) < q.Limit && askedAlert(&a, q) {
			out = append(out, cloneAlert(a))
		}
	}
	return out, nil
}

func askedAlert(a *fleet.Alert, q fleet.AlertQuery) bool {
	return (q.Status == fleet.AnyAlerts || a.Firing() == (q.Status == fleet.FiringAlerts)) &&
		(q.Service == "" || a.Service == q.Service) &&
		(q.Incident == "" || a.Incident == q.Incident) &&
		(q.Before == "" || a.ID < q.Before)
}

// Alert implements [fleet.AlertStore].
func (s *Store) Alert(ctx context.Context, id string) (fleet.Alert, error) {
	if err := s.lock(ctx, "alert"); err != nil {
		return fleet.Alert{}, err
	}
	defer s.mu.Unlock()
	a, there := s.alerts[id]
	if !there {
		return fleet.Alert{}, &fleet.Error{Kind: fleet.NotFound, Op: "alert", Err: errors.New("there is no alert with this ID")}
	}
	return cloneAlert(a), nil
}

// Silences implements [fleet.AlertStore].
func (s *Store) Silences(ctx context.Context, after time.Time) ([]fleet.Silence, error) {
	if err := s.lock(ctx, "silences"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []fleet.Silence
	for _, id := range slices.Sorted(maps.Keys(s.silences)) {
		if q := s.silences[id]; q.EndsAt.After(moment(after)) {
			out = append(out, cloneSilence(q))
		}
	}
	return out, nil
}

// Deliveries implements [fleet.AlertStore]. A limit below 1 is none.
func (s *Store) Deliveries(ctx context.Context, limit int) ([]fleet.Delivery, error) {
	if err := s.lock(ctx, "deliveries"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []fleet.Delivery
	for _, id := range slices.Sorted(maps.Keys(s.deliveries)) {
		if len(out) < limit {
			out = append(out, cloneDelivery(s.deliveries[id]))
		}
	}
	return out, nil
}

// SettleDeliveries implements [fleet.AlertStore]. Of one that is both done and
// tried nothing is left.
func (s *Store) SettleDeliveries(ctx context.Context, done []string, tried []fleet.Delivery) error {
	if err := s.lock(ctx, "settle deliveries"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, id := range done {
		delete(s.deliveries, id)
	}
	for i := range tried {
		if d, there := s.deliveries[tried[i].ID]; there {
			d.Attempts, d.NextAt, d.LastError = tried[i].Attempts, moment0(tried[i].NextAt), tried[i].LastError
			s.deliveries[d.ID] = d
		}
	}
	return nil
}

// TrimAlerts implements [fleet.AlertStore]: those that ended first go first.
func (s *Store) TrimAlerts(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.lock(ctx, "trim alerts"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := trim(s.alerts, before, limit, func(a fleet.Alert) time.Time { return a.EndsAt })
	return n + trim(s.silences, before, limit, func(q fleet.Silence) time.Time { return q.EndsAt }), nil
}

// trim removes, of those that ended before a moment, the first.
func trim[T any](all map[string]T, before time.Time, limit int, end func(T) time.Time) int {
	var old []string
	for id, one := range all {
		if ended := end(one); !ended.IsZero() && ended.Before(moment(before)) {
			old = append(old, id)
		}
	}
	slices.SortFunc(old, func(a, b string) int {
		return cmp.Or(end(all[a]).Compare(end(all[b])), strings.Compare(a, b))
	})
	old = old[:min(len(old), max(limit, 0))]
	for _, id := range old {
		delete(all, id)
	}
	return len(old)
}

// moment0 leaves the zero time as it is.
func moment0(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return moment(at)
}

func cloneAlert(a fleet.Alert) fleet.Alert {
	a.Affects, a.SilencedBy, a.Evidence = slices.Clone(a.Affects), slices.Clone(a.SilencedBy), bytes.Clone(a.Evidence)
	return a
}

func cloneSilence(q fleet.Silence) fleet.Silence {
	q.Matchers = slices.Clone(q.Matchers)
	return q
}

func cloneDelivery(d fleet.Delivery) fleet.Delivery {
	d.Alerts = bytes.Clone(d.Alerts)
	return d
}
