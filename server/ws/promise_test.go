package ws

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// TestPromiseA_AStateIsFollowedByEveryChange has clients come in the midst of
// changes: what follows the state at S is every change after S, once.
func TestPromiseA_AStateIsFollowedByEveryChange(t *testing.T) {
	t.Parallel()
	f := start(t, Config{HeartbeatInterval: 10 * time.Millisecond, PageSize: 2 << 10})
	tr := &truth{}
	tr.record(t, f)
	for _, name := range []string{"s0", "s1", "s2", "s3", "s4"} {
		f.declare(t, name, "")
	}
	troubling, cancel := context.WithCancel(t.Context())
	defer cancel()
	var troubled sync.WaitGroup
	troubled.Go(func() {
		for rng := rand.New(rand.NewPCG(3, 3)); troubling.Err() == nil; {
			trouble(troubling, f.fleet, rng)
		}
	})
	var seen []*segment
	for range 10 {
		p := f.dial(t, "viewer", "")
		p.want(wire.TypeConnectionStatus)
		s := &segment{}
		for {
			m := p.next()
			s.msgs = append(s.msgs, m)
			if m.Type == wire.TypeHeartbeat && len(s.msgs) > 100 {
				break
			}
		}
		_ = p.conn.CloseNow()
		seen = append(seen, s)
	}
	cancel()
	troubled.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	j, err := check(tr, seen)
	if err != nil {
		t.Fatal(err)
	}
	if j.states != len(seen) || j.heartbeats < len(seen) {
		t.Errorf("compared %d states and %d heartbeats", j.states, j.heartbeats)
	}
}

// TestPromiseC_UpdatesCoalesceAndEventsDoNot lets a client read nothing while
// one service changes many times.
func TestPromiseC_UpdatesCoalesceAndEventsDoNot(t *testing.T) {
	t.Parallel()
	const cycles = 300
	f := start(t, Config{HeartbeatInterval: time.Hour, WriteTimeout: time.Minute}, append(many(400), "prices")...)
	p := f.dial(t, "viewer", "") // whose state does not fit into the buffers
	p.want(wire.TypeConnectionStatus)
	first := p.want(wire.TypeServicesState)
	for range cycles {
		f.open(t, "prices")
		f.reset(t, "prices")
	}
	end := f.hub.at()
	events, updates := []uint64(nil), 0
	for last := first.Seq; last < end; {
		m := p.next()
		if m.Type == wire.TypeServicesState && m.Seq == first.Seq {
			continue
		}
		if m.Seq <= last {
			t.Fatalf("%d after %d: %s", m.Seq, last, m.raw)
		}
		last = m.Seq
		switch m.Type {
		case wire.TypeServiceEvent:
			events = append(events, m.Seq)
		case wire.TypeServiceUpdate:
			updates++
		default:
			t.Fatalf("got %s", m.raw)
		}
	}
	if want := 3 * cycles; len(events) != want || !slices.IsSorted(events) {
		t.Errorf("%d events, want %d", len(events), want)
	}
	if updates == 0 || updates > cycles/10 {
		t.Errorf("%d updates of %d changes", updates, 2*cycles)
	}
}

// fanOut opens so many sockets of one identity, each with a reader that tells
// when an event was there.
func fanOut(tb testing.TB, f *fixture, clients int) (arrived chan time.Time) {
	tb.Helper()
	arrived = make(chan time.Time, clients*resetEvents)
	ready := make(chan struct{}, clients)
	for range clients {
		conn, r := f.raw(tb)
		tb.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetReadDeadline(time.Time{})
		go func() {
			for placed := false; ; {
				_, payload, err := readFrame(r)
				if err != nil {
					return
				}
				switch kind := payload[:min(len(payload), len(`{"type":"services:state"`))]; {
				case !placed && string(kind) == `{"type":"services:state"`:
					placed = true
					ready <- struct{}{}
				case string(kind[:min(len(kind), len(`{"type":"service:event"`))]) == `{"type":"service:event"`:
					arrived <- time.Now()
				}
			}
		}()
	}
	late := time.After(patience)
	for range clients {
		select {
		case <-ready:
		case <-late:
			tb.Fatal("not all clients are there")
		}
	}
	return arrived
}

// resetEvents is how many events a reset leaves: itself, and its transition.
const resetEvents = 2

// measure opens a circuit and says, in order, when the clients had heard of it.
func measure(tb testing.TB, f *fixture, arrived chan time.Time, clients int) (all []time.Duration) {
	tb.Helper()
	began := time.Now()
	f.open(tb, "prices")
	late := time.After(patience)
	next := func() (at time.Time) {
		select {
		case at = <-arrived:
		case <-late:
			tb.Fatal("not all clients hear of it")
		}
		return at
	}
	for range clients {
		all = append(all, next().Sub(began))
	}
	f.reset(tb, "prices")
	for range clients * resetEvents {
		next()
	}
	slices.Sort(all)
	return all
}

// TestPromiseF_AChangeReachesAThousandClientsSoon reports how soon. It only
// fails where something is wrong by far: machines and their load differ.
func TestPromiseF_AChangeReachesAThousandClientsSoon(t *testing.T) {
	const clients, rounds = 1000, 20
	f := start(t, Config{SocketsPerIdentity: -1, PingInterval: time.Hour, WriteTimeout: time.Minute}, "prices")
	arrived := fanOut(t, f, clients)
	var p99 []time.Duration
	for range rounds {
		p99 = append(p99, measure(t, f, arrived, clients)[clients*99/100])
	}
	slices.Sort(p99)
	t.Logf("p99 of %d clients: best %v, median %v, worst %v", clients, p99[0], p99[rounds/2], p99[rounds-1])
	const absurd = 2 * time.Second
	if p99[0] > absurd {
		t.Errorf("even the best p99 is %v", p99[0])
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, clients := range []int{100, 1000} {
		b.Run(number(uint64(clients)), func(b *testing.B) {
			f := start(b, Config{SocketsPerIdentity: -1, PingInterval: time.Hour, WriteTimeout: time.Minute}, "prices")
			arrived := fanOut(b, f, clients)
			var p99 []time.Duration
			for b.Loop() {
				p99 = append(p99, measure(b, f, arrived, clients)[clients*99/100])
			}
			slices.Sort(p99)
			b.ReportMetric(float64(p99[len(p99)/2].Microseconds())/1000, "p99-ms")
		})
	}
}
