package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var loadLaws = []law{
	{"AnEmptyStoreHasNothing", func(x trial) {
		got := x.load()
		if len(got.Services) != 0 || len(got.Versions) != 0 || got.Seq != 0 {
			x.Errorf("Load of an empty store = %+v", got)
		}
	}},
	{"ServicesComeByName", func(x trial) {
		// In the order of bytes, which is not that of every language.
		names := []string{"a", "a-b", "a.b", "a0", "a:b", "a_b", "aa", "ab", "b", "z"}
		for _, name := range slices.Backward(names) {
			x.commit(fleet.Batch{Services: []fleet.ServiceRow{row(name, `{}`)}})
		}
		var got []string
		for _, r := range x.load().Services {
			got = append(got, r.Service)
		}
		wantSame(x, "names", got, names)
	}},
	{"VersionsAreTheNewestOfEachServiceThatEverHadOne", func(x trial) {
		x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{}`), row("b", `{}`), row("c", `{}`)},
			Configs:  []fleet.ConfigVersion{config("a", 1), config("a", 2), config("b", 1)},
		})
		x.commit(fleet.Batch{Removed: []string{"b"}})
		wantSame(x, "versions", x.load().Versions, map[string]int{"a": 2, "b": 1})
	}},
	{"SeqIsTheHighestOfAnyEvent", func(x trial) {
		x.commit(fleet.Batch{Events: []fleet.Event{event(3, "a", fleet.EventTransition, base), event(17, "b", fleet.EventReset, base)}})
		if got := x.load().Seq; got != 17 {
			x.Errorf("Seq = %d, want 17", got)
		}
	}},
}

var commitLaws = []law{
	{"WritesAllOfTheBatch", func(x trial) {
		b := x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{"running":true,"list":[1,2.5,null]}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventRegistered, base)},
			Configs:  []fleet.ConfigVersion{config("a", 1)},
			Audit:    []fleet.AuditEntry{audit("register")},
			Tokens:   []fleet.Token{token("1", "aa")},
			Requests: []fleet.Request{request("k")},
		})
		wantSame(x, "everything", x.everything(), all{
			Stored:  fleet.Stored{Services: b.Services, Versions: map[string]int{"a": 1}, Seq: 1},
			Events:  stored(b.Events...),
			Configs: map[string][]fleet.ConfigVersion{"a": b.Configs},
			Audit:   b.Audit,
			Tokens:  b.Tokens,
		})
		x.request("k")
	}},
	{"WritesNothingOfABatchThatItRefuses", func(x trial) {
		x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{"n":1}`), row("b", `{}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventRegistered, base)},
			Configs:  []fleet.ConfigVersion{config("a", 1)},
		})
		before := x.everything()
		x.refuse(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{"n":2}`), row("c", `{}`)},
			Removed:  []string{"b"},
			Events:   []fleet.Event{event(2, "a", fleet.EventConfigChanged, base)},
			Configs:  []fleet.ConfigVersion{config("b", 1), config("a", 1)},
			Audit:    []fleet.AuditEntry{audit("config")},
		})
		wantSame(x, "everything", x.everything(), before)
	}},
	{"AnEmptyBatchIsWritten", func(x trial) {
		x.commit(fleet.Batch{})
		wantSame(x, "everything", x.everything(), all{Stored: fleet.Stored{Versions: map[string]int{}}, Configs: map[string][]fleet.ConfigVersion{}})
	}},
	{"AServiceIsWrittenOver", func(x trial) {
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{"n":1}`), row("b", `{"n":1}`)}})
		newer := fleet.ServiceRow{Service: "a", Value: json.RawMessage(`{"n":2}`), UpdatedAt: after(1)}
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{newer}})
		wantSame(x, "services", x.load().Services, []fleet.ServiceRow{newer, row("b", `{"n":1}`)})
	}},
	{"TheLastRowOfAServiceInABatchStands", func(x trial) {
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{"n":1}`), row("b", `{"n":1}`), row("a", `{"n":2}`)}})
		wantSame(x, "services", x.load().Services, []fleet.ServiceRow{row("a", `{"n":2}`), row("b", `{"n":1}`)})
	}},
	{"ARemovedServiceGoesAndItsHistoryStays", func(x trial) {
		b := x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{}`), row("ab", `{}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventRegistered, base)},
			Configs:  []fleet.ConfigVersion{config("a", 1)},
		})
		x.commit(fleet.Batch{Removed: []string{"a"}})
		wantSame(x, "services", x.load().Services, []fleet.ServiceRow{row("ab", `{}`)})
		wantSame(x, "events", x.events(fleet.EventQuery{Service: "a"}), stored(b.Events...))
		wantSame(x, "configs", x.versions("a", 0, 10), b.Configs)
	}},
	{"AServiceThatIsNotThereCanBeRemoved", func(x trial) {
		x.commit(fleet.Batch{Removed: []string{"nobody"}})
	}},
	{"ARemovedServiceCanComeBack", func(x trial) {
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{"n":1}`)}})
		x.commit(fleet.Batch{Removed: []string{"a"}})
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{"n":2}`)}})
		wantSame(x, "services", x.load().Services, []fleet.ServiceRow{row("a", `{"n":2}`)})
	}},
	{"WhatIsNotSaidComesBackEmpty", func(x trial) {
		b := x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{{Service: "a", Value: json.RawMessage(`{}`), UpdatedAt: base}},
			Events:   []fleet.Event{{Seq: 1, Service: "a", Kind: fleet.EventReset, At: base}},
			Configs:  []fleet.ConfigVersion{{Service: "a", Version: 1, Config: json.RawMessage(`{}`), At: base}},
			Audit:    []fleet.AuditEntry{{At: base, Action: "look"}},
		})
		wantSame(x, "services", x.load().Services, b.Services)
		wantSame(x, "events", x.events(fleet.EventQuery{}), stored(b.Events...))
		wantSame(x, "configs", x.versions("a", 0, 10), b.Configs)
		wantSame(x, "audit", x.audit(fleet.AuditQuery{}), b.Audit)
	}},
	{"TextComesBackAsItWas", func(x trial) {
		const text = "O'Brien \"said\" \\ $1 ? %s; DROP TABLE service_events; -- Zürich 東京 🔌\n\ttab "
		value, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			x.Fatal(err)
		}
		e := fleet.Event{Seq: 1, Service: "a", Kind: "a_kind_of_tomorrow", From: text, To: text, At: base, Actor: text, Reason: text, Evidence: value}
		b := x.commit(fleet.Batch{Services: []fleet.ServiceRow{{Service: "a", Value: value, Description: text, UpdatedAt: base, UpdatedBy: text}}, Events: []fleet.Event{e}})
		wantSame(x, "events", x.events(fleet.EventQuery{}), stored(b.Events...))
		wantSame(x, "services", x.load().Services, b.Services)
	}},
	{"LongValuesComeBackWhole", func(x trial) {
		value := `{"long":"` + string(slices.Repeat([]byte("x"), 1<<20)) + `"}`
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", value)}})
		wantSame(x, "services", x.load().Services, []fleet.ServiceRow{row("a", value)})
	}},
	{"TimesComeBackInUTCToTheMicrosecond", func(x trial) {
		for i, at := range []time.Time{base, base.UTC(), time.Date(1, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Unix(1, 0)} {
			service := fmt.Sprintf("s%d", i)
			c := config(service, 1)
			c.At = at
			x.commit(fleet.Batch{
				Services: []fleet.ServiceRow{{Service: service, Value: json.RawMessage(`{}`), UpdatedAt: at}},
				Events:   []fleet.Event{event(uint64(i+1), service, fleet.EventReset, at)},
				Configs:  []fleet.ConfigVersion{c},
				Audit:    []fleet.AuditEntry{{At: at, Action: "look", Service: service}},
			})
			for what, got := range map[string]time.Time{
				"event":   x.events(fleet.EventQuery{Service: service})[0].At,
				"config":  x.versions(service, 0, 1)[0].At,
				"audit":   x.audit(fleet.AuditQuery{Service: service})[0].At,
				"service": x.load().Services[i].UpdatedAt,
			} {
				if !got.Equal(at) || got.Location() != time.UTC {
					x.Errorf("the time of the %s is %v, want %v", what, got, at.UTC())
				}
			}
		}
	}},
	{"TheBatchStaysTheCallers", func(x trial) {
		b := x.commit(fleet.Batch{
			Services: []fleet.ServiceRow{row("a", `{"n":1}`)},
			Events:   []fleet.Event{event(1, "a", fleet.EventReset, base)},
			Configs:  []fleet.ConfigVersion{config("a", 1)},
		})
		before := x.everything()
		for _, raw := range []json.RawMessage{b.Services[0].Value, b.Events[0].Evidence, b.Configs[0].Config} {
			copy(raw, "#")
		}
		wantSame(x, "everything", x.everything(), before)
	}},
}
