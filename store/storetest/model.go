package storetest

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/fleet"
)

// RunModel does the same random things to a store and to a model of it, both
// empty at first, and wants the same answers. Both open functions are as those
// of [Run].
func RunModel(t *testing.T, open, model func(t *testing.T) fleet.Store) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		p := pair{store: trial{t, open(t)}, model: trial{t, model(t)}, seq: 1}
		defer p.close(r)
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			p.write(r)
			p.ask(r)
		}
	})
}

type pair struct {
	store, model trial
	seq          uint64
}

func (p *pair) close(r *rapid.T) {
	for _, s := range []fleet.Store{p.store.Store, p.model.Store} {
		if c, ok := s.(io.Closer); ok {
			if err := c.Close(); err != nil {
				r.Errorf("Close: %v", err)
			}
		}
	}
}

var (
	someService = rapid.SampledFrom([]string{"a", "b", "b.c", "d"})
	someKind    = rapid.SampledFrom([]fleet.EventKind{fleet.EventTransition, fleet.EventReset, fleet.EventOverride})
	someText    = rapid.SampledFrom([]string{"", "x", "O'Brien"})
	someJSON    = rapid.Custom(func(r *rapid.T) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 9).Draw(r, "n")))
	})
	// With digits that a store may not keep.
	someTime = rapid.Custom(func(r *rapid.T) time.Time {
		return after(rapid.IntRange(0, 5).Draw(r, "second")).Add(time.Duration(rapid.SampledFrom([]int{0, 300, 700, 1000}).Draw(r, "ns")))
	})
	someRow = rapid.Custom(func(r *rapid.T) fleet.ServiceRow {
		return fleet.ServiceRow{
			Service: someService.Draw(r, "service"), Value: someJSON.Draw(r, "value"), Description: someText.Draw(r, "description"),
			UpdatedAt: someTime.Draw(r, "at"), UpdatedBy: someText.Draw(r, "by"),
		}
	})
)

var (
	someAction = rapid.SampledFrom([]string{"look", "reset", "config"})
	someID     = rapid.SampledFrom([]string{"1", "2", "3", "4"})
	someKey    = rapid.SampledFrom([]string{"k", "l", "m", "n"})
	someToken  = rapid.Custom(func(r *rapid.T) fleet.Token {
		return fleet.Token{
			ID: someID.Draw(r, "id"), Name: someText.Draw(r, "name"), Role: "operator", Hash: rapid.SampledFrom([]string{"aa", "bb", "cc", "dd"}).Draw(r, "hash"),
			Services: rapid.SliceOfN(someService, 0, 2).Draw(r, "for"), CreatedAt: someTime.Draw(r, "created"), CreatedBy: someText.Draw(r, "by"),
			ExpiresAt: rapid.OneOf(rapid.Just(time.Time{}), someTime).Draw(r, "expires"),
			Parent:    rapid.OneOf(rapid.Just(""), someID).Draw(r, "parent"),
		}
	})
	someRequest = rapid.Custom(func(r *rapid.T) fleet.Request {
		// As old as a store may forget it, or not; the two clocks read it at
		// moments of their own.
		age := rapid.SampledFrom([]time.Duration{0, fleet.RequestsKept - time.Hour, fleet.RequestsKept + time.Hour}).Draw(r, "age")
		return fleet.Request{Key: someKey.Draw(r, "key"), Fingerprint: someText.Draw(r, "of"), At: time.Now().Add(-age), Subject: someText.Draw(r, "subject")}
	})
)

// batch is a random batch, whose versions follow more often than not.
func (p *pair) batch(r *rapid.T) fleet.Batch {
	b := fleet.Batch{
		Services: rapid.SliceOfN(someRow, 0, 4).Draw(r, "services"),
		Removed:  rapid.SliceOfN(someService, 0, 2).Draw(r, "removed"),
	}
	for range rapid.IntRange(0, 12).Draw(r, "events") {
		b.Events = append(b.Events, fleet.Event{
			Seq: p.seq, Service: someService.Draw(r, "service"), Kind: someKind.Draw(r, "kind"), From: someText.Draw(r, "from"),
			To: someText.Draw(r, "to"), At: someTime.Draw(r, "at"), Actor: someText.Draw(r, "actor"), Reason: someText.Draw(r, "reason"),
			Evidence: rapid.OneOf(rapid.Just(json.RawMessage(nil)), someJSON).Draw(r, "evidence"),
		})
		p.seq++
	}
	b.Instances = rapid.SliceOfN(someInstance, 0, 4).Draw(r, "instances")
	b.GoneInstances = rapid.SliceOfN(someInstanceKey, 0, 2).Draw(r, "gone")
	newest := p.model.load().Versions
	for range rapid.IntRange(0, 2).Draw(r, "configs") {
		service := someService.Draw(r, "service")
		newest[service] += rapid.SampledFrom([]int{1, 1, 1, 1, 0, 2}).Draw(r, "step")
		b.Configs = append(b.Configs, fleet.ConfigVersion{Service: service, Version: newest[service], Config: someJSON.Draw(r, "config"), At: someTime.Draw(r, "at")})
	}
	for range rapid.IntRange(0, 2).Draw(r, "audit") {
		b.Audit = append(b.Audit, fleet.AuditEntry{
			At: someTime.Draw(r, "at"), Actor: someText.Draw(r, "actor"), Address: someText.Draw(r, "address"), Action: someAction.Draw(r, "action"),
			Service: rapid.OneOf(rapid.Just(""), someService).Draw(r, "service"), Reason: someText.Draw(r, "reason"), Result: someText.Draw(r, "result"),
			Details: rapid.OneOf(rapid.Just(json.RawMessage(nil)), someJSON).Draw(r, "details"),
		})
	}
	// Few batches have one of these: most of them are conflicts.
	if rapid.IntRange(0, 2).Draw(r, "access") == 0 {
		b.Tokens = rapid.SliceOfN(someToken, 0, 2).Draw(r, "tokens")
		b.Revoked = rapid.SliceOfN(someID, 0, 2).Draw(r, "revoked")
		b.Requests = rapid.SliceOfN(someRequest, 0, 2).Draw(r, "requests")
	}
	return b
}

func (p *pair) write(r *rapid.T) {
	b := p.batch(r)
	other := b
	other.Events = append([]fleet.Event(nil), b.Events...)
	other.Audit = append([]fleet.AuditEntry(nil), b.Audit...)
	agree(r, "Commit", p.store.Commit(p.store.Context(), &b), p.model.Commit(p.model.Context(), &other))
	if diff := cmp.Diff(other, b, same); diff != "" {
		r.Fatalf("the batch afterwards (-model +store):\n%s", diff)
	}
}

func (p *pair) ask(r *rapid.T) {
	if diff := cmp.Diff(p.model.everything(), p.store.everything(), same); diff != "" {
		r.Fatalf("everything (-model +store):\n%s", diff)
	}
	q := fleet.EventQuery{
		Service: rapid.OneOf(rapid.Just(""), someService).Draw(r, "of"),
		Kinds:   rapid.SliceOfNDistinct(someKind, 0, 2, rapid.ID[fleet.EventKind]).Draw(r, "kinds"),
		Since:   rapid.OneOf(noTime, someTime).Draw(r, "since"),
		Until:   rapid.OneOf(noTime, someTime).Draw(r, "until"),
		Before:  rapid.Int64Range(0, 40).Draw(r, "before"),
		Limit:   rapid.IntRange(0, 20).Draw(r, "limit"),
	}
	got, err := p.store.Events(p.store.Context(), q)
	want, modelErr := p.model.Events(p.model.Context(), q)
	agree(r, "Events", err, modelErr)
	if diff := cmp.Diff(want, got, same); diff != "" {
		r.Fatalf("events of %+v (-model +store):\n%s", q, diff)
	}
	p.askAccess(r)
	service, version := someService.Draw(r, "of"), rapid.IntRange(0, 4).Draw(r, "version")
	one, err := p.store.ConfigVersion(p.store.Context(), service, version)
	modelOne, modelErr := p.model.ConfigVersion(p.model.Context(), service, version)
	agree(r, "ConfigVersion", err, modelErr)
	if diff := cmp.Diff(modelOne, one, same); diff != "" {
		r.Fatalf("version %d of %s (-model +store):\n%s", version, service, diff)
	}
}

func (p *pair) askAccess(r *rapid.T) {
	q := fleet.AuditQuery{
		Service: rapid.OneOf(rapid.Just(""), someService).Draw(r, "of"),
		Actor:   someText.Draw(r, "by"),
		Action:  rapid.OneOf(rapid.Just(""), someAction).Draw(r, "action"),
		Since:   rapid.OneOf(noTime, someTime).Draw(r, "since"),
		Until:   rapid.OneOf(noTime, someTime).Draw(r, "until"),
		Before:  rapid.Int64Range(0, 15).Draw(r, "before"),
		Limit:   rapid.IntRange(0, 10).Draw(r, "limit"),
	}
	got, err := p.store.Audit(p.store.Context(), q)
	want, modelErr := p.model.Audit(p.model.Context(), q)
	agree(r, "Audit", err, modelErr)
	if diff := cmp.Diff(want, got, same); diff != "" {
		r.Fatalf("audit of %+v (-model +store):\n%s", q, diff)
	}
	key := someKey.Draw(r, "key")
	one, err := p.store.Request(p.store.Context(), key)
	modelOne, modelErr := p.model.Request(p.model.Context(), key)
	agree(r, "Request", err, modelErr)
	if diff := cmp.Diff(modelOne, one); diff != "" {
		r.Fatalf("request %q (-model +store):\n%s", key, diff)
	}
}

// agree wants both to succeed, or both to fail in the same way.
func agree(r *rapid.T, what string, store, model error) {
	if (store == nil) != (model == nil) || fleet.KindOf(store) != fleet.KindOf(model) {
		r.Fatalf("%s: the store says %v, the model %v", what, store, model)
	}
}
