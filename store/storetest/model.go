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
	newest := p.model.load().Versions
	for range rapid.IntRange(0, 2).Draw(r, "configs") {
		service := someService.Draw(r, "service")
		newest[service] += rapid.SampledFrom([]int{1, 1, 1, 1, 0, 2}).Draw(r, "step")
		b.Configs = append(b.Configs, fleet.ConfigVersion{Service: service, Version: newest[service], Config: someJSON.Draw(r, "config"), At: someTime.Draw(r, "at")})
	}
	for range rapid.IntRange(0, 2).Draw(r, "audit") {
		b.Audit = append(b.Audit, audit("look"))
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
	if rapid.IntRange(0, 3).Draw(r, "token") == 0 {
		made := token(rapid.SampledFrom([]string{"1", "2"}).Draw(r, "id"), rapid.SampledFrom([]string{"aa", "bb"}).Draw(r, "hash"))
		agree(r, "AddToken", p.store.AddToken(p.store.Context(), made), p.model.AddToken(p.model.Context(), made))
	}
}

func (p *pair) ask(r *rapid.T) {
	if diff := cmp.Diff(p.model.everything(), p.store.everything(), same); diff != "" {
		r.Fatalf("everything (-model +store):\n%s", diff)
	}
	noTime := rapid.Just(time.Time{})
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
	service, version := someService.Draw(r, "of"), rapid.IntRange(0, 4).Draw(r, "version")
	one, err := p.store.ConfigVersion(p.store.Context(), service, version)
	modelOne, modelErr := p.model.ConfigVersion(p.model.Context(), service, version)
	agree(r, "ConfigVersion", err, modelErr)
	if diff := cmp.Diff(modelOne, one, same); diff != "" {
		r.Fatalf("version %d of %s (-model +store):\n%s", version, service, diff)
	}
}

// agree wants both to succeed, or both to fail in the same way.
func agree(r *rapid.T, what string, store, model error) {
	if (store == nil) != (model == nil) || fleet.KindOf(store) != fleet.KindOf(model) {
		r.Fatalf("%s: the store says %v, the model %v", what, store, model)
	}
}
