package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/store/sqlite"
	"github.com/degenduel/switchgear/wire"
)

// A program with a manager of its own: its services are remembered in a
// database, and served over REST and the live stream.
func Example() {
	if err := embedded(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// GET /api/v2/services/prices: circuit_open, closed -> open by failure_threshold
}

const viewerToken = "a-token-of-20-to-256-letters"

func embedded() error {
	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext, in a main
	defer stop()

	dir, err := os.MkdirTemp("", "switchgear-example-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	manager, err := fleet.New(ctx, fleet.Deps{Store: store}, fleet.Config{})
	if err != nil {
		return err
	}
	tokens, err := server.NewAuthenticator([]fleet.Token{
		{ID: "1", Name: "board", Role: "viewer", Hash: server.HashSecret(viewerToken)},
	})
	if err != nil {
		return err
	}
	handler, err := server.New(server.Deps{Manager: manager, Auth: tokens}, server.Config{})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}

	// Run of both must run: the manager does nothing without, and the streams
	// are told nothing. The manager ends last, for requests need it.
	managing, stopManaging := context.WithCancel(context.WithoutCancel(ctx))
	defer stopManaging()
	var last, group errgroup.Group
	last.Go(func() error { return manager.Run(managing) })
	group.Go(func() error { return handler.Run(ctx) })
	group.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})

	err = work(ctx, manager, "http://"+listener.Addr().String())

	stop()
	err = errors.Join(err, web.Shutdown(context.WithoutCancel(ctx)), group.Wait())
	stopManaging()
	return errors.Join(err, last.Wait())
}

// work is what the program is for.
func work(ctx context.Context, manager *fleet.Manager, url string) error {
	prices, err := switchgear.NewService("prices", switchgear.ServiceConfig{ //nolint:contextcheck // it has a context of its own
		Config: switchgear.Config{FailureThreshold: 1},
	})
	if err != nil {
		return err
	}
	// The config is the service's own. Register starts it, and the program
	// stops it.
	if err := manager.Register(ctx, prices, config.Service{Layer: "data", Description: "Prices from the exchange"}); err != nil {
		return err
	}
	defer func() { _ = prices.Stop(context.WithoutCancel(ctx)) }()

	opened := make(chan fleet.Event, 1)
	_, _, stopWatching := manager.Watch(func(c fleet.Change) {
		if c.Event != nil && c.Event.Kind == fleet.EventTransition {
			opened <- *c.Event
		}
	})
	defer stopWatching()
	// The error comes back as it is; that it opened the circuit is in the
	// database before it is told.
	_ = prices.Do(ctx, func(context.Context) error { return errors.New("connection refused") })
	event := <-opened

	var entry wire.Entry
	if err := get(ctx, url+"/api/v2/services/prices", &entry); err != nil {
		return err
	}
	fmt.Printf("GET /api/v2/services/prices: %s, %s -> %s by %s\n",
		entry.Status, event.From, event.To, entry.CircuitBreaker.Trip.Rule)
	return nil
}

func get(ctx context.Context, url string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+viewerToken)
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return json.NewDecoder(response.Body).Decode(v)
}
