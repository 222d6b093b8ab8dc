package bustest

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

// burst is more than any queue of a bus holds.
const burst = 10_000

var laws = []law{
	{"EverySubscriptionOfEveryNodeIsTold", func(x *trial) {
		a, w1 := x.watching()
		_, w2 := x.watching()
		w3 := x.watch(a)
		x.publish(a, hintsOf("a", 3)...)
		for _, w := range []*watcher{w1, w2, w3} {
			w.untilHint(hint("a", 3))
			if diff := cmp.Diff(hintsOf("a", 3), w.hints()); diff != "" {
				x.Errorf("hints (-want +got):\n%s", diff)
			}
		}
	}},
	{"AGapComesFirst", func(x *trial) {
		teller := x.joined()
		ended := make(chan struct{})
		var telling sync.WaitGroup
		telling.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-ended:
					return
				default:
					_ = teller.Publish(hint("a", n))
				}
			}
		})
		w := x.watch(x.join())
		came := w.until("a hint", func(came []fleet.Hint) bool { return len(came) > 1 })
		close(ended)
		telling.Wait()
		if came[0] != gap {
			x.Errorf("first came %v, want a gap", came[0])
		}
	}},
	{"WhatIsPublishedAfterTheGapComes", func(x *trial) {
		teller := x.joined()
		for n := range 20 {
			_, w := x.watching()
			x.publish(teller, hint("a", n+1))
			w.untilHint(hint("a", n+1))
			if g := w.gaps(); g != 1 {
				x.Errorf("%d gaps, want 1", g)
			}
		}
	}},
	{"ThoseOfAPublisherComeInOrderAndOnce", func(x *trial) {
		_, w := x.watching()
		const tellers, each = 3, 500
		var telling sync.WaitGroup
		for i := range tellers {
			b := x.joined()
			telling.Go(func() { x.publish(b, hintsOf(fmt.Sprint("node", i), each)...) })
		}
		telling.Wait()
		for i := range tellers {
			w.untilHint(hint(fmt.Sprint("node", i), each))
		}
		by := make(map[string][]fleet.Hint)
		for _, h := range w.hints() {
			by[h.From] = append(by[h.From], h)
		}
		for i := range tellers {
			from := fmt.Sprint("node", i)
			if diff := cmp.Diff(hintsOf(from, each), by[from]); diff != "" {
				x.Errorf("of %s (-want +got):\n%s", from, diff)
			}
		}
		if g := w.gaps(); g != 1 {
			x.Errorf("%d gaps, want 1", g)
		}
	}},
	{"OfABurstTheNewestComesAndTheRestIsCounted", func(x *trial) {
		_, w := x.watching()
		b := x.joined()
		x.within("publishing", func() { x.publish(b, hintsOf("a", burst)...) })
		w.untilHint(hint("a", burst))
		x.await("all that was not dropped was published", func() bool {
			s := b.State()
			return s.Published+s.Dropped == burst
		})
		before := uint64(0)
		for _, h := range w.hints() {
			if h.Seq <= before {
				x.Fatalf("%d came after %d", h.Seq, before)
			}
			before = h.Seq
		}
	}},
	{"ASlowSubscriptionIsToldOfAGapAndHoldsUpNobody", aSlowSubscription},
	{"TextsComeAsTheyAre", func(x *trial) {
		b, w := x.watching()
		odd := []fleet.Hint{
			{Kind: "x"}, // nothing else
			{Epoch: "東京", Seq: math.MaxUint64, From: `"\`, Service: "a\tb\n<&>\u2028", Kind: "\u0001"},
			{
				Epoch: strings.Repeat("\x01", fleet.MaxHintText), From: strings.Repeat("<", fleet.MaxHintText),
				Service: strings.Repeat(`"`, fleet.MaxHintText), Kind: strings.Repeat("\u2028", fleet.MaxHintText/3),
			},
		}
		x.publish(b, odd...)
		w.untilHint(odd[len(odd)-1])
		if diff := cmp.Diff(odd, w.hints()); diff != "" {
			x.Errorf("hints (-want +got):\n%s", diff)
		}
	}},
	{"AHintThatCannotBeSentIsInvalid", func(x *trial) {
		b, w := x.watching()
		for _, h := range []fleet.Hint{
			{Epoch: strings.Repeat("e", fleet.MaxHintText+1)}, {From: "\xff"}, {Service: "a\x00b"}, {Kind: strings.Repeat("k", 1<<20)},
		} {
			if err := b.Publish(h); fleet.KindOf(err) != fleet.Invalid {
				x.Errorf("publish: %v, want an Invalid", err)
			}
		}
		x.publish(b, hint("a", 1))
		w.untilHint(hint("a", 1))
		if n := len(w.hints()); n != 1 {
			x.Errorf("%d hints came, want 1", n)
		}
	}},
	{"StopEndsItAndWaitsForWhatRuns", stopWaits},
	{"GotMayPublish", func(x *trial) {
		a := x.joined()
		_, w := x.watching()
		stop, err := a.Subscribe(func(h fleet.Hint) {
			if h.From == "a" {
				_ = a.Publish(hint("answer", int(h.Seq))) //nolint:gosec // it is 1
			}
		}, func() {})
		if err != nil {
			x.Fatal(err)
		}
		defer stop()
		x.publish(a, hint("a", 1))
		w.untilHint(hint("answer", 1))
	}},
	{"CloseTellsWhatWasPublished", func(x *trial) {
		_, w := x.watching()
		b := x.joined()
		x.publish(b, hintsOf("a", 100)...)
		if err := b.Close(); err != nil {
			x.Error(err)
		}
		w.untilHint(hint("a", 100))
	}},
	{"AfterCloseThereIsNothing", func(x *trial) {
		b, w := x.watching()
		other := x.joined()
		for range 2 {
			if err := b.Close(); err != nil {
				x.Error(err)
			}
		}
		before := len(w.all())
		if err := b.Publish(hint("a", 1)); fleet.KindOf(err) != fleet.Unavailable {
			x.Errorf("publish: %v, want an Unavailable", err)
		}
		if _, err := b.Subscribe(func(fleet.Hint) {}, func() {}); fleet.KindOf(err) != fleet.Unavailable {
			x.Errorf("subscribe: %v, want an Unavailable", err)
		}
		x.publish(other, hint("b", 1))
		x.await("the other has told", func() bool { return other.State().Published == 1 })
		if after := len(w.all()); after != before {
			x.Errorf("%d came after Close", after-before)
		}
		if b.State().Connected {
			x.Error("it says that it is connected")
		}
		w.stop()
	}},
	{"TheStateCounts", func(x *trial) {
		a, w := x.watching()
		b := x.joined()
		x.publish(b, hintsOf("b", 5)...)
		w.untilHint(hint("b", 5))
		x.await("5 were published", func() bool { return b.State().Published == 5 })
		got := a.State()
		if got.Since.IsZero() {
			x.Error("there is no Since")
		}
		got.Since = b.State().Since
		want := fleet.BusState{Connected: true, Since: got.Since, Received: 5}
		if diff := cmp.Diff(want, got); diff != "" {
			x.Errorf("state (-want +got):\n%s", diff)
		}
	}},
}

func aSlowSubscription(x *trial) {
	teller := x.joined()
	node, quick := x.watching()
	held, free := make(chan struct{}), make(chan struct{})
	var holding sync.Once
	slow := &watcher{x: x, news: make(chan struct{}, 1)}
	stop, err := node.Subscribe(func(h fleet.Hint) {
		holding.Do(func() {
			close(held)
			<-free
		})
		slow.add(h)
	}, func() { slow.add(gap) })
	if err != nil {
		x.Fatal(err)
	}
	defer stop()
	x.publish(teller, hint("a", 1))
	<-held
	for n := 100; n <= burst; n += 100 { // in step with the quick one, so that nothing is lost before
		for i := n - 99; i <= n; i++ {
			x.publish(teller, hint("b", i))
		}
		quick.untilHint(hint("b", n))
	}
	close(free)
	slow.untilHint(hint("b", burst))
	if n, g := len(quick.hints()), quick.gaps(); n != burst+1 || g != 1 {
		x.Errorf("the quick one got %d hints and %d gaps, want %d and 1", n, g, burst+1)
	}
	if g := slow.gaps(); g < 2 {
		x.Errorf("the slow one got %d gaps, want one more than the first", g)
	}
	if missed := node.State().Missed; uint64(len(slow.hints()))+missed != burst+1 {
		x.Errorf("the slow one got %d and missed %d, want %d together", len(slow.hints()), missed, burst+1)
	}
}

func stopWaits(x *trial) {
	b := x.joined()
	running, free, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	calls := 0
	stop, err := b.Subscribe(func(fleet.Hint) {
		if calls++; calls == 1 {
			close(running)
			<-free
		}
	}, func() {})
	if err != nil {
		x.Fatal(err)
	}
	x.publish(b, hintsOf("a", 10)...)
	<-running
	go func() {
		stop()
		close(stopped)
	}()
	x.await("the others came too", func() bool { return b.State().Received == 10 })
	select {
	case <-stopped:
		x.Error("stop did not wait for the call")
	default:
	}
	close(free)
	<-stopped
	stop() // again, for nothing
	x.publish(b, hint("a", 11))
	x.await("one more came", func() bool { return b.State().Received == 11 })
	if calls > 10 {
		x.Errorf("%d calls, one after stop", calls)
	}
}
