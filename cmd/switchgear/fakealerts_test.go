package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/degenduel/switchgear/wire"
)

func fakeAlerts() []wire.Alert {
	text := func(s string) *string { return &s }
	return []wire.Alert{
		{
			ID: "L3", Incident: "L2", Kind: "circuit_state_change", Service: "contest_wallet", Status: "firing", Severity: "critical",
			Summary: "contest_wallet is open", StartsAt: at(-time.Minute), UpdatedAt: at(-time.Minute), Root: text("market_data_service"),
		},
		{
			ID: "L2", Incident: "L2", Kind: "circuit_state_change", Service: "market_data_service", Status: "firing", Severity: "critical",
			Summary: "market_data_service is\x1b[31m open: 3 failures", StartsAt: at(-2 * time.Minute), UpdatedAt: at(-2 * time.Minute),
			Root: text("market_data_service"), Affects: []string{"contest_wallet"}, SilencedBy: []string{"S1"},
		},
		{
			ID: "L1", Incident: "L1", Kind: "service_unknown", Service: "contest_wallet", Status: "resolved", Severity: "warning",
			Summary: "nothing is heard of contest_wallet", StartsAt: at(-25 * time.Hour), EndsAt: at(-24 * time.Hour), Root: text("contest_wallet"),
			AcknowledgedBy: text("night"), AcknowledgedAt: at(-25 * time.Hour),
		},
	}
}

func (m *fakeManager) handleAlerts() {
	m.handle("GET /api/v2/alerts", func(r *http.Request) (any, *refusal) {
		q := r.URL.Query()
		all := slices.DeleteFunc(fakeAlerts(), func(a wire.Alert) bool {
			return q.Has("status") && a.Status != q.Get("status") || q.Has("service") && a.Service != q.Get("service") ||
				q.Has("incident") && a.Incident != q.Get("incident")
		})
		items, next := page(r, all)
		return wire.Alerts{Alerts: items, NextCursor: next}, nil
	})
	m.handle("POST /api/v2/alerts/{id}/acknowledge", func(r *http.Request) (any, *refusal) {
		for _, a := range fakeAlerts() {
			if a.ID == r.PathValue("id") {
				who := "admin"
				a.AcknowledgedBy, a.AcknowledgedAt = &who, at(0)
				if a.ID == "L3" { // somebody was sooner
					who = "night"
					return wire.Acknowledged{Alert: a}, nil
				}
				return wire.Acknowledged{Alert: a, Newly: 2}, nil
			}
		}
		return nil, &refusal{status: http.StatusNotFound, detail: "there is no such alert"}
	})
	m.handle("DELETE /api/v2/alerts/{id}/acknowledge", func(r *http.Request) (any, *refusal) {
		for _, a := range fakeAlerts() {
			if a.ID == r.PathValue("id") && r.URL.Query().Get("reason") == "not mine" {
				return a, nil
			}
		}
		return nil, &refusal{status: http.StatusNotFound, detail: "there is no such alert"}
	})
	silence := wire.Silence{
		ID: "S1", Matchers: []wire.Matcher{{Field: "service", Op: "=~", Value: "market_.*"}, {Field: "severity", Op: "!=", Value: "info"}},
		Reason: "new disks", Author: "admin", StartsAt: at(-time.Hour), EndsAt: at(time.Hour), CreatedAt: at(-2 * time.Hour), Status: "active",
	}
	m.handle("GET /api/v2/silences", func(*http.Request) (any, *refusal) {
		over, later := silence, silence
		over.ID, over.Status, over.EndsAt = "S0", "expired", at(-time.Minute)
		later.ID, later.Status, later.StartsAt, later.EndsAt = "S3", "pending", at(time.Hour), at(2*time.Hour)
		return wire.Silences{Silences: []wire.Silence{over, silence, later}}, nil
	})
	m.handle("POST /api/v2/silences", func(r *http.Request) (any, *refusal) {
		var body wire.SilenceRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
		}
		if body.Reason == "wrong" {
			return nil, &refusal{http.StatusBadRequest, "ends_at: a silence ends after it starts (and 2 more)", []wire.FieldMessage{
				{Field: "ends_at", Message: "a silence ends after it starts"},
				{Field: "matchers[0].field", Message: "no field"},
				{Field: "matchers[1].value", Message: "no expression"},
			}}
		}
		covers := len(body.Matchers)
		if body.Reason == "nothing" {
			covers = 0
		}
		made := wire.Silence{
			Covers: &covers, ID: "S2", Matchers: body.Matchers, Reason: body.Reason, Author: "admin", StartsAt: at(0), EndsAt: *body.EndsAt, CreatedAt: at(0), Status: "active",
		}
		if body.StartsAt != nil {
			made.StartsAt, made.Status = *body.StartsAt, "pending"
		}
		return made, nil
	})
	m.handle("DELETE /api/v2/silences/{id}", func(r *http.Request) (any, *refusal) {
		if r.PathValue("id") != silence.ID {
			return nil, &refusal{status: http.StatusNotFound, detail: "there is no such silence"}
		}
		return nil, nil
	})
	m.handle("GET /api/v2/receivers", func(*http.Request) (any, *refusal) {
		refused := "the receiver answers 500"
		return wire.Receivers{Receivers: []wire.Receiver{
			{Name: "chat", Kind: "notify", Delivered: 3, LastSuccessAt: at(-time.Minute)},
			{Name: "ops", Kind: "webhook", Waiting: 2, Failed: 5, GivenUp: 1, Dropped: 1, LastError: &refused, LastErrorAt: at(0)},
		}}, nil
	})
	m.handle("POST /api/v2/receivers/{name}/test", func(r *http.Request) (any, *refusal) {
		if r.PathValue("name") == "ops" {
			return nil, &refusal{status: http.StatusBadGateway, detail: "the receiver answers 500"}
		}
		return nil, nil
	})
}
