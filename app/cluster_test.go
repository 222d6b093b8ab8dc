package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/internal/natstest"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/wire"
)

func TestServe_SeveralAreOneManagerThroughFaults(t *testing.T) {
	t.Parallel()
	database, ok := testpg.StartOwn(t)
	if !ok {
		return
	}
	c := startNodes(t, 2, databaseEnv+"="+database.Database(t))
	throughFaults(t, c, map[string]func(leader int){
		"kill the leader": func(leader int) {
			c.node(leader).kill(t)
			c.another(t, leader)
			c.start(t, leader)
		},
		"stop the leader longer than its lease": func(leader int) {
			c.node(leader).signal(t, syscall.SIGSTOP)
			c.another(t, leader)
			c.node(leader).signal(t, syscall.SIGCONT)
		},
		"kill one that follows": func(leader int) {
			other := (leader + 1) % 2
			c.node(other).kill(t)
			c.start(t, other)
		},
		"kill the database": func(int) {
			database.Kill()
			database.Restart()
		},
		"roll": func(leader int) {
			for _, i := range []int{leader, (leader + 1) % 2} {
				c.node(i).stop(t)
				c.start(t, i)
				c.leader(t)
			}
		},
	})
}

func TestServe_SeveralAreOneManagerByNATSThroughFaults(t *testing.T) {
	t.Parallel()
	server, ok := testpg.Shared(t)
	if !ok {
		return
	}
	nats, ok := natstest.Start(t, "")
	if !ok {
		return
	}
	c := startNodes(t, 3, databaseEnv+"="+server.Database(t), natsEnv+"="+nats.URL())
	throughFaults(t, c, map[string]func(leader int){
		"kill NATS": func(int) {
			nats.Kill()
			nats.Restart()
		},
		"kill the leader": func(leader int) {
			c.node(leader).kill(t)
			c.start(t, leader)
		},
	})
}

// throughFaults has watchers and an administrator at all nodes go on through
// faults, and then compares what they saw and were told with what is stored.
func throughFaults(t *testing.T, c *nodes, faults map[string]func(leader int)) {
	t.Helper()
	c.leader(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	watchers := make([]*watcher, len(c.urls))
	for i := range watchers {
		all.Go(func() { watchers[i] = c.watch(ctx, t, i) })
	}
	ordering, enough := context.WithCancel(ctx)
	var admin sync.WaitGroup
	done := &orders{versions: make(map[int]string), acknowledged: make(chan struct{})}
	admin.Go(func() { c.give(ordering, t, done) })
	for name, fault := range faults {
		done.more(t, 10)
		began := time.Now()
		fault(c.leader(t))
		c.leader(t)
		t.Logf("%s: over after %v", name, time.Since(began).Round(time.Millisecond))
	}
	done.more(t, 10)
	enough()
	admin.Wait()
	c.agree(t)
	events := c.history(t)
	awaitAll(t, c, events)
	stop()
	all.Wait()
	judge(t, c, done, events, watchers)
}

// agree waits until all nodes show the same.
func (c *nodes) agree(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var diff string
	for ctx.Err() == nil {
		var shown []map[string]string
		for i := range c.urls {
			list, err := c.node(i).Services(ctx, client.ServiceQuery{})
			if err != nil {
				continue
			}
			states := make(map[string]string)
			for _, e := range list.Services {
				states[e.Service] = e.Status + " " + e.CircuitBreaker.State
			}
			shown = append(shown, states)
		}
		diff = ""
		for i := range shown {
			diff = cmp.Or(diff, gocmp.Diff(shown[0], shown[i]))
		}
		if len(shown) == len(c.urls) && diff == "" {
			return
		}
	}
	t.Errorf("five seconds behind the last fault the nodes do not agree:\n%s", diff)
}

// history is all that is stored, newest first.
func (c *nodes) history(t *testing.T) []wire.Event {
	t.Helper()
	var all []wire.Event
	for cursor := ""; ; {
		page, err := c.node(0).Events(t.Context(), client.EventQuery{Page: client.Page{Limit: 500, Cursor: cursor}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Events...)
		if page.NextCursor == nil {
			return all
		}
		cursor = *page.NextCursor
	}
}

// awaitAll waits until every node has told what is stored: one order more, seen on
// a stream of each that begins at the newest event, says so.
func awaitAll(t *testing.T, c *nodes, events []wire.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for i := range c.urls {
		stream, err := c.node(i).Stream(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for {
			m, err := stream.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var d struct{ Seq uint64 }
			if err := json.Unmarshal(m.Data, &d); err != nil || d.Seq >= events[0].Seq {
				break
			}
		}
		_ = stream.Close()
	}
}

func judge(t *testing.T, c *nodes, done *orders, events []wire.Event, watchers []*watcher) {
	t.Helper()
	stored := make(map[string]int)
	for i := range events {
		if events[i].Kind == "reset" && events[i].Reason != nil {
			stored[*events[i].Reason]++
		}
	}
	for _, reason := range done.resets {
		if stored[reason] != 1 {
			t.Errorf("the reset %q was acknowledged, and is stored %d times", reason, stored[reason])
		}
	}
	for cursor := ""; ; {
		page, err := c.node(0).ConfigVersions(t.Context(), "job", client.Page{Limit: 500, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			if reason, ok := done.versions[v.Version]; ok && v.Reason != reason {
				t.Errorf("version %d is %q, and %q was acknowledged", v.Version, v.Reason, reason)
			}
			delete(done.versions, v.Version)
		}
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	if len(done.versions) > 0 {
		t.Errorf("configs were acknowledged, and are not stored: %v", done.versions)
	}
	kept := 0
	for i, w := range watchers {
		for n := range events {
			if e := &events[n]; w.missed(e) {
				t.Errorf("watcher %d was not told of event %d at %d (%s %s): snapshots at %v behind %v", i, *e.ID, e.Seq, e.Service, e.Kind, w.whole, w.from)
			}
		}
		kept += w.kept
		t.Logf("watcher %d: %d events, %d snapshots, went on %d times without one", i, len(w.seqs), len(w.whole), w.kept)
	}
	if kept == 0 || len(done.resets) < 10 {
		t.Errorf("%d orders, and watchers went on at another node %d times: too little to prove anything", len(done.resets), kept)
	}
}
