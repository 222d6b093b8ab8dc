package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear/wire"
)

const fakeToken = "a-token-of-the-tests-00"

var fakeNow = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func at(d time.Duration) wire.Time { return wire.Time{Time: fakeNow.Add(d)} }

// fakeManager answers as a manager does, from a little state.
type fakeManager struct {
	*http.ServeMux

	mu       sync.Mutex
	versions []wire.ConfigVersion // of market_data_service, oldest first
}

func newFakeManager() *fakeManager {
	m := &fakeManager{ServeMux: http.NewServeMux()}
	m.versions = []wire.ConfigVersion{
		{Version: 1, Config: fakeConfig(5, "0.1"), At: at(-48 * time.Hour), Actor: "file", Reason: "switchgear.yaml"},
		{Version: 2, Config: fakeConfig(3, "0.1"), At: at(-time.Hour), Actor: "admin", Reason: "prices matter"},
		{Version: 3, Config: fakeConfig(3, "0.2"), At: at(-time.Minute), Actor: "admin", Reason: "a herd"},
	}
	const services, service = "/api/v2/services", "/api/v2/services/{service}"
	m.handleAccess()
	m.handleAlerts()
	m.handle("GET "+services, m.services)
	m.handle("GET "+service, m.service)
	m.handle("GET "+service+"/instances", m.instances)
	m.handle("GET /api/v2/events", m.events)
	m.handle("GET "+service+"/events", m.events)
	m.handle("POST "+service+"/health-check", m.check)
	m.handle("POST "+service+"/reset", m.reset)
	m.handle("PUT "+service+"/override", m.override)
	m.handle("DELETE "+service+"/override", m.endOverride)
	m.handle("GET "+service+"/config", m.config)
	m.handle("PUT "+service+"/config", m.setConfig)
	m.handle("PATCH "+service+"/config", m.setConfig)
	m.handle("GET "+service+"/config/versions", m.configVersions)
	m.handle("POST "+service+"/config/rollback", m.rollback)
	return m
}

// refusal is what is refused, and why.
type refusal struct {
	status int
	detail string
	fields []wire.FieldMessage
}

func (m *fakeManager) handle(pattern string, answer func(r *http.Request) (any, *refusal)) {
	m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		var body any
		var no *refusal
		switch name := r.PathValue("service"); {
		case r.Header.Get("Authorization") != "Bearer "+fakeToken:
			no = &refusal{status: http.StatusUnauthorized, detail: "the token is not known"}
		case name != "" && !slices.ContainsFunc(fakeEntries(), func(e wire.Entry) bool { return e.Service == name }):
			no = &refusal{status: http.StatusNotFound, detail: fmt.Sprintf("there is no service %q", name)}
		default:
			body, no = answer(r)
		}
		if no != nil {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(no.status)
			body = wire.Problem{Title: http.StatusText(no.status), Status: no.status, Detail: no.detail, RequestID: "r1", Errors: no.fields}
		}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			panic(err) // which the client sees
		}
	})
}

// page is a page of at most two, so that there are more.
func page[T any](r *http.Request, all []T) (items []T, next *string) {
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor")) // none is the first
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	to := min(len(all), from+min(2, limit))
	if to < len(all) {
		cursor := strconv.Itoa(to)
		next = &cursor
	}
	return all[from:to], next
}

func (m *fakeManager) services(r *http.Request) (any, *refusal) {
	q := r.URL.Query()
	all := slices.DeleteFunc(fakeEntries(), func(e wire.Entry) bool {
		return q.Has("status") && e.Status != q.Get("status") || q.Has("layer") && e.Layer != q.Get("layer") ||
			!strings.Contains(e.Service, q.Get("q"))
	})
	items, next := page(r, all)
	return wire.Services{Services: items, NextCursor: next}, nil
}

func fakeEntry(r *http.Request) wire.Entry {
	all := fakeEntries()
	return all[slices.IndexFunc(all, func(e wire.Entry) bool { return e.Service == r.PathValue("service") })]
}

func (m *fakeManager) service(r *http.Request) (any, *refusal) { return fakeEntry(r), nil }

func (m *fakeManager) instances(r *http.Request) (any, *refusal) {
	return wire.InstanceList{Service: r.PathValue("service"), Instances: fakeInstances(r.PathValue("service"))}, nil
}

func (m *fakeManager) events(r *http.Request) (any, *refusal) {
	q, name := r.URL.Query(), r.PathValue("service")
	all := slices.DeleteFunc(fakeEvents(), func(e wire.Event) bool {
		since, until := q.Get("since"), q.Get("until")
		moment := e.At.UTC().Format(time.RFC3339)
		return q.Has("kind") && e.Kind != q.Get("kind") || name != "" && e.Service != name ||
			since != "" && moment < since || until != "" && moment >= until
	})
	items, next := page(r, all)
	return wire.Events{Events: items, NextCursor: next}, nil
}

func (m *fakeManager) check(r *http.Request) (any, *refusal) {
	e := fakeEntry(r)
	if e.Health.Healthy == nil {
		return nil, &refusal{status: http.StatusConflict, detail: e.Service + " has no health check"}
	}
	return wire.HealthCheckResult{
		Timestamp: at(0), Service: e.Service, Healthy: *e.Health.Healthy, Status: e.Status, DurationMs: 3.25, Error: e.Health.Error,
		CircuitBreaker: &e.CircuitBreaker, RequestID: wire.NewRequestID("r1"),
	}, nil
}

func (m *fakeManager) reset(r *http.Request) (any, *refusal) {
	var body wire.ResetRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	return wire.ResetResult{
		Timestamp: at(0), Service: r.PathValue("service"), Success: true, Status: "healthy", Details: body.To + " because " + body.Reason,
	}, nil
}

func (m *fakeManager) override(r *http.Request) (any, *refusal) {
	var body wire.OverrideRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	if body.Reason == "" || body.TTLMs > 1000*time.Hour.Seconds() {
		return nil, &refusal{http.StatusBadRequest, "reason: it is required (and 1 more)", []wire.FieldMessage{
			{Field: "reason", Message: "it is required"}, {Field: "ttl_ms", Message: "it is too long"},
		}}
	}
	e := fakeEntry(r)
	e.Status, e.CircuitBreaker.Mode = "circuit_open", body.Mode
	e.CircuitBreaker.Override = &wire.Override{
		Mode: body.Mode, Reason: body.Reason, Actor: "admin", ExpiresAt: at(time.Duration(body.TTLMs) * time.Millisecond),
	}
	return e, nil
}

func (m *fakeManager) endOverride(r *http.Request) (any, *refusal) {
	e := fakeEntry(r)
	e.CircuitBreaker.Details = r.URL.Query().Get("reason")
	return e, nil
}

func (m *fakeManager) inForce() wire.Config {
	v := m.versions[len(m.versions)-1]
	return wire.Config{
		Service: "market_data_service", Config: v.Config, Version: v.Version, UpdatedAt: v.At, UpdatedBy: v.Actor, Reason: v.Reason,
		Warnings: []wire.FieldMessage{{Field: "jitter", Message: "it is for the tests"}},
	}
}

func (m *fakeManager) config(*http.Request) (any, *refusal) { return m.inForce(), nil }

func (m *fakeManager) put(cfg json.RawMessage, reason string) (any, *refusal) {
	m.versions = append(m.versions, wire.ConfigVersion{
		Version: len(m.versions) + 1, Config: cfg, At: at(0), Actor: "admin", Reason: reason,
	})
	return m.inForce(), nil
}

func (m *fakeManager) setConfig(r *http.Request) (any, *refusal) {
	current := m.inForce()
	if got := r.Header.Get("If-Match"); got != strconv.Quote(strconv.Itoa(current.Version)) {
		return nil, &refusal{status: http.StatusPreconditionFailed, detail: fmt.Sprintf("version %d is in force, not %s", current.Version, got)}
	}
	var body wire.ConfigRequest
	var before, after struct {
		FailureThreshold json.RawMessage `json:"failureThreshold"`
		ResetTimeoutMs   json.RawMessage `json:"resetTimeoutMs"`
		Jitter           json.RawMessage `json:"jitter"`
		RecoverySteps    json.RawMessage `json:"recoverySteps"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal(current.Config, &before) != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: "the body is not sound JSON"}
	}
	if r.Method == http.MethodPatch {
		after = before
	}
	if err := json.Unmarshal(body.Config, &after); err != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	cfg, err := json.Marshal(after)
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	return m.put(cfg, body.Reason)
}

func (m *fakeManager) configVersions(r *http.Request) (any, *refusal) {
	all := slices.Clone(m.versions)
	slices.Reverse(all)
	items, next := page(r, all)
	return wire.ConfigVersions{Versions: items, NextCursor: next}, nil
}

func (m *fakeManager) rollback(r *http.Request) (any, *refusal) {
	var body wire.RollbackRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	if body.Version < 1 || body.Version > len(m.versions) {
		return nil, &refusal{status: http.StatusNotFound, detail: fmt.Sprintf("there is no version %d", body.Version)}
	}
	return m.put(m.versions[body.Version-1].Config, body.Reason)
}
