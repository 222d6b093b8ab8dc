package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// Spec says what a swarm does.
type Spec struct {
	Address string
	Count   int
	First   int // the number of its first client, among all swarms

	// Raw: no handshake. What comes is frames all the same; Greeted: at once.
	Raw, Greeted bool

	Tokens   []string // each for PerToken clients
	PerToken int
	Buffer   int  // bytes to read at once, a client
	Return   bool // a client whose connection ends comes back
	Record   bool // keep what the first client is told
}

// Arrival is when the first and the last client of a swarm had something, in
// nanoseconds of the machine's clock, which all processes share.
type Arrival struct{ First, Last int64 }

// Swarm is many clients in one process. Its exported methods are called by the
// process that has started this one.
type Swarm struct {
	spec    Spec
	clients []*client
	end     chan struct{}
	running sync.WaitGroup
	tries   atomic.Int64
	pages   atomic.Int64

	counts []atomic.Int64 // of clients that were told of a change: a ring
	firsts []atomic.Int64

	mu       sync.Mutex
	changed  sync.Cond
	finished []Arrival // changes that all have
	places   []int     // how many clients have everything for the nth time
	wholeAt  []Arrival // when the first and when all had
	err      error     // of a client that was lost
	event    []byte    // whose update is not there yet
	recorded Recorded
}

// Recorded is what the first client was told, as it came.
type Recorded struct {
	Greeting []byte // connection:status and all pages of services:state
	Change   []byte // the last one: its event and its update
}

// ring is more changes than are ever under way.
const ring = 4096

// dialers is how many connections are made at a time.
const dialers = 64

// Open connects the clients, and returns when all have everything.
func (s *Swarm) Open(spec Spec, at *Arrival) error {
	s.spec = spec
	s.changed.L = &s.mu
	s.end = make(chan struct{})
	s.counts, s.firsts = make([]atomic.Int64, ring), make([]atomic.Int64, ring)
	s.clients = make([]*client, spec.Count)
	s.finished, s.wholeAt, s.places, s.err = nil, nil, nil, nil
	began := time.Now().UnixNano()
	slots := make(chan struct{}, dialers)
	for i := range s.clients {
		c := &client{swarm: s, number: spec.First + i}
		s.clients[i] = c
		slots <- struct{}{}
		s.running.Go(func() {
			connected := sync.OnceFunc(func() { <-slots })
			defer connected()
			c.run(connected)
		})
	}
	if err := s.Whole(0, at); err != nil {
		return err
	}
	at.First = began
	return nil
}

// Whole waits until all clients have everything for the nth time after the
// first.
func (s *Swarm) Whole(generation int, at *Arrival) error {
	return s.await(func() bool {
		if generation < len(s.places) && s.places[generation] == s.spec.Count {
			*at = s.wholeAt[generation]
			return true
		}
		return false
	})
}

// Told waits until all clients were told of a change, counted from 0.
func (s *Swarm) Told(change int, at *Arrival) error {
	return s.await(func() bool {
		if change < len(s.finished) {
			*at = s.finished[change]
			return true
		}
		return false
	})
}

func (s *Swarm) await(done func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !done() {
		if s.err != nil {
			return s.err
		}
		s.changed.Wait()
	}
	return nil
}

// Record is what the first client was told.
func (s *Swarm) Record(_ struct{}, recorded *Recorded) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	*recorded = s.recorded
	return nil
}

// Counts are what a swarm has seen.
type Counts struct{ Pages, Tries int64 }

// Count is what the swarm has seen so far; its error is that of a client that
// was lost.
func (s *Swarm) Count(_ struct{}, counts *Counts) error {
	*counts = Counts{Pages: s.pages.Load(), Tries: s.tries.Load()}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Cut ends all connections; the clients come back with what they have.
func (s *Swarm) Cut(_ struct{}, _ *struct{}) error {
	if !s.spec.Return {
		return errors.New("these clients do not come back")
	}
	for _, c := range s.clients {
		c.cut()
	}
	return nil
}

// Close ends all clients. Open lets others come.
func (s *Swarm) Close(_ struct{}, _ *struct{}) error {
	if s.clients == nil {
		return errors.New("there are no clients")
	}
	close(s.end)
	for _, c := range s.clients {
		c.cut()
	}
	s.running.Wait()
	s.clients = nil
	return nil
}

func (s *Swarm) ended() bool {
	select {
	case <-s.end:
		return true
	default:
		return false
	}
}

// pause waits; false if the swarm has ended.
func (s *Swarm) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.end:
		return false
	}
}

// source is where a client connects from, for one address has not ports enough
// for many; nil: the system chooses.
func (s *Swarm) source(number int) net.IP {
	const perAddress = 20_000
	if n := number / perAddress; n > 0 && n < 250 {
		return net.IPv4(127, 0, 1, byte(n))
	}
	return nil
}

func (s *Swarm) lose(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("lost: %w", err)
	}
	s.changed.Broadcast()
}

// place counts a client that has everything for the nth time after the first.
func (s *Swarm) place(n int) {
	now := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == len(s.places) {
		s.places, s.wholeAt = append(s.places, 0), append(s.wholeAt, Arrival{First: now})
	}
	s.places[n]++
	if s.places[n] == s.spec.Count {
		s.wholeAt[n].Last = now
		s.changed.Broadcast()
	}
}

// told counts a client that was told of the change.
func (s *Swarm) told(change int) {
	i := change % ring
	switch s.counts[i].Add(1) {
	case 1:
		s.firsts[i].Store(time.Now().UnixNano())
		if s.spec.Count > 1 {
			return
		}
	case int64(s.spec.Count):
	default:
		return
	}
	at := Arrival{First: s.firsts[i].Load(), Last: time.Now().UnixNano()}
	s.counts[i].Store(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = append(s.finished, at)
	s.changed.Broadcast()
}

// keep records a frame of the first client.
func (s *Swarm) keep(f *frames, kind string) {
	if !f.record {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case wire.TypeConnectionStatus:
		s.recorded.Greeting = bytes.Clone(f.whole)
	case wire.TypeServicesState:
		s.recorded.Greeting = append(s.recorded.Greeting, f.whole...)
	case wire.TypeServiceEvent:
		s.event = bytes.Clone(f.whole)
	case wire.TypeServiceUpdate:
		s.recorded.Change = slices.Concat(s.event, f.whole)
		s.event = nil
	}
}
