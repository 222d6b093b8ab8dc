package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// What is acknowledged.
const (
	ofReport = iota
	ofMove
	kinds
)

// herd is all the fakes, and what they have seen.
type herd struct {
	options

	forms   [states]form
	fakes   []*fake
	running sync.WaitGroup

	in, out                   atomic.Int64 // bytes of the connections, as TCP has them
	reported, moved, heldBack atomic.Int64
	skipped                   atomic.Int64 // transitions that no fake had time for
	acks                      [kinds]spans

	mu      sync.Mutex
	epoch   int
	since   time.Time       // when the epoch began
	back    []time.Duration // when each came of those that are there in this epoch
	changed chan struct{}   // closed, and made anew, when one comes
	err     error           // the first that was seen
	errs    int
}

// portsPerAddress is below how many connections one address can have to another.
const portsPerAddress = 20_000

func newHerd(o *options, base, token string) (*herd, error) {
	h := &herd{options: *o, changed: make(chan struct{}), since: time.Now()}
	var err error
	if h.forms, err = newForms(time.Now()); err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	var from *client.Client
	for n := range o.Agents {
		if n%portsPerAddress == 0 {
			transport := &http.Transport{DialContext: h.dialer(u.Hostname(), n/portsPerAddress), DisableKeepAlives: true}
			if from, err = client.New(base, token, client.Options{Transport: transport}); err != nil {
				return nil, err
			}
		}
		f := &fake{
			herd: h, number: n, client: from, moves: make(chan struct{}, 4), breakers: make([]breaker, o.Breakers),
			credit: mathrand.Float64(), //nolint:gosec // so that not all report at once
			hello: wire.AgentHello{
				Type: wire.TypeAgentHello, Instance: rand.Text(), Boot: rand.Text(), Name: fmt.Sprintf("agent-%06d", n),
				Program: "load v1", Library: "switchgear bench", StartedAt: wire.Time{Time: time.Now()},
			},
		}
		h.fakes = append(h.fakes, f)
	}
	return h, nil
}

// dialer connects from an address of this machine's own where the manager is on it
// too, for one address has not ports enough; nil: the system chooses.
func (h *herd) dialer(host string, nth int) func(context.Context, string, string) (net.Conn, error) {
	dialer := net.Dialer{}
	if ip := net.ParseIP(host); nth > 0 && ip != nil && ip.IsLoopback() && ip.To4() != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(nth))} //nolint:gosec // the flags keep it below
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &counted{conn, h}, nil
	}
}

// counted is a connection whose bytes are counted.
type counted struct {
	net.Conn

	herd *herd
}

// Read counts what comes.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.herd.in.Add(int64(n))
	return n, err
}

// Write counts what goes.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.herd.out.Add(int64(n))
	return n, err
}

// start lets the fakes go, so many a second, until ctx ends.
func (h *herd) start(ctx context.Context) {
	h.running.Go(func() {
		began := time.Now()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n := 0; n < len(h.fakes); {
			due := len(h.fakes)
			if h.Rate > 0 {
				due = min(due, 1+int(time.Since(began).Seconds()*h.Rate))
			}
			for _, f := range h.fakes[n:due] {
				h.running.Go(func() { f.run(ctx) })
			}
			n = due
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// make has fakes make transitions, at the rate, until ctx ends.
func (h *herd) make(ctx context.Context) {
	began, made := time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for ; float64(made) < time.Since(began).Seconds()*h.Transitions; made++ {
			select {
			case h.fakes[mathrand.N(len(h.fakes))].moves <- struct{}{}: //nolint:gosec // it is no secret
			default:
				h.skipped.Add(1)
			}
		}
	}
}

// began is the epoch in which a connection begins.
func (h *herd) began() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoch
}

// there notes that a fake has joined with all it has.
func (h *herd) there(_ *fake, epoch int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch == h.epoch {
		h.back = append(h.back, time.Since(h.since))
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// lost notes why a connection has ended.
func (h *herd) lost(_ *fake, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs++
	if h.err == nil {
		h.err = err
	}
}

// wrong notes what should not be, whatever else goes on.
func (h *herd) wrong(err error) { h.lost(nil, err) }

// faults are how much went wrong since it was asked last, and the first of it.
func (h *herd) faults() (n int, first error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, first = h.errs, h.err
	h.errs, h.err = 0, nil
	return n, first
}

// again begins a new epoch, to which only connections belong that begin in it.
func (h *herd) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch++
	h.since, h.back = time.Now(), nil
}

// whole waits until all are there, and says when the half, 99 of 100 and the last
// came.
func (h *herd) whole(ctx context.Context) (half, most, all time.Duration, err error) {
	for {
		h.mu.Lock()
		back, changed, first := h.back, h.changed, h.err
		h.mu.Unlock()
		if len(back) >= len(h.fakes) {
			return back[len(back)/2], back[len(back)*99/100], slices.Max(back), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, 0, 0, errors.Join(fmt.Errorf("%d of %d agents joined in time", len(back), len(h.fakes)), first)
		}
	}
}

// cut ends all connections at once.
func (h *herd) cut() {
	var cutting sync.WaitGroup
	for part := range slices.Chunk(h.fakes, max(len(h.fakes)/8, 1)) {
		cutting.Go(func() {
			for _, f := range part {
				if s := f.socket.Load(); s != nil {
					_ = s.CloseNow() // it may be closed already
				}
			}
		})
	}
	cutting.Wait()
}
