package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

func fakeTokens() []wire.Token {
	return []wire.Token{
		{ID: "T3", Name: "prices", Role: "agent", Services: []string{"market_*"}, CreatedAt: at(-time.Hour), CreatedBy: "admin", ExpiresAt: at(time.Hour)},
		{ID: "T2", Name: "night\tshift", Role: "operator", CreatedAt: at(-2 * time.Hour), CreatedBy: "admin"},
		{ID: "T1", Name: "admin", Role: "admin", CreatedAt: at(-48 * time.Hour), CreatedBy: "switchgear"},
	}
}

func fakeAudit() []wire.AuditEntry {
	text := func(s string) *string { return &s }
	return []wire.AuditEntry{
		{ID: 9, At: at(-time.Minute), Actor: "night", Address: "10.0.0.7", Action: "reset", Service: text("market_data_service"), Result: "refused: 403 the role viewer may not do this, operator may"},
		{ID: 8, At: at(-time.Hour), Actor: "admin", Address: "127.0.0.1", Action: "create token", Result: "ok: T3"},
		{ID: 7, At: at(-2 * time.Hour), Actor: "admin", Address: "127.0.0.1", Action: "override", Service: text("contest_wallet"), Reason: text("moving"), Result: "ok", Details: json.RawMessage(`{"mode":"forced_open","previous_mode":"auto","expires_at":"2026-11-23T09:00:00.000Z","services":null}`)},
	}
}

func (m *fakeManager) handleAccess() {
	m.handle("GET /api/v2/tokens", func(r *http.Request) (any, *refusal) {
		items, next := page(r, fakeTokens())
		return wire.Tokens{Tokens: items, NextCursor: next}, nil
	})
	m.handle("POST /api/v2/tokens", func(r *http.Request) (any, *refusal) {
		var body wire.TokenRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
		}
		made := wire.NewToken{Secret: "a-secret-of-the-tests-01", Token: wire.Token{
			ID: "T4", Name: body.Name, Role: body.Role, Services: body.Services, CreatedAt: at(0), CreatedBy: "admin",
		}}
		if body.ExpiresAt != nil {
			made.ExpiresAt = *body.ExpiresAt
		}
		return made, nil
	})
	m.handle("DELETE /api/v2/tokens/{id}", func(r *http.Request) (any, *refusal) {
		if !slices.ContainsFunc(fakeTokens(), func(t wire.Token) bool { return t.ID == r.PathValue("id") }) {
			return nil, &refusal{status: http.StatusNotFound, detail: "there is no such token"}
		}
		return nil, nil
	})
	m.handle("GET /api/v2/audit", func(r *http.Request) (any, *refusal) {
		q := r.URL.Query()
		all := slices.DeleteFunc(fakeAudit(), func(e wire.AuditEntry) bool {
			return !strings.Contains(e.Actor, q.Get("actor")) || !strings.Contains(e.Action, q.Get("action")) ||
				q.Has("service") && deref(e.Service) != q.Get("service") || q.Has("since") && e.At.UTC().Format(time.RFC3339) < q.Get("since")
		})
		items, next := page(r, all)
		return wire.Audit{Audit: items, NextCursor: next}, nil
	})
}
