package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/degenduel/switchgear/bench/internal/procs"
)

const (
	// snapshotBuffer is how much a client that takes a snapshot reads at once.
	snapshotBuffer = 64 << 10

	// fewRounds is how often something large is measured.
	fewRounds = 5
)

// library is a server with a large fleet, and a floor that has its snapshot.
type library struct {
	server *procs.Server
	floor  *helper
	raw    Spec
	size   int           // of the snapshot, in bytes
	cold   time.Duration // until the first client of all had it
}

// openLibrary starts the server with that many services, and the floor with what
// the server's first client was sent.
func (l *load) openLibrary(ctx context.Context, services int) (_ *library, err error) {
	lib := &library{}
	defer func() {
		if err != nil {
			lib.close()
		}
	}()
	data, err := l.seeds.store(ctx, services)
	if err != nil {
		return nil, err
	}
	config, err := l.seeds.config("limits", fmt.Sprintf("server: { maxServices: %d }\nservices: {}\n", services+1))
	if err != nil {
		return nil, err
	}
	if lib.server, err = procs.StartServer(ctx, procs.ServerSpec{Program: l.program, Data: data, Config: config}); err != nil {
		return nil, err
	}
	first := l.spec(lib.server, 1, snapshotBuffer)
	first.Record = false // which takes time
	one, at, err := openCrowd(ctx, first)
	if err != nil {
		return nil, err
	}
	defer one.kill()
	lib.cold = time.Duration(at.Last - at.First)
	if err := one.close(ctx); err != nil {
		return nil, err
	}
	one.spec.Record = true
	if _, err := one.open(ctx); err != nil {
		return nil, err
	}
	recorded, err := one.record(ctx)
	if err != nil {
		return nil, err
	}
	lib.size = len(recorded.Greeting)
	lib.raw = Spec{Raw: true, Greeted: true, Buffer: snapshotBuffer, Count: 1}
	lib.floor, lib.raw.Address, err = startFloor(ctx, FloorSpec{Address: "127.0.0.1:0", Greeting: recorded.Greeting})
	return lib, err
}

func (lib *library) close() {
	if lib.floor != nil {
		lib.floor.Kill()
	}
	if lib.server != nil {
		lib.server.Kill()
	}
}

// takes is how long it took until all clients had everything, round by round. A
// change before each round makes the last snapshot useless.
func (lib *library) takes(ctx context.Context, spec Spec, rounds int) (ours, floor durations, err error) {
	spec.Record = false
	lib.raw.Count = spec.Count
	both := [2]*crowd{{spec: lib.raw}, {spec: spec}}
	var times [2]durations
	for i, c := range both {
		opened, _, err := openCrowd(ctx, c.spec) // once to warm up
		if err != nil {
			return nil, nil, err
		}
		defer opened.kill()
		if err := opened.close(ctx); err != nil {
			return nil, nil, err
		}
		both[i] = opened
	}
	for round := range rounds {
		if err := reset(ctx, lib.server, round); err != nil {
			return nil, nil, err
		}
		for i, c := range both {
			at, err := c.open(ctx)
			if err != nil {
				return nil, nil, err
			}
			times[i] = append(times[i], time.Duration(at.Last-at.First))
			if err := c.close(ctx); err != nil {
				return nil, nil, err
			}
		}
	}
	return times[1], times[0], nil
}

func (l *load) snapshots(ctx context.Context) (string, error) {
	t := table{{"services", "clients", "MB each", "floor, last client, ms", "ours, last client, ms", "ratio", "server CPU s a round: floor, ours", "peak memory MiB"}}
	var cold strings.Builder
	sizes := []int{l.services}
	if l.huge {
		sizes = append(sizes, 10*l.services)
	}
	for _, services := range sizes {
		lib, err := l.openLibrary(ctx, services)
		if err != nil {
			return "", err
		}
		defer lib.close()
		fmt.Fprintf(&cold, "The first client of all after a start with %d services had everything in %s ms (budget 1000).\n", services, ms(lib.cold))
		clients := []int{1}
		if services == l.services {
			clients = append(clients, l.readers)
		}
		for _, n := range clients {
			if err := l.snapshotTo(ctx, lib, services, n, &t); err != nil {
				return "", err
			}
		}
	}
	return t.String() + "\n" + cold.String() + `
From the first connection until the last client has all pages, handshakes and all. A
change before each round makes the last snapshot useless, so each round encodes one;
the floor greets each connection with the bytes that the first client of ours had.
`, nil
}

func (l *load) snapshotTo(ctx context.Context, lib *library, services, n int, t *table) error {
	rounds := l.often(fewRounds)
	if n == 1 {
		rounds = l.often(2 * fewRounds)
	}
	floorUse, use := lib.floor.Using(), lib.server.Using()
	ours, floor, err := lib.takes(ctx, l.spec(lib.server, n, snapshotBuffer), rounds)
	if err != nil {
		return err
	}
	floorCPU, err := floorUse()
	if err != nil {
		return err
	}
	cpu, err := use()
	if err != nil {
		return err
	}
	_, most, err := lib.server.Memory()
	if err != nil {
		return err
	}
	each := func(cpu time.Duration) string { return fmt.Sprintf("%.2f", cpu.Seconds()/float64(rounds+1)) }
	t.Add(services, n, fmt.Sprintf("%.1f", float64(lib.size)/1e6), floor.spread(), ours.spread(),
		fmt.Sprintf("**%.2f**", ratio(ours, floor)), each(floorCPU)+", "+each(cpu), mib(most))
	return nil
}
