package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// nodes are processes that are one manager, each in a place of its own that it is
// started again in.
type nodes struct {
	vars []string
	dir  string
	urls []string // where they listen, for good

	mu      sync.Mutex
	running []*process
}

// startNodes starts so many, the first of which leads.
func startNodes(t *testing.T, n int, vars ...string) *nodes {
	t.Helper()
	c := &nodes{vars: vars, dir: filepath.Dir(place(t, "http://127.0.0.1:1/")), running: make([]*process, n)}
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.urls = append(c.urls, l.Addr().String())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		c.start(t, i)
	}
	return c
}

func (c *nodes) start(t *testing.T, i int) {
	t.Helper()
	p := begin(t, filepath.Join(c.dir, fmt.Sprintf("data%d", i)), append(slices.Clone(c.vars), listenEnv+"="+c.urls[i])...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[i] = p
}

func (c *nodes) node(i int) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running[i]
}

// leader is the node that leads, alone, behind a fault: everybody else sees it.
func (c *nodes) leader(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		found, able := -1, 0
		for i := range c.urls {
			info, err := c.node(i).Server(ctx)
			switch {
			case err != nil:
			case info.Ready && info.Cluster.Role == wire.NodeLeads:
				found, able = i, able+1
			case info.Ready && info.Cluster.Leader != nil:
				able++
			}
		}
		if found >= 0 && able == len(c.urls) {
			return found
		}
	}
	t.Fatal("none leads, or not all see it")
	return 0
}

// another waits until a node other than i leads.
func (c *nodes) another(t *testing.T, i int) {
	t.Helper()
	c.node((i + 1) % len(c.urls)).lead(t)
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop ends the process as a supervisor does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// watcher is a client that goes to another node when it loses one, with its place.
type watcher struct {
	t     *testing.T
	nodes *nodes

	seqs  map[int64]uint64 // of the events that were told, by ID
	early map[uint64]bool  // seqs of those that were told before they were stored
	last  uint64
	epoch string
	whole []uint64 // where snapshots were given
	from  []uint64 // and what was known before each
	kept  int      // how often it went on without one
}

// watch watches until ctx ends, beginning at node i.
func (c *nodes) watch(ctx context.Context, t *testing.T, i int) *watcher {
	t.Helper()
	w := &watcher{t: t, nodes: c, seqs: make(map[int64]uint64), early: make(map[uint64]bool)}
	for ; ctx.Err() == nil; i++ {
		_ = w.once(ctx, c.node(i%len(c.urls))) // then the next
	}
	return w
}

func (w *watcher) once(ctx context.Context, p *process) error {
	var since *wire.Since
	if w.epoch != "" {
		since = &wire.Since{Epoch: w.epoch, Seq: w.last}
	}
	stream, err := p.Stream(ctx, since)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	whole := len(w.whole)
	for n := 0; ; n++ {
		m, err := stream.Next(ctx)
		if err != nil {
			if n > 1 && len(w.whole) == whole {
				w.kept++
			}
			return err
		}
		if err := w.take(m); err != nil {
			w.t.Errorf("a watcher at %s: %v", p.url, err)
		}
	}
}

// take judges a message: nothing goes back, nothing comes twice.
func (w *watcher) take(m client.Message) error {
	var d struct {
		wire.Entry

		Epoch string
		Seq   uint64
		Event wire.Event
	}
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return err
	}
	switch m.Type {
	case wire.TypeServicesState:
		before := w.last
		w.whole, w.from = append(w.whole, d.Seq), append(w.from, w.last)
		w.epoch, w.last = d.Epoch, d.Seq
		if d.Seq < before {
			return fmt.Errorf("a snapshot at %d, behind %d", d.Seq, before)
		}
	case wire.TypeServiceEvent:
		if d.Seq <= w.last {
			return fmt.Errorf("an event at %d, behind %d", d.Seq, w.last)
		}
		w.last = d.Seq
		if d.Event.ID == nil {
			w.early[d.Seq] = true
			return nil
		}
		if at, twice := w.seqs[*d.Event.ID]; twice {
			return fmt.Errorf("event %d at %d, and at %d before", *d.Event.ID, d.Seq, at)
		}
		w.seqs[*d.Event.ID] = d.Seq
	case wire.TypeServiceUpdate:
		if d.Seq <= w.last {
			return fmt.Errorf("%s at %d, behind %d", d.Service, d.Seq, w.last)
		}
		w.last = d.Seq
	case wire.TypeHeartbeat:
		if d.Seq < w.last {
			return fmt.Errorf("a heartbeat at %d, behind %d", d.Seq, w.last)
		}
		w.last = d.Seq
	}
	return nil
}

// missed reports whether an event that is stored was never told, though the
// watcher was there.
func (w *watcher) missed(e *wire.Event) bool {
	if _, told := w.seqs[*e.ID]; told || w.early[e.Seq] || e.Seq > w.last {
		return false
	}
	for i := range w.whole {
		if e.Seq > w.from[i] && e.Seq <= w.whole[i] {
			return false // it was in a snapshot
		}
	}
	return true
}

// orders are what an administrator did, and was told that it was done.
type orders struct {
	acknowledged chan struct{}  // with each, unless nobody waits
	resets       []string       // their reasons
	versions     map[int]string // of the config of job, with their reasons
}

// give gives orders at one node after the other until ctx ends.
func (c *nodes) give(ctx context.Context, t *testing.T, done *orders) {
	t.Helper()
	for n := 0; ctx.Err() == nil; n++ {
		p := c.node(n % len(c.urls))
		reason := fmt.Sprintf("order %d", n)
		one, cancel := context.WithTimeout(ctx, 3*time.Second)
		var err error
		if n%3 == 0 {
			var v wire.Config
			if v, err = p.Config(one, "job"); err == nil {
				v, err = p.PatchConfig(one, "job", v.Version, wire.ConfigRequest{
					Config: json.RawMessage(fmt.Sprintf(`{"failureThreshold": %d}`, n%90+1)), Reason: reason,
				})
			}
			if err == nil {
				done.versions[v.Version] = v.Reason
			}
		} else if _, err = p.Reset(one, "job", wire.ResetRequest{Reason: reason}); err == nil {
			done.resets = append(done.resets, reason)
		}
		cancel()
		if err == nil {
			select {
			case done.acknowledged <- struct{}{}:
			default:
			}
		}
		var refused *client.Error
		if errors.As(err, &refused) && refused.Status >= 500 && refused.Status != 503 {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// more waits until so many more were acknowledged.
func (o *orders) more(t *testing.T, n int) {
	t.Helper()
	enough := time.After(time.Minute)
	for range n {
		select {
		case <-o.acknowledged:
		case <-enough:
			t.Fatal("nobody takes orders")
		}
	}
}
