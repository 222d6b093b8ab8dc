package storetest

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/fleet"
)

// RunAlertsModel does the same random things to the alerts of a store and to a
// model of it, and wants the same answers.
func RunAlertsModel(t *testing.T, open, model func(t *testing.T) fleet.Store) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		p := pair{store: trial{t, open(t)}, model: trial{t, model(t)}, seq: 1}
		defer p.close(r)
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			p.writeAlerts(r)
			p.settleAndTrim(r)
			p.askAlerts(r)
		}
	})
}

var (
	noTime      = rapid.Just(time.Time{})
	someAlertID = rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"})
	someIDs     = rapid.SliceOfN(someAlertID, 0, 3)
	noJSON      = rapid.Just(json.RawMessage(nil))

	someAlert = rapid.Custom(func(r *rapid.T) fleet.Alert {
		return fleet.Alert{
			ID: someAlertID.Draw(r, "id"), Incident: someAlertID.Draw(r, "incident"), Kind: rapid.SampledFrom(fleet.AlertKinds).Draw(r, "kind"),
			Service: someService.Draw(r, "service"), Severity: rapid.SampledFrom(fleet.Severities).Draw(r, "severity"), Summary: someText.Draw(r, "summary"),
			StartsAt: someTime.Draw(r, "starts"), EndsAt: rapid.OneOf(noTime, someTime).Draw(r, "ends"), UpdatedAt: someTime.Draw(r, "updated"),
			Root: someText.Draw(r, "root"), Affects: rapid.SliceOfN(someService, 0, 2).Draw(r, "affects"),
			Evidence:   rapid.OneOf(noJSON, someJSON).Draw(r, "evidence"),
			SilencedBy: someIDs.Draw(r, "silenced"), ToldAt: rapid.OneOf(noTime, someTime).Draw(r, "told"),
			AcknowledgedBy: someText.Draw(r, "by"), AcknowledgedAt: rapid.OneOf(noTime, someTime).Draw(r, "acknowledged"),
		}
	})
	someSilence = rapid.Custom(func(r *rapid.T) fleet.Silence {
		return fleet.Silence{
			ID: someAlertID.Draw(r, "id"), Matchers: []fleet.Matcher{{Field: "service", Op: "=", Value: someText.Draw(r, "value")}},
			Reason: someText.Draw(r, "reason"), Author: someText.Draw(r, "author"),
			StartsAt: someTime.Draw(r, "starts"), EndsAt: someTime.Draw(r, "ends"), CreatedAt: someTime.Draw(r, "created"),
		}
	})
	someDelivery = rapid.Custom(func(r *rapid.T) fleet.Delivery {
		return fleet.Delivery{
			ID: someAlertID.Draw(r, "id"), Receiver: someText.Draw(r, "receiver"), Incident: someAlertID.Draw(r, "incident"), Kind: "firing",
			Alerts: rapid.OneOf(noJSON, someJSON).Draw(r, "alerts"), CreatedAt: someTime.Draw(r, "created"),
			Attempts: rapid.IntRange(0, 3).Draw(r, "attempts"), NextAt: rapid.OneOf(noTime, someTime).Draw(r, "next"), LastError: someText.Draw(r, "error"),
		}
	})
	someAcknowledgement = rapid.Custom(func(r *rapid.T) fleet.Acknowledgement {
		return fleet.Acknowledgement{Alerts: someIDs.Draw(r, "of"), By: someText.Draw(r, "by"), At: rapid.OneOf(noTime, someTime).Draw(r, "at")}
	})
)

func (p *pair) alertStores() (store, model fleet.AlertStore) {
	return p.store.Store.(fleet.AlertStore), p.model.Store.(fleet.AlertStore)
}

func (p *pair) writeAlerts(r *rapid.T) {
	b := fleet.Batch{Alerts: fleet.AlertBatch{
		Alerts: rapid.SliceOfN(someAlert, 0, 20).Draw(r, "alerts"), Silences: rapid.SliceOfN(someSilence, 0, 3).Draw(r, "silences"),
		Deliveries: rapid.SliceOfN(someDelivery, 0, 3).Draw(r, "deliveries"), Acknowledged: rapid.SliceOfN(someAcknowledgement, 0, 2).Draw(r, "acknowledged"),
	}}
	if rapid.IntRange(0, 3).Draw(r, "access") == 0 { // of which the second is a conflict
		b.Tokens = []fleet.Token{token("1", "aa")}
	}
	other := b
	other.Alerts.Alerts = slices.Clone(b.Alerts.Alerts)
	agree(r, "Commit", p.store.Commit(p.store.Context(), &b), p.model.Commit(p.model.Context(), &other))
	if diff := cmp.Diff(other, b, sameAlerts); diff != "" {
		r.Fatalf("the batch afterwards (-model +store):\n%s", diff)
	}
}

func (p *pair) settleAndTrim(r *rapid.T) {
	store, model := p.alertStores()
	ctx := p.store.Context()
	done, tried := someIDs.Draw(r, "done"), rapid.SliceOfN(someDelivery, 0, 2).Draw(r, "tried")
	agree(r, "SettleDeliveries", store.SettleDeliveries(ctx, done, tried), model.SettleDeliveries(ctx, done, tried))
	before, limit := someTime.Draw(r, "before"), rapid.IntRange(-1, 3).Draw(r, "limit")
	n, err := store.TrimAlerts(ctx, before, limit)
	want, modelErr := model.TrimAlerts(ctx, before, limit)
	agree(r, "TrimAlerts", err, modelErr)
	if n != want {
		r.Fatalf("TrimAlerts(%v, %d) = %d, the model says %d", before, limit, n, want)
	}
}

func (p *pair) askAlerts(r *rapid.T) {
	store, model := p.alertStores()
	ctx := p.store.Context()
	q := fleet.AlertQuery{
		Status:   rapid.SampledFrom([]fleet.AlertStatus{fleet.AnyAlerts, fleet.FiringAlerts, fleet.ResolvedAlerts}).Draw(r, "status"),
		Service:  rapid.OneOf(rapid.Just(""), someService).Draw(r, "of"),
		Incident: rapid.OneOf(rapid.Just(""), someAlertID).Draw(r, "incident"),
		Before:   rapid.OneOf(rapid.Just(""), someAlertID).Draw(r, "before"),
		Limit:    rapid.IntRange(0, 6).Draw(r, "limit"),
	}
	got, err := store.Alerts(ctx, q)
	want, modelErr := model.Alerts(ctx, q)
	agree(r, "Alerts", err, modelErr)
	compareAlerts(r, "alerts", got, want)
	id := someAlertID.Draw(r, "id")
	one, err := store.Alert(ctx, id)
	wantOne, modelErr := model.Alert(ctx, id)
	agree(r, "Alert", err, modelErr)
	compareAlerts(r, "alert", one, wantOne)
	at := rapid.OneOf(noTime, someTime).Draw(r, "at")
	silences, err := store.Silences(ctx, at)
	wantSilences, modelErr := model.Silences(ctx, at)
	agree(r, "Silences", err, modelErr)
	compareAlerts(r, "silences", silences, wantSilences)
	limit := rapid.IntRange(-1, 6).Draw(r, "limit")
	deliveries, err := store.Deliveries(ctx, limit)
	wantDeliveries, modelErr := model.Deliveries(ctx, limit)
	agree(r, "Deliveries", err, modelErr)
	compareAlerts(r, "deliveries", deliveries, wantDeliveries)
}

func compareAlerts[T any](r *rapid.T, what string, got, want T) {
	if diff := cmp.Diff(want, got, sameAlerts); diff != "" {
		r.Fatalf("%s (-model +store):\n%s", what, diff)
	}
}
