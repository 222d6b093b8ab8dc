// Package storetest is the conformance suite of [fleet.Store]: its laws, clause
// by clause, for every implementation to run unchanged.
package storetest

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

// law is one promise of a store, and a trial of it on an empty one.
type law struct {
	name string
	hold func(x trial)
}

// trial is a test, and the store that is tried in it.
type trial struct {
	*testing.T
	fleet.Store
}

// Run tests all laws but those of [RunDurable]. Each call of open returns an
// empty store of its own, which the test it is called with takes down.
func Run(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Helper()
	for _, group := range []struct {
		name string
		laws []law
	}{
		{"Load", loadLaws},
		{"Commit", commitLaws},
		{"Instances", instanceLaws},
		{"IDs", idLaws},
		{"Versions", versionLaws},
		{"Events", eventLaws},
		{"ConfigVersions", configLaws},
		{"Tokens", tokenLaws},
		{"Audit", auditLaws},
		{"Requests", requestLaws},
		{"Calls", callLaws},
		{"Concurrency", concurrencyLaws},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, l := range group.laws {
				t.Run(l.name, func(t *testing.T) {
					t.Parallel()
					l.hold(trial{t, open(t)})
				})
			}
		})
	}
}

// base is a time with all the digits that a store keeps, in a zone that is not
// the store's.
var base = time.Date(2026, 11, 23, 9, 0, 0, 123_456_000, time.FixedZone("CET", 3600))

// after is base and so many seconds.
func after(seconds int) time.Time { return base.Add(time.Duration(seconds) * time.Second) }

func row(service, value string) fleet.ServiceRow {
	return fleet.ServiceRow{Service: service, Value: json.RawMessage(value), Description: "guards " + service, UpdatedAt: base, UpdatedBy: "ada"}
}

func event(seq uint64, service string, kind fleet.EventKind, at time.Time) fleet.Event {
	return fleet.Event{
		Seq: seq, Service: service, Kind: kind, From: "closed", To: "open", At: at,
		Actor: "switchgear", Reason: "5 failures", Evidence: json.RawMessage(`{"rule":"failures","failures":5}`),
	}
}

func config(service string, version int) fleet.ConfigVersion {
	return fleet.ConfigVersion{
		Service: service, Version: version, Config: json.RawMessage(`{"failureThreshold":5}`),
		At: after(version), Actor: "ada", Reason: "tuning",
	}
}

func audit(action string) fleet.AuditEntry {
	return fleet.AuditEntry{
		At: base, Actor: "ada", Address: "192.0.2.1", Action: action, Service: "a", Reason: "why not", Result: "done",
		Details: json.RawMessage(`{"mode":"forced_open","n":3,"until":null}`),
	}
}

func (x trial) commit(b fleet.Batch) fleet.Batch {
	x.Helper()
	if err := x.Commit(x.Context(), &b); err != nil {
		x.Fatalf("Commit: %v", err)
	}
	return b
}

// refuse commits what must be a conflict.
func (x trial) refuse(b fleet.Batch) {
	x.Helper()
	x.wantKind(x.Commit(x.Context(), &b), fleet.Conflict)
}

func (x trial) load() fleet.Stored {
	x.Helper()
	found, err := x.Load(x.Context())
	if err != nil {
		x.Fatalf("Load: %v", err)
	}
	return found
}

func (x trial) events(q fleet.EventQuery) []fleet.Event {
	x.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	found, err := x.Events(x.Context(), q)
	if err != nil {
		x.Fatalf("Events(%+v): %v", q, err)
	}
	return found
}

func (x trial) versions(service string, before, limit int) []fleet.ConfigVersion {
	x.Helper()
	found, err := x.ConfigVersions(x.Context(), service, before, limit)
	if err != nil {
		x.Fatalf("ConfigVersions(%q, %d, %d): %v", service, before, limit, err)
	}
	return found
}

func (x trial) tokens() []fleet.Token {
	x.Helper()
	found, err := x.Tokens(x.Context())
	if err != nil {
		x.Fatalf("Tokens: %v", err)
	}
	return found
}

func (x trial) addToken(token fleet.Token) {
	x.Helper()
	x.commit(fleet.Batch{Tokens: []fleet.Token{token}})
}

// all is everything that a store shows.
type all struct {
	Stored  fleet.Stored
	Events  []fleet.Event
	Configs map[string][]fleet.ConfigVersion
	Audit   []fleet.AuditEntry
	Tokens  []fleet.Token
}

func (x trial) everything() all {
	x.Helper()
	out := all{
		Stored: x.load(), Events: x.events(fleet.EventQuery{}), Configs: make(map[string][]fleet.ConfigVersion),
		Audit: x.audit(fleet.AuditQuery{}), Tokens: x.tokens(),
	}
	for service := range out.Stored.Versions {
		out.Configs[service] = x.versions(service, 0, 1000)
	}
	return out
}

func (x trial) wantKind(err error, kind fleet.Kind) {
	x.Helper()
	if err == nil || fleet.KindOf(err) != kind {
		x.Errorf("the error is %v, of kind %v; want one of kind %v", err, fleet.KindOf(err), kind)
	}
}

// same are the ways in which what comes back may differ from what was given:
// an engine may lay JSON out anew, and none or an empty list is the same.
var same = cmp.Options{
	cmp.Comparer(sameJSON),
	cmp.FilterValues(func(a, b []fleet.Event) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.ConfigVersion) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.ServiceRow) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.InstanceRow) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.AuditEntry) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.StateAt) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []fleet.Token) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
}

func sameJSON(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func wantSame[T any](x trial, what string, got, want T) {
	x.Helper()
	if diff := cmp.Diff(want, got, same); diff != "" {
		x.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// stored are the events as they come back: newest first, and durable.
func stored(given ...fleet.Event) []fleet.Event {
	out := make([]fleet.Event, 0, len(given))
	for _, e := range slices.Backward(given) {
		e.Durable = true
		out = append(out, e)
	}
	return out
}

func seqs(found []fleet.Event) []uint64 {
	out := make([]uint64, 0, len(found))
	for i := range found {
		out = append(out, found[i].Seq)
	}
	return out
}
