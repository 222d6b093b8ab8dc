package fleet

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

var quorumDay = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// voterOf draws an instance; n is its place.
func voterOf(t *rapid.T, n int) voter {
	state := rapid.SampledFrom([]switchgear.State{switchgear.Closed, switchgear.Open, switchgear.HalfOpen}).Draw(t, "state")
	yes := func(label string) bool { return rapid.Bool().Draw(t, label) }
	mostly := func(label string) bool { return rapid.IntRange(0, 4).Draw(t, label) > 0 }
	return voter{
		id: fmt.Sprintf("i%02d", n), state: state, number: rapid.Uint64Range(0, 9).Draw(t, "number"),
		left:    time.Duration(rapid.IntRange(0, 60).Draw(t, "left")) * time.Second,
		told:    rapid.SampledFrom([]word{toldNothing, toldWait, toldTry, toldFollow}).Draw(t, "told"),
		backoff: time.Duration(rapid.IntRange(0, 60).Draw(t, "backoff")) * time.Second,
		heard:   mostly("heard"), auto: mostly("auto"), ours: yes("ours"), busy: mostly("busy"), active: yes("active"),
		succeeds: state == switchgear.HalfOpen && yes("succeeds"), behind: !mostly("not behind"),
	}
}

func votersOf(t *rapid.T) []voter {
	voters := make([]voter, rapid.IntRange(0, 8).Draw(t, "instances"))
	for n := range voters {
		voters[n] = voterOf(t, n)
	}
	return voters
}

func quorumOf(t *rapid.T) config.Quorum {
	return config.Quorum{
		Instances: rapid.SampledFrom([]int{0, 2, 2, 3, 5}).Draw(t, "quorumInstances"),
		Share:     rapid.SampledFrom([]float64{0.01, 0.3, 0.5, 1}).Draw(t, "quorumShare"),
	}
}

func verdictOf(t *rapid.T, voters []voter) *verdict {
	if rapid.Bool().Draw(t, "no verdict") {
		return nil
	}
	in := func(label string) time.Time {
		return quorumDay.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, label)) * time.Second)
	}
	v := &verdict{next: in("next"), until: in("until"), number: rapid.Uint64Range(0, 9).Draw(t, "granted at")}
	ids := []string{"", "gone"}
	for _, o := range voters {
		ids = append(ids, o.id)
	}
	for _, id := range ids {
		if rapid.Bool().Draw(t, "tried") {
			v.tried = append(v.tried, id)
		}
	}
	v.holder, v.last = rapid.SampledFrom(ids).Draw(t, "holder"), rapid.SampledFrom(ids).Draw(t, "last")
	return v
}

// obeyed are the voters as they remember what they were told.
func obeyed(voters []voter, orders map[int]word) []voter {
	after := slices.Clone(voters)
	for n, w := range orders {
		after[n].told = w
	}
	return after
}

func TestRule_HoldsItsPromisesWhateverTheInstancesAre(t *testing.T) {
	t.Parallel()
	const lease = time.Minute
	rapid.Check(t, func(t *rapid.T) {
		q, voters := quorumOf(t), votersOf(t)
		before := verdictOf(t, voters)
		recovered := rapid.Bool().Draw(t, "recovered")
		given := slices.Clone(voters)
		var was verdict
		if before != nil {
			was = *before
			was.tried = slices.Clone(before.tried)
		}
		r := rule(q, before, voters, quorumDay, lease, recovered)

		if !slices.Equal(given, voters) || before != nil && !reflect.DeepEqual(*before, was) {
			t.Fatal("it has written to what it was given")
		}
		agree, count := vote(voters)
		switch {
		case !q.On() && r.verdict != nil:
			t.Fatal("a rule that is off opens")
		case r.opened && (before != nil || agree < 2 || agree < q.Instances || float64(agree) < q.Share*float64(count)):
			t.Fatalf("opened by %d of %d", agree, count)
		case before == nil && r.verdict != nil && !r.opened:
			t.Fatal("there is a verdict that nothing opened")
		case before == nil && q.On() && agree >= q.Instances && float64(agree) >= q.Share*float64(count) && r.verdict == nil:
			t.Fatalf("not opened by %d of %d", agree, count)
		}
		tries := 0
		for n, w := range r.orders {
			v := &voters[n]
			if w == toldTry {
				if tries++; r.verdict == nil || r.verdict.holder != v.id || !v.reachable() {
					t.Fatalf("%s is to try, and has not the lease", v.id)
				}
			}
			if (w == toldWait || w == toldFollow) && !v.reachable() {
				t.Fatalf("%s is told something that it cannot do", v.id)
			}
			if w == toldFollow && r.verdict != nil {
				t.Fatal("some are to recover, and the others wait")
			}
		}
		if tries > 1 {
			t.Fatalf("%d try at a time", tries)
		}
		after := obeyed(voters, r.orders)
		for n := range after {
			v := &after[n]
			switch {
			case r.verdict == nil && (v.told == toldWait || v.told == toldTry):
				t.Fatalf("%s waits for nothing", v.id)
			case r.verdict != nil && v.reachable() && v.id != r.verdict.holder && v.told != toldWait:
				t.Fatalf("%s does not wait, and has not the lease", v.id)
			}
		}
		if again := rule(q, r.verdict, after, quorumDay, lease, false); r.verdict != nil && !recovered && again.verdict != nil && len(again.orders) > 0 &&
			again.verdict.holder == r.verdict.holder {
			t.Fatalf("told twice: %v", again.orders)
		}
	})
}

func TestRule_OneMoreThatOpensNeverKeepsTheOthersClosed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q, voters := quorumOf(t), votersOf(t)
		for n := range voters {
			if voters[n].state == switchgear.HalfOpen {
				voters[n].state = switchgear.Closed
			}
		}
		was := rule(q, nil, voters, quorumDay, time.Minute, false).opened
		for n := range voters {
			if voters[n].disagrees() {
				voters[n].state, voters[n].ours, voters[n].told, voters[n].behind = switchgear.Open, false, toldNothing, false
				break
			}
		}
		if was && !rule(q, nil, voters, quorumDay, time.Minute, false).opened {
			t.Fatal("it has")
		}
	})
}

func TestVote_CountsThoseThatKnow(t *testing.T) {
	t.Parallel()
	open := voter{state: switchgear.Open, heard: true, auto: true}
	closed := voter{state: switchgear.Closed, heard: true, auto: true, busy: true}
	with := func(v voter, change func(*voter)) voter {
		change(&v)
		return v
	}
	for name, tt := range map[string]struct {
		voter        voter
		agree, count int
	}{
		"open":                           {open, 1, 1},
		"open, and silent":               {with(open, func(v *voter) { v.heard = false }), 0, 0},
		"open, and forced":               {with(open, func(v *voter) { v.auto = false }), 0, 0},
		"opened by a verdict":            {with(open, func(v *voter) { v.ours = true }), 0, 0},
		"open, and told to recover":      {with(open, func(v *voter) { v.told = toldFollow }), 0, 0},
		"open, and further than is told": {with(open, func(v *voter) { v.behind = true }), 0, 0},
		"closed":                         {closed, 0, 1},
		"closed, and without traffic":    {with(closed, func(v *voter) { v.busy = false }), 0, 0},
		"closed, and silent":             {with(closed, func(v *voter) { v.heard = false }), 0, 0},
		"closed, and disabled":           {with(closed, func(v *voter) { v.auto = false }), 0, 0},
		"recovering":                     {voter{state: switchgear.HalfOpen, heard: true, auto: true, busy: true}, 0, 0},
		"recovering well":                {voter{state: switchgear.HalfOpen, heard: true, auto: true, succeeds: true}, 0, 1},
	} {
		if agree, count := vote([]voter{tt.voter}); agree != tt.agree || count != tt.count {
			t.Errorf("%s: %d of %d, want %d of %d", name, agree, count, tt.agree, tt.count)
		}
	}
}

// TestRule_EachGetsTheLeaseInItsTurn has nobody succeed: the lease goes round all
// that are open, once before the first gets it again.
func TestRule_EachGetsTheLeaseInItsTurn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "instances")
		voters := make([]voter, n)
		for i := range voters {
			voters[i] = voter{id: fmt.Sprintf("i%02d", i), state: switchgear.Open, heard: true, auto: true, active: true, number: 1}
		}
		q, now := config.Quorum{Instances: 2, Share: 0.5}, quorumDay
		var v *verdict
		var had []string
		now = now.Add(-time.Minute) // in which it opens, and nobody has it yet
		opened := rule(q, v, voters, now, time.Minute, false)
		v, voters = opened.verdict, obeyed(voters, opened.orders)
		for range 2 * n {
			r := rule(q, v, voters, now, time.Minute, false)
			v, voters = r.verdict, obeyed(voters, r.orders)
			if v == nil || v.holder == "" {
				t.Fatal("nobody has it")
			}
			had = append(had, v.holder)
			now = now.Add(time.Minute)
		}
		first := slices.Sorted(slices.Values(had[:n]))
		if len(slices.Compact(first)) != n || !slices.Equal(had[:n], had[n:]) {
			t.Fatalf("%q", had)
		}
	})
}

func TestRule_JudgesTheOneThatTries(t *testing.T) {
	t.Parallel()
	const lease = time.Minute
	open := func(id string) voter {
		return voter{id: id, state: switchgear.Open, heard: true, auto: true, active: true, number: 3, told: toldWait, left: 20 * time.Second}
	}
	holder := open("b")
	holder.told = toldTry
	for name, tt := range map[string]struct {
		change  func(*voter)
		at      time.Duration // of the lease
		next    string        // who has it then
		follow  bool
		nextDue time.Duration
	}{
		"has not begun":         {change: func(*voter) {}, next: "b"},
		"recovers":              {change: func(v *voter) { v.state, v.number = switchgear.HalfOpen, 4 }, next: "b"},
		"succeeds":              {change: func(v *voter) { v.state, v.number, v.succeeds = switchgear.HalfOpen, 4, true }, follow: true},
		"closes":                {change: func(v *voter) { v.state, v.number = switchgear.Closed, 5 }, follow: true},
		"fails":                 {change: func(v *voter) { v.number = 5 }, next: "", nextDue: 20 * time.Second},
		"goes silent":           {change: func(v *voter) { v.heard = false }, next: "c"},
		"is forced":             {change: func(v *voter) { v.auto = false }, next: "c"},
		"takes too long":        {change: func(v *voter) { v.state, v.number = switchgear.HalfOpen, 4 }, at: lease, next: "c"},
		"nearly takes too long": {change: func(v *voter) { v.state, v.number = switchgear.HalfOpen, 4 }, at: lease - 1, next: "b"},
		"is forgotten":          {change: func(v *voter) { v.id = "bb" }, next: "bb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			voters := []voter{open("a"), holder, open("c")}
			tt.change(&voters[1])
			began := &verdict{holder: "b", number: 3, tried: []string{"a", "b"}, until: quorumDay.Add(lease)}
			now := quorumDay.Add(tt.at)
			r := rule(config.Quorum{Instances: 2, Share: 0.5}, began, voters, now, lease, false)
			if tt.follow {
				if want := map[int]word{0: toldFollow, 1: toldNothing, 2: toldFollow}; r.verdict != nil || !maps.Equal(r.orders, want) {
					t.Errorf("%+v, want the others to follow", r)
				}
				return
			}
			if r.verdict == nil || r.verdict.holder != tt.next {
				t.Fatalf("%+v, want the lease at %q", r.verdict, tt.next)
			}
			if tt.next == "" && !r.verdict.next.Equal(now.Add(tt.nextDue)) {
				t.Errorf("the next may try at %v", r.verdict.next)
			}
			if tt.next == "c" && r.orders[2] != toldTry || tt.next != "b" && tt.next != "bb" && r.orders[1] != toldNothing && r.orders[1] != toldWait {
				t.Errorf("told %v", r.orders)
			}
		})
	}
}

func TestVerdict_WaitsNoLongerAfterARestartWhateverTheClockShows(t *testing.T) {
	t.Parallel()
	v := &verdict{next: time.Now().Add(time.Minute), holder: "b", last: "a"}
	kept := v.json()
	for by, want := range map[time.Duration]time.Duration{
		0: time.Minute, 20 * time.Second: 40 * time.Second, time.Hour: 0, -24 * time.Hour: time.Minute,
	} {
		now := kept.Next.Add(by - time.Minute)
		got := kept.verdict(now)
		if d := got.next.Sub(now) - want; d.Abs() > time.Second || got.last != "b" || got.holder != "" {
			t.Errorf("%v later: %+v, in %v", by, got, got.next.Sub(now))
		}
	}
	if (*verdict)(nil).json() != nil || (*verdictJSON)(nil).verdict(time.Now()) != nil {
		t.Error("there is one of none")
	}
}

func TestRule_LendsLastToTheOneWhoseFailureWouldKeepTheOthersLongest(t *testing.T) {
	t.Parallel()
	open := func(id string, backoff time.Duration, ours bool) voter {
		return voter{id: id, state: switchgear.Open, heard: true, auto: true, active: true, told: toldWait, backoff: backoff, ours: ours}
	}
	voters := []voter{open("a", time.Minute, true), open("b", 16*time.Minute, false), open("c", 2*time.Minute, false), open("d", time.Minute, false)}
	v := &verdict{next: quorumDay}
	var had []string
	for range voters {
		r := rule(config.Quorum{Instances: 2, Share: 0.5}, v, voters, quorumDay, time.Minute, false)
		had = append(had, r.verdict.holder)
		v = r.verdict
		v.end(quorumDay)
	}
	if want := []string{"d", "c", "b", "a"}; !slices.Equal(had, want) {
		t.Errorf("in turn %q, want %q", had, want)
	}
}
