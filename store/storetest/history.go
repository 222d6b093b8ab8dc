package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var idLaws = []law{
	{"RiseInTheBatchsOrder", func(x trial) {
		var given fleet.Batch
		for i := range uint64(200) { // more than any statement takes
			given.Events = append(given.Events, event(i+1, fmt.Sprintf("s%d", i%7), fleet.EventTransition, base))
			given.Audit = append(given.Audit, audit("look"))
		}
		b := x.commit(given)
		for i := 1; i < len(b.Events); i++ {
			if b.Events[i].ID <= b.Events[i-1].ID || b.Audit[i].ID <= b.Audit[i-1].ID {
				x.Fatalf("IDs of place %d and the next: events %d, %d; audit %d, %d", i-1, b.Events[i-1].ID, b.Events[i].ID, b.Audit[i-1].ID, b.Audit[i].ID)
			}
		}
		wantSame(x, "events", x.events(fleet.EventQuery{}), stored(b.Events...))
	}},
	{"RiseFromBatchToBatch", func(x trial) {
		var event0, audit0 int64
		for i := range uint64(5) {
			b := x.commit(fleet.Batch{Events: []fleet.Event{event(i+1, "a", fleet.EventReset, base)}, Audit: []fleet.AuditEntry{audit("reset")}})
			if b.Events[0].ID <= event0 || b.Audit[0].ID <= audit0 {
				x.Errorf("after the IDs %d and %d come %d and %d", event0, audit0, b.Events[0].ID, b.Audit[0].ID)
			}
			event0, audit0 = b.Events[0].ID, b.Audit[0].ID
		}
	}},
	{"AreAboveZero", func(x trial) {
		b := x.commit(fleet.Batch{Events: []fleet.Event{event(1, "a", fleet.EventReset, base)}, Audit: []fleet.AuditEntry{audit("reset")}})
		if b.Events[0].ID < 1 || b.Audit[0].ID < 1 {
			x.Errorf("the first IDs are %d and %d", b.Events[0].ID, b.Audit[0].ID)
		}
	}},
}

var eventLaws = []law{
	{"OfNobodyAreNone", func(x trial) {
		x.commit(fleet.Batch{Events: []fleet.Event{event(1, "a", fleet.EventReset, base)}})
		if got := x.events(fleet.EventQuery{Service: "nobody"}); len(got) != 0 {
			x.Errorf("events of nobody: %v", got)
		}
	}},
	{"AreFound", func(x trial) {
		b := x.commit(fleet.Batch{Events: []fleet.Event{
			event(1, "a", fleet.EventTransition, after(0)),
			event(2, "b", fleet.EventOverride, after(1)),
			event(3, "a", fleet.EventReset, after(2)),
			event(4, "a", fleet.EventTransition, after(3)),
			event(5, "b", fleet.EventTransition, after(4)),
			event(6, "a", fleet.EventTransition, after(1)), // a clock was set back
		}})
		for _, q := range []struct {
			fleet.EventQuery

			name string
			want []uint64
		}{
			{fleet.EventQuery{}, "all", []uint64{6, 5, 4, 3, 2, 1}},
			{fleet.EventQuery{Service: "a"}, "of a service", []uint64{6, 4, 3, 1}},
			{fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventReset}}, "of a kind", []uint64{3}},
			{fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventReset, fleet.EventOverride}}, "of kinds", []uint64{3, 2}},
			{fleet.EventQuery{Kinds: []fleet.EventKind{fleet.EventRemoved}}, "of a kind that is not there", []uint64{}},
			{fleet.EventQuery{Since: after(2)}, "since a time, which counts", []uint64{5, 4, 3}},
			{fleet.EventQuery{Until: after(2)}, "until a time, which does not count", []uint64{6, 2, 1}},
			{fleet.EventQuery{Since: after(1), Until: after(3)}, "between times", []uint64{6, 3, 2}},
			{fleet.EventQuery{Since: after(3).Add(time.Microsecond)}, "a microsecond after a time", []uint64{5}},
			{fleet.EventQuery{Since: after(2), Until: after(2)}, "at no time", []uint64{}},
			{fleet.EventQuery{Before: b.Events[3].ID}, "before an ID", []uint64{3, 2, 1}},
			{fleet.EventQuery{Before: b.Events[0].ID}, "before the first", []uint64{}},
			{fleet.EventQuery{Limit: 2}, "with a limit", []uint64{6, 5}},
			{fleet.EventQuery{
				Service: "a", Kinds: []fleet.EventKind{fleet.EventTransition, fleet.EventReset},
				Since: after(1), Until: after(4), Before: b.Events[5].ID, Limit: 1,
			}, "by all of it", []uint64{4}},
		} {
			wantSame(x, q.name, seqs(x.events(q.EventQuery)), q.want)
		}
	}},
	{"ComeInPagesWithoutAGapOrARepeat", func(x trial) {
		var given fleet.Batch
		for i := range uint64(100) {
			given.Events = append(given.Events, event(i+1, []string{"a", "b", "c"}[i%3], fleet.EventTransition, after(int(i%5))))
		}
		x.commit(given)
		for _, service := range []string{"", "b"} {
			want := x.events(fleet.EventQuery{Service: service})
			var got []fleet.Event
			q := fleet.EventQuery{Service: service, Limit: 7}
			for page := x.events(q); len(page) > 0; page = x.events(q) {
				got = append(got, page...)
				q.Before = page[len(page)-1].ID
			}
			wantSame(x, "pages of "+service, got, want)
		}
	}},
	{"ReachTheHighestLimit", func(x trial) {
		var given fleet.Batch
		for i := range uint64(1001) {
			given.Events = append(given.Events, event(i+1, "a", fleet.EventTransition, base))
		}
		x.commit(given)
		if got := x.events(fleet.EventQuery{Limit: 1000}); len(got) != 1000 || got[0].Seq != 1001 {
			x.Errorf("%d events came, want the newest 1000", len(got))
		}
	}},
}

var versionLaws = []law{
	{"ThatIsThereAlreadyIsAConflict", func(x trial) {
		b := x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1), config("a", 2)}})
		for _, version := range []int{1, 2} {
			other := config("a", version)
			other.Actor = "eve"
			x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{other}})
		}
		slices.Reverse(b.Configs)
		wantSame(x, "configs", x.versions("a", 0, 10), b.Configs)
	}},
	{"ThatLeavesAGapIsAConflict", func(x trial) {
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1), config("b", 1), config("b", 2)}})
		x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 3)}})
		x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 2), config("a", 4)}})
		if got := x.versions("a", 0, 10); len(got) != 1 {
			x.Errorf("versions: %v", got)
		}
	}},
	{"OtherThanOneIsNoFirst", func(x trial) {
		for _, version := range []int{-1, 0, 2} {
			x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", version)}})
		}
	}},
	{"TwiceInABatchIsAConflict", func(x trial) {
		x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1), config("a", 1)}})
	}},
	{"OfARemovedServiceGoOn", func(x trial) {
		x.commit(fleet.Batch{Services: []fleet.ServiceRow{row("a", `{}`)}, Configs: []fleet.ConfigVersion{config("a", 1)}})
		x.commit(fleet.Batch{Removed: []string{"a"}})
		x.refuse(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1)}})
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 2)}})
	}},
}

var configLaws = []law{
	{"ComeNewestFirst", func(x trial) {
		var want []fleet.ConfigVersion
		for v := range 12 {
			want = append([]fleet.ConfigVersion{config("a", v+1)}, want...)
			x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", v+1), config("b", v+1)}})
		}
		wantSame(x, "all", x.versions("a", 0, 100), want)
		wantSame(x, "a page", x.versions("a", 0, 5), want[:5])
		wantSame(x, "the next page", x.versions("a", 8, 5), want[5:10])
		wantSame(x, "below the first", x.versions("a", 1, 5), nil)
		wantSame(x, "none", x.versions("a", 0, 0), nil)
	}},
	{"OfNobodyAreNone", func(x trial) {
		wantSame(x, "versions", x.versions("nobody", 0, 10), nil)
	}},
	{"OneComesByItsNumber", func(x trial) {
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1), config("a", 2)}})
		got, err := x.ConfigVersion(x.Context(), "a", 2)
		if err != nil {
			x.Fatal(err)
		}
		wantSame(x, "version 2", got, config("a", 2))
	}},
	{"OneThatIsNotThereIsNotFound", func(x trial) {
		x.commit(fleet.Batch{Configs: []fleet.ConfigVersion{config("a", 1)}})
		for _, c := range []struct {
			service string
			version int
		}{{"a", 2}, {"a", 0}, {"a", -1}, {"b", 1}} {
			_, err := x.ConfigVersion(x.Context(), c.service, c.version)
			x.wantKind(err, fleet.NotFound)
		}
	}},
}
