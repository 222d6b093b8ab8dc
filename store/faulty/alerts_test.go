package faulty_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestStore_WithoutFaultsHoldsTheLawsOfAlerts(t *testing.T) {
	t.Parallel()
	storetest.RunAlerts(t, func(*testing.T) fleet.Store { return faulty.New(memory.New(), faulty.Options{Seed: 7}) })
}

// alertCalls are all methods of a store of alerts, by name.
func alertCalls(ctx context.Context, s fleet.AlertStore) map[faulty.Op]func() error {
	return map[faulty.Op]func() error{
		faulty.Alerts:           func() error { _, err := s.Alerts(ctx, fleet.AlertQuery{Limit: 1}); return err },
		faulty.Alert:            func() error { _, err := s.Alert(ctx, "1"); return err },
		faulty.Silences:         func() error { _, err := s.Silences(ctx, time.Time{}); return err },
		faulty.Deliveries:       func() error { _, err := s.Deliveries(ctx, 1); return err },
		faulty.SettleDeliveries: func() error { return s.SettleDeliveries(ctx, []string{"1"}, nil) },
		faulty.TrimAlerts:       func() error { _, err := s.TrimAlerts(ctx, time.Now(), 1); return err },
	}
}

func TestStore_LetsTheCallsOfAlertsFail(t *testing.T) {
	t.Parallel()
	for fault, left := range map[faulty.Fault]int{faulty.Refuse: 1, faulty.Lose: 0} {
		inner := memory.New()
		b := &fleet.Batch{Alerts: fleet.AlertBatch{
			Alerts: []fleet.Alert{{ID: "1", EndsAt: time.Unix(1, 0)}}, Deliveries: []fleet.Delivery{{ID: "1"}},
		}}
		if err := inner.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		s := faulty.New(inner, faulty.Options{Hook: func(faulty.Call) faulty.Fault { return fault }})
		calls := alertCalls(t.Context(), s)
		for _, op := range []faulty.Op{
			faulty.Alerts, faulty.Alert, faulty.Silences, faulty.Deliveries, faulty.SettleDeliveries, faulty.TrimAlerts,
		} {
			wantInjected(t, string(op), calls[op]())
			if c := s.Count(op); c.Calls != 1 || c.Refused+c.Lost != 1 {
				t.Errorf("%s: %+v", op, c)
			}
		}
		alerts, err := inner.Alerts(t.Context(), fleet.AlertQuery{Limit: 9})
		deliveries, err2 := inner.Deliveries(t.Context(), 9)
		if err := errors.Join(err, err2); err != nil || len(alerts) != left || len(deliveries) != left {
			t.Errorf("fault %d: %d alerts and %d deliveries are left, want %d; %v", fault, len(alerts), len(deliveries), left, err)
		}
	}
}

func TestStore_SaysThatTheOneItWrapsKeepsNoAlerts(t *testing.T) {
	t.Parallel()
	s := faulty.New(struct{ fleet.Store }{memory.New()}, faulty.Options{})
	for op, call := range alertCalls(t.Context(), s) {
		if err := call(); err == nil || fleet.KindOf(err) != fleet.Internal {
			t.Errorf("%s: %v", op, err)
		}
	}
}
