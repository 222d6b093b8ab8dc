package clustertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/wire"
)

// stored is an event of job0 that has come to the store.
func stored(id int64, seq uint64, reason string) *wire.Event {
	return &wire.Event{ID: &id, Seq: seq, Service: "job0", Kind: "reset", Reason: &reason, Durable: true}
}

// TestPlace_SeesWhatAStreamMustNeverDo is that the judge of the watchers bites.
func TestPlace_SeesWhatAStreamMustNeverDo(t *testing.T) {
	t.Parallel()
	snapshot := func(seq uint64) *told {
		return &told{Type: wire.TypeServicesState, Epoch: "a", Seq: seq, Page: 1, Pages: 1}
	}
	event := func(id int64, seq uint64) *told {
		return &told{Type: wire.TypeServiceEvent, Epoch: "a", Seq: seq, Event: stored(id, seq, "why")}
	}
	update := func(seq uint64, version int) *told {
		return &told{Type: wire.TypeServiceUpdate, Epoch: "a", Seq: seq, Versions: map[string]int{"job0": version}}
	}
	heartbeat := func(seq uint64) *told { return &told{Type: wire.TypeHeartbeat, Epoch: "a", Seq: seq} }
	for name, test := range map[string]struct {
		told []*told
		want string // in what is wrong; empty: nothing is
	}{
		"all is well":                 {[]*told{snapshot(5), event(1, 6), update(7, 2), heartbeat(7), event(2, 9), event(3, 12)}, ""},
		"a snapshot for what was not": {[]*told{snapshot(5), event(1, 6), snapshot(12)}, ""},
		"it has not come so far":      {[]*told{snapshot(5), event(1, 6), heartbeat(8)}, ""},
		"behind statistics":           {[]*told{snapshot(5), event(1, 6), update(8, 2), snapshot(7), event(2, 9), event(3, 12)}, ""},
		"an event is left out":        {[]*told{snapshot(5), event(1, 6), event(3, 12)}, "was not told"},
		"a heartbeat lies":            {[]*told{snapshot(5), event(1, 6), heartbeat(9)}, "was not told"},
		"an event comes twice":        {[]*told{snapshot(5), event(1, 6), event(1, 7)}, "before"},
		"an event is out of order":    {[]*told{snapshot(5), event(2, 9), event(1, 6)}, "behind"},
		"an update goes back":         {[]*told{snapshot(5), update(8, 2), update(8, 2)}, "behind"},
		"a config goes back":          {[]*told{snapshot(5), update(8, 2), update(9, 1)}, "config 1"},
		"a heartbeat goes back":       {[]*told{snapshot(5), event(1, 6), heartbeat(5)}, "heartbeat"},
		"a snapshot goes back":        {[]*told{snapshot(5), event(1, 6), snapshot(5)}, "behind the event"},
		"another epoch":               {[]*told{snapshot(5), {Type: wire.TypeConnectionStatus, Epoch: "b"}}, "epoch"},
		"it is not stored":            {[]*told{snapshot(5), event(1, 6), event(4, 7)}, "is not stored"},
		"it is stored as another":     {[]*told{snapshot(5), {Type: wire.TypeServiceEvent, Seq: 6, Event: stored(1, 6, "else")}}, "was told as"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace()
			var wrong []string
			for _, m := range test.told {
				if err := p.take(m); err != nil {
					wrong = append(wrong, err.Error())
				}
			}
			wrong = append(wrong, p.judge([]wire.Event{*stored(3, 12, "why"), *stored(2, 9, "why"), *stored(1, 6, "why")})...)
			compare(t, wrong, test.want)
		})
	}
}

func compare(t *testing.T, wrong []string, want string) {
	t.Helper()
	if want == "" && len(wrong) > 0 || want != "" && !strings.Contains(strings.Join(wrong, "\n"), want) {
		t.Errorf("it says %q, want %q", wrong, want)
	}
}

// TestJudgeOrders_SeesWhatIsLostAndWhatIsDoubled is that the judge of the
// administrators bites.
func TestJudgeOrders_SeesWhatIsLostAndWhatIsDoubled(t *testing.T) {
	t.Parallel()
	once, twice := []wire.Event{*stored(1, 6, "x")}, []wire.Event{*stored(2, 7, "x"), *stored(1, 6, "x")}
	for name, test := range map[string]struct {
		order  order
		stored []wire.Event
		want   string
	}{
		"done":              {order{Kind: reset, Result: done}, once, ""},
		"done, and lost":    {order{Kind: reset, Result: done}, nil, "0 times"},
		"done twice":        {order{Kind: reset, Result: done}, twice, "2 times"},
		"refused":           {order{Kind: reset, Result: refused}, nil, ""},
		"refused, and done": {order{Kind: reset, Result: refused}, once, "1 times"},
		"unknown, not done": {order{Kind: reset, Result: unknown}, nil, ""},
		"unknown, done":     {order{Kind: reset, Result: unknown}, once, ""},
		"unknown, twice":    {order{Kind: reset, Result: unknown}, twice, "2 times"},
		"an override lost":  {order{Kind: override, Result: done}, nil, "0 times"},
		"one without store": {order{Kind: override, Result: done, StoreMayHaveBeenAway: true}, nil, ""},
		"the end of none":   {order{Kind: end, Result: done}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.order.Reason = "x"
			compare(t, judgeOrders([]order{test.order}, test.stored), test.want)
		})
	}
}

func TestJudgeVersions_SeesHolesAndOrdersThatWentBack(t *testing.T) {
	t.Parallel()
	asked := func(reason string, before, version int) order {
		return order{Kind: patch, Result: done, Reason: reason, Before: before, Version: version}
	}
	history := func(reasons ...string) (all []wire.ConfigVersion) {
		for i, reason := range reasons {
			all = append(all, wire.ConfigVersion{Version: i + 1, Reason: reason})
		}
		slices.Reverse(all)
		return all
	}
	for name, test := range map[string]struct {
		orders   []order
		versions []wire.ConfigVersion
		want     string
	}{
		"well":            {[]order{asked("a", 1, 2), asked("b", 2, 3)}, history("first", "a", "b"), ""},
		"lost":            {[]order{asked("a", 1, 2), asked("b", 2, 3)}, history("first", "a"), `"b" was answered`},
		"went back":       {[]order{asked("a", 1, 3), asked("b", 1, 2)}, history("first", "b", "a"), "behind 3"},
		"another version": {[]order{asked("a", 1, 2)}, history("first", "b", "a"), "and is 3"},
		"a hole":          {nil, history("first", "a", "b")[:1], "stands where"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, judgeVersions(test.orders, test.versions), test.want)
		})
	}
}
