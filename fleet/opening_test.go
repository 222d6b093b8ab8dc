package fleet_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// said is what an event says of an opening.
type said struct {
	Rule      string  `json:"rule"`
	Failures  uint64  `json:"failures"`
	OpenMs    float64 `json:"open_ms"`
	LastError string  `json:"last_error"`
	Outage    struct {
		BeganAt  time.Time `json:"began_at"`
		Rule     string    `json:"rule"`
		Openings int       `json:"openings"`
	} `json:"outage"`
}

// opened wants the entry of web to say of its opening what the event of it says, and
// returns that.
func (b *bench) opened(t *testing.T) (*fleet.Event, said) {
	t.Helper()
	v := b.view(t, "web")
	events, err := b.Events(t.Context(), fleet.EventQuery{Service: "web", Kinds: []fleet.EventKind{fleet.EventTransition}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		e := &events[i]
		if e.ID != v.TripEventID {
			continue
		}
		var s said
		if err := json.Unmarshal(e.Evidence, &s); err != nil {
			t.Fatal(err)
		}
		trip, o := v.Breaker.Trip, v.Breaker.Outage
		if trip == nil || o == nil {
			t.Fatalf("it opened by %s, and the entry says nothing", e.Evidence)
		}
		if s.Rule != trip.Rule || s.Failures != trip.Failures || s.LastError != trip.LastError || !e.At.Equal(v.Breaker.OpenedAt.Truncate(time.Millisecond)) ||
			time.Duration(s.OpenMs*float64(time.Millisecond)) != v.Breaker.OpenTime.Truncate(time.Millisecond) {
			t.Errorf("the event says %s, at %v; the entry %+v, at %v for %v", e.Evidence, e.At, trip, v.Breaker.OpenedAt, v.Breaker.OpenTime)
		}
		if !s.Outage.BeganAt.Equal(o.BeganAt.Truncate(time.Millisecond)) || s.Outage.Rule != o.Cause.Rule || s.Outage.Openings != o.Openings {
			t.Errorf("the event says the outage is %+v, the entry %+v", s.Outage, o)
		}
		return e, s
	}
	t.Fatalf("no event is %d", v.TripEventID)
	return nil, said{}
}

func TestOpening_IsTheWholesAndNotThatOfTheOneThatWasOpenBefore(t *testing.T) {
	bubble(t, "a bad caller, and then a quorum", func(t *testing.T) {
		store := realStore(t)
		c := newCrew(t, store, "one", "two", "three", "four")
		c.all[0].fail("web")
		c.live(20 * time.Second)
		if v := c.view(t, "web"); v.Breaker.State != switchgear.Closed || v.Breaker.Trip != nil || v.Breaker.Outage != nil {
			t.Errorf("one is open alone, and the whole says %+v, %+v", v.Breaker.Trip, v.Breaker.Outage)
		}
		began := time.Now()
		c.all[1].fail("web")
		c.live(2 * time.Second)
		e, s := c.opened(t)
		if s.Rule != switchgear.RuleFleetQuorum || s.Failures != 4 || s.Outage.Rule != switchgear.RuleFleetQuorum || s.Outage.Openings != 1 ||
			!s.Outage.BeganAt.Equal(e.At) || e.At.Before(began.Truncate(time.Millisecond)) {
			t.Errorf("it opened %v after %v by %+v", e.At, began, s)
		}
		if v := c.view(t, "web"); v.OutageEventID != e.ID || !v.Breaker.NextAttemptAt.After(time.Now()) {
			t.Errorf("the outage began with event %d, want %d; next attempt at %v", v.OutageEventID, e.ID, v.Breaker.NextAttemptAt)
		}

		c.live(50 * time.Second) // one's open time is over
		c.recoverer().breakers["web"].HandleError(errDown, 0)
		c.live(2 * time.Second)
		again, s2 := c.opened(t)
		if again.ID == e.ID || s2.Rule != switchgear.RuleFleetQuorum || s2.Outage.Openings != 2 || !s2.Outage.BeganAt.Equal(s.Outage.BeganAt) {
			t.Errorf("after a recovery that failed it is %+v", s2)
		}

		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
		next := start(t, store, &upstream{})
		if kept, s3 := next.opened(t); kept.ID != again.ID || s3 != s2 {
			t.Errorf("a restart made %+v of it", s3)
		}
		c.comeTo(next)
		c.live(2 * time.Second)
		if kept, s3 := c.opened(t); kept.ID != again.ID || s3 != s2 {
			t.Errorf("the programs made %+v of it", s3)
		}
	})
}

func TestOpening_IsOfAllWithoutTheFleetRule(t *testing.T) {
	bubble(t, "one after the other", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		one, two := joined(t, b, "one", "web"), joined(t, b, "two", "web")
		one.fail("web")
		one.live(10 * time.Second)
		two.fail("web")
		e, s := b.opened(t)
		if s.Rule != fleet.RuleAllInstances || s.Failures != 4 || !s.Outage.BeganAt.Equal(e.At) || time.Since(e.At) > time.Second {
			t.Errorf("it opened at %v by %+v", e.At, s)
		}
	})
}

func TestOpening_OfTheOnlyInstanceIsItsOwn(t *testing.T) {
	bubble(t, "one", func(t *testing.T) {
		b := start(t, realStore(t), &upstream{})
		p := joined(t, b, "one", "web")
		p.fail("web")
		for n := 1; n <= 3; n++ {
			if _, s := b.opened(t); s.Outage.Openings != n || s.Outage.Rule != switchgear.RuleFailureThreshold {
				t.Errorf("opening %d is %+v", n, s)
			}
			for p.breakers["web"].State() == switchgear.Open {
				p.live(time.Second)
			}
			p.breakers["web"].HandleError(errDown, 0)
			p.live(2 * time.Second)
		}
		c := b.view(t, "web").Breaker
		own := p.breakers["web"].Snapshot()
		if c.Outage.BeganAt.Sub(own.Outage.BeganAt).Abs() > time.Millisecond || c.Trip.Rule != own.Trip.Rule || c.Outage.Openings != own.Outage.Openings {
			t.Errorf("the manager says %+v, it says %+v", c.Outage, own.Outage)
		}
	})
}

// TestOpening_IsTheEventsWhateverHappens lets programs fail, be well, go and come back
// at random, under the fleet rule and without it, with restarts of the manager between.
func TestOpening_IsTheEventsWhateverHappens(t *testing.T) {
	for seed := range uint64(12) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 7))
			store := realStore(t)
			c := newCrew(t, store, "one", "two", "three", "four")
			if seed%3 == 0 {
				c.SetQuorums(config.Quorums{})
			}
			seen := 0
			for range 60 {
				p := c.all[chance.IntN(len(c.all))]
				b := p.breakers["web"]
				switch n := chance.IntN(20); {
				case n < 9:
					b.HandleError(errDown, 0)
					b.HandleError(errDown, 0)
				case n < 13:
					b.RecordSuccess(time.Millisecond)
				case n < 15:
					p.lose()
					p.connect()
					p.join(false)
				case n == 15:
					if err := c.stop(); err != nil {
						t.Fatal(err)
					}
					q := config.Quorums{}
					if seed%3 != 0 {
						q = twoOfFour
					}
					c.comeTo(start(t, store, &upstream{}))
					c.SetQuorums(q)
				}
				c.live(time.Duration(chance.IntN(25)) * time.Second)
				v := c.view(t, "web")
				switch s := &v.Breaker; {
				case s.State == switchgear.Closed && (s.Trip != nil || s.Outage != nil || v.TripEventID != 0 || v.OutageEventID != 0):
					t.Fatalf("closed, and opened by %+v", s.Trip)
				case s.State != switchgear.Closed && v.TripEventID != 0:
					c.opened(t)
					seen++
				case s.State == switchgear.Open:
					t.Fatal("open by no event")
				}
				if t.Failed() {
					return
				}
			}
			if seen < 5 {
				t.Errorf("the circuit was seen open %d times", seen)
			}
		})
	}
}
