package faulty

import (
	"context"
	"errors"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var _ fleet.AlertStore = (*Store)(nil)

// errNoAlerts is of a store that keeps no alerts.
var errNoAlerts = &fleet.Error{Kind: fleet.Internal, Op: "alerts", Err: errors.New("the store that is wrapped keeps no alerts")}

// askAlerts is ask of the store that keeps the alerts.
func askAlerts[T any](ctx context.Context, s *Store, op Op, call func(fleet.AlertStore) (T, error)) (T, error) {
	return ask(ctx, s, op, func() (T, error) {
		inner, ok := s.inner.(fleet.AlertStore)
		if !ok {
			var none T
			return none, errNoAlerts
		}
		return call(inner)
	})
}

// Alerts implements [fleet.AlertStore].
func (s *Store) Alerts(ctx context.Context, q fleet.AlertQuery) ([]fleet.Alert, error) {
	return askAlerts(ctx, s, Alerts, func(inner fleet.AlertStore) ([]fleet.Alert, error) { return inner.Alerts(ctx, q) })
}

// Alert implements [fleet.AlertStore].
func (s *Store) Alert(ctx context.Context, id string) (fleet.Alert, error) {
	return askAlerts(ctx, s, Alert, func(inner fleet.AlertStore) (fleet.Alert, error) { return inner.Alert(ctx, id) })
}

// Silences implements [fleet.AlertStore].
func (s *Store) Silences(ctx context.Context, after time.Time) ([]fleet.Silence, error) {
	return askAlerts(ctx, s, Silences, func(inner fleet.AlertStore) ([]fleet.Silence, error) { return inner.Silences(ctx, after) })
}

// Deliveries implements [fleet.AlertStore].
func (s *Store) Deliveries(ctx context.Context, limit int) ([]fleet.Delivery, error) {
	return askAlerts(ctx, s, Deliveries, func(inner fleet.AlertStore) ([]fleet.Delivery, error) { return inner.Deliveries(ctx, limit) })
}

// SettleDeliveries implements [fleet.AlertStore].
func (s *Store) SettleDeliveries(ctx context.Context, done []string, tried []fleet.Delivery) error {
	_, err := askAlerts(ctx, s, SettleDeliveries, func(inner fleet.AlertStore) (struct{}, error) {
		return struct{}{}, inner.SettleDeliveries(ctx, done, tried)
	})
	return err
}

// TrimAlerts implements [fleet.AlertStore].
func (s *Store) TrimAlerts(ctx context.Context, before time.Time, limit int) (int, error) {
	return askAlerts(ctx, s, TrimAlerts, func(inner fleet.AlertStore) (int, error) { return inner.TrimAlerts(ctx, before, limit) })
}
