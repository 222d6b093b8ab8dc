package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/store/faulty"
	"github.com/degenduel/switchgear/store/sqlite"
	"github.com/degenduel/switchgear/wire"
)

// overFaulty is what an app joins, with a store between it and SQLite that lets
// some commits fail. stop ends it, and closes the database.
func overFaulty(t *testing.T, data string, opts faulty.Options) (c *client.Client, store *faulty.Store, stop func()) {
	t.Helper()
	inner, err := sqlite.Open(t.Context(), data, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store = faulty.New(inner, opts)
	auth, err := server.NewAuthenticator([]fleet.Token{{ID: "admin", Name: "admin", Role: "admin", Hash: server.HashSecret(token)}})
	if err != nil {
		t.Fatal(err)
	}
	manager, err := fleet.New(t.Context(), fleet.Deps{Store: store}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Deps{Manager: manager, Auth: auth}, server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if c, err = client.New("http://"+listener.Addr().String(), token, client.Options{}); err != nil {
		t.Fatal(err)
	}
	managing, stopManaging := context.WithCancel(context.WithoutCancel(t.Context()))
	serving, stopServing := context.WithCancel(managing)
	var running, served errgroup.Group
	running.Go(func() error { return manager.Run(managing) })
	served.Go(func() error { return s.Serve(serving, listener) })
	return c, store, func() {
		c.Close()
		stopServing()
		if err := served.Wait(); err != nil {
			t.Error(err)
		}
		stopManaging()
		if err := running.Wait(); err != nil {
			t.Error(err)
		}
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	}
}

// insist does something until it is acknowledged, and waits for the store while
// that is away.
func insist(ctx context.Context, t *testing.T, c *client.Client, do func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do()
		if err == nil {
			return
		}
		if kind, ok := client.KindOf(err); !ok || kind != client.Unavailable && kind != client.Conflict {
			t.Fatal(err)
		}
		for c.Ready(ctx) != nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("the store does not come back")
			}
		}
	}
}

// TestStore_ThatFailsLosesNothingThatWasAcknowledged changes configs and reports
// over real HTTP and a real database whose commits fail now and then, each until
// it is acknowledged. A process that begins with that database has all of it,
// and each report once.
func TestStore_ThatFailsLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	const rounds = 12
	data := place(t, "http://127.0.0.1:1/")
	c, store, stop := overFaulty(t, data, faulty.Options{Hook: func(call faulty.Call) faulty.Fault {
		switch {
		case call.Op == faulty.Commit && (call.N == 4 || call.N == 10):
			return faulty.Lose
		case call.Op == faulty.Commit && call.N == 7:
			return faulty.Refuse
		}
		return faulty.None
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	insist(ctx, t, c, func() error {
		_, err := c.PutService(ctx, "job", config.Service{}, "")
		return err
	})
	acknowledged := make(map[int]int) // thresholds, by version
	for i := range rounds {
		insist(ctx, t, c, func() error {
			now, err := c.Config(ctx, "job")
			if err != nil {
				return err
			}
			v, err := c.PatchConfig(ctx, "job", now.Version, wire.ConfigRequest{
				Config: json.RawMessage(fmt.Sprintf(`{"failureThreshold": %d}`, 10+i)), Reason: "a test",
			})
			if err == nil {
				acknowledged[v.Version] = 10 + i
			}
			return err
		})
		insist(ctx, t, c, func() error {
			_, err := c.ReportOnce(ctx, "job", fmt.Sprint("report ", i), wire.OperationOutcome{Outcome: "ignored"})
			return err
		})
	}
	stop()
	if n := store.Count(faulty.Commit); n.Lost < 2 || n.Refused < 1 {
		t.Errorf("too few faults to prove anything: %+v", n)
	}

	p := runAt(t, data, config.Settings{})
	e, err := p.Service(ctx, "job")
	if err != nil || e.Operations.Ignored != rounds {
		t.Errorf("%v, %d reports are counted of %d", err, e.Operations.Ignored, rounds)
	}
	stored, err := p.ConfigVersions(ctx, "job", client.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range stored.Versions {
		if threshold, ok := acknowledged[v.Version]; ok && strings.Contains(string(v.Config), fmt.Sprintf(`"failureThreshold":%d,`, threshold)) {
			delete(acknowledged, v.Version)
		}
	}
	if len(acknowledged) > 0 {
		t.Errorf("versions %v were acknowledged, and are not stored", acknowledged)
	}
}
