package bustest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// atOnce is how long what never waits may take here.
const atOnce = 2 * time.Second

var faultLaws = []law{
	{"AfterALossThereIsAGapAndAllGoesOn", func(x *trial) {
		teller := x.joined()
		node, w := x.watching()
		x.publish(teller, hint("a", 1))
		w.untilHint(hint("a", 1))
		x.Break()
		x.awaitConnected(node, false)
		x.awaitConnected(teller, false)
		before := w.gaps()
		x.noWait("Publish", func() { x.publish(teller, hintsOf("b", burst)...) })
		x.Heal()
		healed := time.Now()
		w.until("a gap after the loss", func([]fleet.Hint) bool { return w.gaps() > before })
		x.Logf("back after %v", time.Since(healed).Round(time.Millisecond))
		x.await("what was kept is told", func() bool {
			s := teller.State()
			return s.Published+s.Dropped == burst+1
		})
		s := node.State()
		if s.Reconnects == 0 || s.LastError == "" {
			x.Errorf("state %+v, want a reconnect and what was wrong", s)
		}
		if s := teller.State(); s.Dropped == 0 {
			x.Errorf("state %+v, want dropped hints", s)
		}
		x.publish(teller, hint("c", 1))
		w.untilHint(hint("c", 1))
	}},
	{"ASubscriptionInBetweenIsToldOfTheReturn", func(x *trial) {
		b := x.joined()
		x.Break()
		x.awaitConnected(b, false)
		late := x.join() // it never was connected
		var watchers []*watcher
		x.noWait("Subscribe", func() { watchers = []*watcher{x.watch(b), x.watch(late)} })
		for _, w := range watchers {
			if n := len(w.all()); n != 0 {
				x.Errorf("%v came before the return", w.all())
			}
		}
		x.Heal()
		for _, w := range watchers {
			w.until("a gap", func(came []fleet.Hint) bool { return len(came) > 0 })
		}
		x.publish(late, hint("late", 1))
		for _, w := range watchers {
			w.untilHint(hint("late", 1))
		}
	}},
	{"CloseDoesNotWaitForWhatIsAway", func(x *trial) {
		b, w := x.watching()
		late := x.join()
		x.Break()
		x.publish(b, hint("a", 1))
		for _, closing := range []fleet.Bus{b, late} { // one of them while it looks for the server
			start := time.Now()
			if err := closing.Close(); err != nil {
				x.Error(err)
			}
			if took := time.Since(start); took > 2*atOnce {
				x.Errorf("Close took %v", took)
			}
		}
		w.stop()
		x.Heal()
	}},
	{"WhoLooksAtEachGapAndEachHintKnowsAll", whoLooksKnowsAll},
}

var farLaws = []law{
	{"OfAPublisherThatWasAwayTheNewestComes", func(x *trial) {
		away := x.joined()
		near := &trial{T: x.T, open: x.far}
		node, w := near.watching()
		x.publish(away, hint("a", 1))
		w.untilHint(hint("a", 1))
		x.Break()
		x.publish(away, hint("a", 2)) // it does not know yet
		x.awaitConnected(away, false)
		x.publish(away, hintsOf("b", burst/10)...)
		x.Heal()
		w.untilHint(hint("b", burst/10))
		w.untilHint(hint("a", 2))
		if g, s := w.gaps(), node.State(); g != 1 || !s.Connected || s.Reconnects > 0 {
			x.Errorf("%d gaps and the state %+v where nothing was lost", g, s)
		}
	}},
	{"OfANodeThatIsAwayNobodyElseKnows", func(x *trial) {
		away, lost := x.watching()
		near := &trial{T: x.T, open: x.far}
		teller, w := near.watching()
		x.Break()
		x.publish(teller, hintsOf("a", burst/100)...)
		w.untilHint(hint("a", burst/100))
		x.awaitConnected(away, false)
		x.publish(teller, hint("b", 1))
		w.untilHint(hint("b", 1))
		if g := w.gaps(); g != 1 {
			x.Errorf("%d gaps where nothing was lost", g)
		}
		before := lost.gaps()
		x.Heal()
		lost.until("a gap", func([]fleet.Hint) bool { return lost.gaps() > before })
		x.publish(teller, hint("b", 2))
		lost.untilHint(hint("b", 2))
	}},
}

func (x *trial) noWait(what string, do func()) {
	x.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > atOnce {
		x.Errorf("%s took %v", what, took)
	}
}

// whoLooksKnowsAll has a truth that moves on while the bus comes and goes, and
// followers who look at it when they are told to.
func whoLooksKnowsAll(x *trial) {
	teller := x.joined()
	var truth atomic.Int64
	type follower struct{ knows atomic.Int64 }
	followers := make([]follower, 3)
	for i := range followers {
		f := &followers[i]
		look := func() { f.knows.Store(truth.Load()) }
		stop, err := x.joined().Subscribe(func(h fleet.Hint) {
			if int64(h.Seq) > f.knows.Load() { //nolint:gosec // it counts up from 1
				look()
			}
		}, look)
		if err != nil {
			x.Fatal(err)
		}
		defer stop()
	}
	var telling sync.WaitGroup
	ended := make(chan struct{})
	telling.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-ended:
				return
			case <-tick.C:
				truth.Store(int64(n))
				_ = teller.Publish(hint("a", n))
			}
		}
	})
	for range 2 {
		x.Break()
		x.awaitConnected(teller, false)
		x.Heal()
		x.awaitConnected(teller, true)
	}
	x.Break() // this time nobody sees it
	x.Heal()
	close(ended)
	telling.Wait()
	for i := range followers {
		x.await("all is known", func() bool { return followers[i].knows.Load() == truth.Load() })
	}
}
