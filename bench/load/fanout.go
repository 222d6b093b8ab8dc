package main

import (
	"context"
	"fmt"
	"time"

	"github.com/degenduel/switchgear/bench/internal/procs"
)

const (
	// aFew services are all that fan-out needs: what is told is one at a time.
	aFew = 200

	// changeBuffer is how much a client that waits for changes reads at once.
	changeBuffer = 4 << 10
)

// pair is our server and the floor, each with as many clients.
type pair struct {
	server *procs.Server
	floor  *helper
	ours   *crowd // of the server
	raw    *crowd // of the floor
	change []byte // as it goes over the wire
	done   int    // changes that ours were told of
	passed int    // that the floor has passed on
	memory [2]int64
}

// openPair starts both and connects the clients.
func (l *load) openPair(ctx context.Context, sockets int) (_ *pair, err error) {
	p := &pair{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	data, err := l.seeds.store(ctx, aFew)
	if err != nil {
		return nil, err
	}
	if p.server, err = procs.StartServer(ctx, procs.ServerSpec{Program: l.program, Data: data}); err != nil {
		return nil, err
	}
	var address string
	if p.floor, address, err = startFloor(ctx, FloorSpec{Address: "127.0.0.1:0"}); err != nil {
		return nil, err
	}
	grown := [2]func() (int64, error){p.server.Growth(), p.floor.Growth()}
	if p.ours, _, err = openCrowd(ctx, l.spec(p.server, sockets, changeBuffer)); err != nil {
		return nil, err
	}
	if p.raw, _, err = openCrowd(ctx, Spec{Address: address, Count: sockets, Raw: true, Buffer: changeBuffer}); err != nil {
		return nil, err
	}
	for i, grown := range grown {
		if p.memory[i], err = grown(); err != nil {
			return nil, err
		}
	}
	if _, _, err = p.toOurs(ctx); err != nil { // which says what the floor has to write
		return nil, err
	}
	recorded, err := p.ours.record(ctx)
	p.change = recorded.Change
	return p, err
}

func startFloor(ctx context.Context, spec FloorSpec) (*helper, string, error) {
	h, err := newHelper(ctx, roleFloor)
	if err != nil {
		return nil, "", err
	}
	var address string
	if err := h.call(ctx, "Floor.Listen", spec, &address); err != nil {
		h.Kill()
		return nil, "", err
	}
	return h, address, nil
}

func (p *pair) close() {
	for _, c := range []*crowd{p.ours, p.raw} {
		if c != nil {
			c.kill()
		}
	}
	if p.floor != nil {
		p.floor.Kill()
	}
	if p.server != nil {
		p.server.Kill()
	}
}

// toOurs changes a service: how long until the first and the last client have
// been told, from before it was asked for.
func (p *pair) toOurs(ctx context.Context) (first, last time.Duration, err error) {
	began := time.Now()
	if err := reset(ctx, p.server, p.done%aFew); err != nil {
		return 0, 0, err
	}
	at, err := p.ours.told(ctx, p.done)
	p.done++
	return since(began, at.First), since(began, at.Last), err
}

// toRaw is toOurs of the floor.
func (p *pair) toRaw(ctx context.Context) (last time.Duration, err error) {
	began := time.Now()
	if err := p.floor.call(ctx, "Floor.Broadcast", p.change, &struct{}{}); err != nil {
		return 0, err
	}
	at, err := p.raw.told(ctx, p.passed)
	p.passed++
	return since(began, at.Last), err
}

// spread is what fan-out took, round by round.
type fanOutTimes struct {
	first, last, floor durations
	cpu, floorCPU      time.Duration
}

func (p *pair) rounds(ctx context.Context, n int) (t fanOutTimes, err error) {
	const warmUp = 3
	ours, floor := p.server.Using(), p.floor.Using()
	for i := range n + warmUp {
		if i == warmUp {
			ours, floor = p.server.Using(), p.floor.Using()
		}
		last, err := p.toRaw(ctx)
		if err != nil {
			return t, err
		}
		first, ourLast, err := p.toOurs(ctx)
		if err != nil {
			return t, err
		}
		if i >= warmUp {
			t.floor, t.first, t.last = append(t.floor, last), append(t.first, first), append(t.last, ourLast)
		}
	}
	if t.cpu, err = ours(); err != nil {
		return t, err
	}
	t.floorCPU, err = floor()
	return t, err
}

func (l *load) fanOut(ctx context.Context) (string, error) {
	t := table{{
		"sockets", "bytes", "floor, last client, ms", "ours, last client, ms", "ratio (budget 3)", "99 of 100: floor, ours", "ours, first client, ms",
		"CPU µs a client: floor, ours", "memory KiB a socket: floor, ours",
	}}
	for _, n := range l.sockets {
		if err := l.fanOutTo(ctx, n, &t); err != nil {
			return "", fmt.Errorf("%d sockets: %w", n, err)
		}
	}
	return t.String() + `
A change is a reset over REST, stored before it is told: an event and an update. The
time is from before the request until the last client has both; the floor writes the
same bytes to as many TCP connections, from a goroutine for each processor, when it is
told to over a pipe. Rounds of both alternate, with all clients of both connected.
In brackets the least and the most; the ratio is the median of the rounds'. Heartbeats
of the idle clients are in our CPU time. Memory is what the process has grown by with
the clients connected and each having its snapshot, before any collection of garbage
that is asked for; the kernel's part is not in it.
`, nil
}

func (l *load) fanOutTo(ctx context.Context, n int, t *table) error {
	p, err := l.openPair(ctx, n)
	if err != nil {
		return err
	}
	defer p.close()
	times, err := p.rounds(ctx, l.rounds)
	if err != nil {
		return err
	}
	if _, err := p.ours.count(ctx); err != nil {
		return err
	}
	each := func(cpu time.Duration) string {
		return fmt.Sprintf("%.1f", float64(cpu.Microseconds())/float64(n*l.rounds))
	}
	t.Add(n, len(p.change), times.floor.spread(), times.last.spread(), fmt.Sprintf("**%.2f**", ratio(times.last, times.floor)),
		ms(times.floor.at(.99))+", "+ms(times.last.at(.99)), ms(times.first.median()), each(times.floorCPU)+", "+each(times.cpu),
		fmt.Sprintf("%.1f, %.1f", float64(p.memory[1])/float64(n)/1024, float64(p.memory[0])/float64(n)/1024))
	return nil
}
