package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/bench/internal/procs"
)

const (
	// stormServices is how many services there are while clients come back.
	stormServices = 1000

	// stormBuffer is how much a client that comes back reads at once.
	stormBuffer = 32 << 10

	// stormRounds is how often they do.
	stormRounds = 3
)

// storm is what it took until all clients were back, round by round.
type storm struct {
	listens durations // from the kill until the server listened again
	answers durations // until it answered a request, in the midst of the clients'
	back    durations // until all were
	resumed durations // of clients that were cut off and came back to the same server
	cpu     time.Duration
	peak    int64
	tries   int64
}

func (l *load) storms(ctx context.Context) (string, error) {
	data, err := l.seeds.store(ctx, stormServices)
	if err != nil {
		return "", err
	}
	ours, greeting, err := l.storm9(ctx, data)
	if err != nil {
		return "", err
	}
	floor, err := l.floorStorm(ctx, greeting)
	if err != nil {
		return "", err
	}
	reads, err := l.stormReads(ctx)
	if err != nil {
		return "", err
	}
	t := table{{fmt.Sprintf("%d clients, %d services", l.storm, stormServices), "", "budget"}}
	t.Add("ours: until it listened again, ms", ours.listens.spread(), "")
	t.Add("until it answered another request, ms", ours.answers.spread(), "")
	t.Add("**until all were back, ms**", "**"+ours.back.spread()+"**", "15 000")
	t.Add("floor: until all were back, ms", floor.back.spread(), "")
	t.Add("ours by floor", fmt.Sprintf("**%.2f**", ratio(ours.back, floor.back)), "")
	t.Add("ours: CPU a round, s", fmt.Sprintf("%.2f", (ours.cpu/time.Duration(l.often(stormRounds))).Seconds()), "")
	t.Add("peak memory, MiB", mib(ours.peak), "500")
	t.Add("reads of the store", reads, "50")
	t.Add("connections refused a round", ours.tries/int64(l.often(stormRounds)), "")
	t.Add("cut off and resumed, no snapshots: until all were back, ms", ours.resumed.spread(), "")
	return t.String() + `
The server is killed (SIGKILL) and started again at the same port. Every client comes
back by itself: it waits up to 0.1 s, then up to twice that, and so on to 30 s; shows its
token; says where it was, which means nothing to the new server; and is back when it has
all pages of a snapshot. The floor is killed and started likewise, and greets with the
same bytes. Reads are calls of pread64 on the database from the start until all clients
are back, less those of a start without clients, counted by strace in runs of their own.
Cut off and resumed: the clients lose their connections, and come back with ?epoch=&seq=
to the same server, which sends no snapshots.
`, nil
}

// storm9 kills the server under its clients; greeting is what each was sent.
func (l *load) storm9(ctx context.Context, data string) (st storm, greeting []byte, err error) {
	spec := procs.ServerSpec{Program: l.program, Data: data}
	s, err := procs.StartServer(ctx, spec)
	if err != nil {
		return st, nil, err
	}
	defer func() { s.Kill9() }()
	spec.Listen = s.Address()
	clients := l.spec(s, l.storm, stormBuffer)
	clients.Return = true
	c, _, err := openCrowd(ctx, clients)
	if err != nil {
		return st, nil, err
	}
	defer c.kill()
	recorded, err := c.record(ctx)
	if err != nil {
		return st, nil, err
	}
	for round := range l.often(stormRounds) {
		if s, err = st.again(ctx, s, spec, c, 2*round+1); err != nil {
			return st, nil, err
		}
		if err := st.resume(ctx, c, 2*round+2); err != nil {
			return st, nil, err
		}
	}
	return st, recorded.Greeting, nil
}

// again kills the server, starts it, and waits for the clients. It returns the
// server that runs.
func (st *storm) again(ctx context.Context, old *procs.Server, spec procs.ServerSpec, c *crowd, generation int) (*procs.Server, error) {
	before, err := c.count(ctx)
	if err != nil {
		return old, err
	}
	began := time.Now()
	old.Kill9()
	killed := time.Since(began)
	s, err := procs.StartServer(ctx, spec)
	if err != nil {
		return old, err
	}
	st.listens, st.answers = append(st.listens, killed+s.Took.Listening), append(st.answers, killed+s.Took.Answered)
	at, err := c.whole(ctx, generation)
	if err != nil {
		return s, err
	}
	st.back = append(st.back, since(began, at.Last))
	cpu, err := s.CPU()
	if err != nil {
		return s, err
	}
	st.cpu += cpu
	_, peak, err := s.Memory()
	st.peak = max(st.peak, peak)
	after, failed := c.count(ctx)
	st.tries += after.Tries - before.Tries - int64(c.spec.Count) // the first of them is the loss itself
	return s, errors.Join(err, failed)
}

// resume cuts the clients off, and waits until they have what they missed.
func (st *storm) resume(ctx context.Context, c *crowd, generation int) error {
	before, err := c.count(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := c.all(ctx, "Swarm.Cut"); err != nil {
		return err
	}
	at, err := c.whole(ctx, generation)
	if err != nil {
		return err
	}
	st.resumed = append(st.resumed, since(began, at.Last))
	after, err := c.count(ctx)
	if err == nil && after.Pages != before.Pages {
		err = fmt.Errorf("clients that resumed were sent %d pages of snapshots", after.Pages-before.Pages)
	}
	return err
}

// floorStorm is storm9 of the floor.
func (l *load) floorStorm(ctx context.Context, greeting []byte) (st storm, err error) {
	f, address, err := startFloor(ctx, FloorSpec{Address: "127.0.0.1:0", Greeting: greeting})
	if err != nil {
		return st, err
	}
	defer func() { f.Kill() }()
	c, _, err := openCrowd(ctx, Spec{Address: address, Count: l.storm, Raw: true, Greeted: true, Return: true, Buffer: stormBuffer})
	if err != nil {
		return st, err
	}
	defer c.kill()
	for round := range l.often(stormRounds) {
		began := time.Now()
		f.Kill()
		again, _, err := startFloor(ctx, FloorSpec{Address: address, Greeting: greeting})
		if err != nil {
			return st, err
		}
		f = again
		at, err := c.whole(ctx, round+1)
		if err != nil {
			return st, err
		}
		st.back = append(st.back, since(began, at.Last))
	}
	return st, nil
}

// stormReads is how often the store is read while the clients come back, or why
// nobody knows.
func (l *load) stormReads(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return "unknown without strace", nil
	}
	data, err := l.seeds.store(ctx, stormServices)
	if err != nil {
		return "", err
	}
	spec := procs.ServerSpec{Program: l.program, Data: data}
	s, err := procs.StartServer(ctx, spec)
	if err != nil {
		return "", err
	}
	defer func() { s.Kill9() }()
	clients := l.spec(s, l.storm, stormBuffer)
	clients.Return = true
	c, _, err := openCrowd(ctx, clients)
	if err != nil {
		return "", err
	}
	defer c.kill()
	spec.Listen = s.Address()
	s.Kill9()
	with, err := l.readsOf(ctx, spec, func() error {
		_, err := c.whole(ctx, 1)
		return err
	})
	if err != nil {
		return "", err
	}
	c.kill()
	without, err := l.readsOf(ctx, spec, func() error { return nil })
	return strconv.Itoa(with - without), err
}

// readsOf is how often the store is read from the start of a server until done
// returns.
func (l *load) readsOf(ctx context.Context, spec procs.ServerSpec, done func() error) (int, error) {
	trace := filepath.Join(l.dir, "trace")
	spec.Program = append([]string{"strace", "-f", "-qq", "-y", "--seccomp-bpf", "-e", "trace=pread64", "-o", trace}, l.program...)
	s, err := procs.StartServer(ctx, spec)
	if err != nil {
		return 0, err
	}
	err = done()
	s.Kill9() // and with it strace, which has then written all
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(trace) //nolint:gosec // it is our own
	return strings.Count(string(text), "switchgear.db"), err
}
