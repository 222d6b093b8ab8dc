package main

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

// TestClient_HearsTheManagerLive holds the client against the real manager: it
// hears of what it orders, and after it comes back of what it has missed only.
func TestClient_HearsTheManagerLive(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := serve(ctx, t)
	if _, err := c.PutService(ctx, "web", config.Service{Layer: "edge"}, "it is new"); err != nil {
		t.Fatal(err)
	}
	s, err := c.Stream(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, s, wire.TypeConnectionStatus)
	place := await(ctx, t, s, wire.TypeServicesState)
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	order := wire.OverrideRequest{Mode: "forced_open", Reason: "moving", TTLMs: 60_000}
	if _, err := c.Override(ctx, "web", order); err != nil {
		t.Fatal(err)
	}
	if s, err = c.Stream(ctx, &place.Since); err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the manager may have closed it
	await(ctx, t, s, wire.TypeConnectionStatus)
	if got := await(ctx, t, s, wire.TypeServiceEvent); got.Event.Kind != "override" || got.Event.Service != "web" {
		t.Errorf("it has missed %+v, want the override", got.Event)
	}
	if err := c.Ready(ctx); err != nil {
		t.Error(err)
	}
	if v, err := c.Version(ctx); err != nil || v.Version != "v1.2.3" {
		t.Errorf("Version returned %+v, %v", v, err)
	}
}

// serve runs a manager until the test ends, and returns a client of it.
func serve(ctx context.Context, t *testing.T) *client.Client {
	t.Helper()
	a, err := app.New(ctx, app.Options{
		Settings:   config.Settings{Listen: "127.0.0.1:0", Data: t.TempDir()},
		AdminToken: fakeToken, Stdout: io.Discard, Stderr: t.Output(), Version: wire.Version{Version: "v1.2.3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	c, err := client.New(a.URL(), fakeToken, client.Options{})
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// heard is what the messages of the stream have in them.
type heard struct {
	wire.Since

	Event wire.Event `json:"event"`
}

// await reads the next message that is no heartbeat and no statistics, which
// must be of the type.
func await(ctx context.Context, t *testing.T, s *client.Stream, kind string) heard {
	t.Helper()
	for {
		m, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got heard
		if err := json.Unmarshal(m.Data, &got); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Type == kind:
			return got
		case m.Type != wire.TypeHeartbeat && m.Type != wire.TypeServiceUpdate:
			t.Fatalf("the message is %s, want %s", m.Data, kind)
		}
	}
}
