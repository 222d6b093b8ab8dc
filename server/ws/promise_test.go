package ws

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
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

// arrival is an event that a client was sent.
type arrival struct {
	client int
	seq    string // JSON
	at     time.Time
}

// fanOut opens so many sockets of one identity, each with a reader that tells
// when an event was there.
func fanOut(tb testing.TB, f *fixture, clients int) (arrived chan arrival) {
	tb.Helper()
	arrived = make(chan arrival, clients*resetEvents)
	ready := make(chan struct{}, clients)
	for i := range clients {
		conn, r := f.raw(tb)
		tb.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetReadDeadline(time.Time{})
		go func() {
			for placed := false; ; {
				_, payload, err := readFrame(r)
				switch {
				case err != nil:
					return
				case !placed && bytes.HasPrefix(payload, []byte(`{"type":"services:state"`)):
					placed = true
					ready <- struct{}{}
				case bytes.HasPrefix(payload, []byte(`{"type":"service:event"`)):
					at := time.Now()
					_, rest, _ := bytes.Cut(payload, []byte(`"seq":`))
					seq, _, _ := bytes.Cut(rest, []byte(`,`))
					arrived <- arrival{i, string(seq), at}
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

// measure opens a circuit, says, in order, how soon the clients had heard of it,
// and closes it. Every client must hear of all that, in the order in which it was.
func measure(tb testing.TB, f *fixture, arrived chan arrival, clients int) (all []time.Duration) {
	tb.Helper()
	var want []string
	_, _, stop := f.fleet.Watch(func(c fleet.Change) {
		if c.Event != nil {
			want = append(want, number(c.Seq))
		}
	})
	got := make([][]string, clients)
	late := time.After(patience)
	next := func() (at time.Time) {
		select {
		case a := <-arrived:
			got[a.client] = append(got[a.client], a.seq)
			at = a.at
		case <-late:
			tb.Fatal("not all clients hear of it")
		}
		return at
	}
	began := time.Now()
	f.open(tb, "prices")
	for range clients {
		all = append(all, next().Sub(began))
	}
	f.reset(tb, "prices")
	for range clients * resetEvents {
		next()
	}
	stop() // and nothing is told meanwhile
	for i, seqs := range got {
		if !slices.Equal(seqs, want) {
			tb.Fatalf("client %d: events %v, want %v", i, seqs, want)
		}
	}
	slices.Sort(all)
	return all
}

// TestPromiseF_AChangeReachesAThousandClientsInOrder reports how soon, and asks
// nothing of that: machines and their load differ.
func TestPromiseF_AChangeReachesAThousandClientsInOrder(t *testing.T) {
	const clients, rounds = 1000, 5
	f := start(t, Config{SocketsPerIdentity: -1, PingInterval: time.Hour, WriteTimeout: time.Minute}, "prices")
	arrived := fanOut(t, f, clients)
	var p99 []time.Duration
	for range rounds {
		p99 = append(p99, measure(t, f, arrived, clients)[clients*99/100])
	}
	slices.Sort(p99)
	t.Logf("p99 of %d clients: best %v, median %v, worst %v", clients, p99[0], p99[rounds/2], p99[rounds-1])
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
