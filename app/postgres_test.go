package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/wire"
)

// onEachStore runs a test on SQLite and, where it is there, on PostgreSQL; vars
// are what a child is told.
func onEachStore(t *testing.T, test func(t *testing.T, vars ...string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		if server, ok := testpg.Shared(t); ok {
			test(t, databaseEnv+"="+server.Database(t))
		}
	})
}

func TestServe_OutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	database, ok := testpg.StartOwn(t)
	if !ok {
		return
	}
	data := place(t, "http://127.0.0.1:1/")
	vars := databaseEnv + "=" + database.Database(t)
	p := serveWith(t, data, vars)
	v, err := p.PatchConfig(t.Context(), "job", 1, wire.ConfigRequest{Config: json.RawMessage(`{"failureThreshold": 7}`), Reason: "before"})
	if err != nil {
		t.Fatal(err)
	}
	database.Kill()
	if err := p.Ready(t.Context()); err == nil {
		t.Error("it is ready without its database")
	}
	_, err = p.PatchConfig(t.Context(), "job", v.Version, wire.ConfigRequest{Config: json.RawMessage(`{"failureThreshold": 8}`), Reason: "during"})
	if refused := (*client.Error)(nil); err == nil || !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("an order without the database: %v", err)
	}
	for range 7 { // it decides all the same
		if _, err := p.Report(t.Context(), "job", wire.OperationOutcome{Outcome: "failure", DurationMs: 1}); err != nil {
			t.Error(err)
		}
	}
	if e, err := p.Service(t.Context(), "job"); err != nil || e.CircuitBreaker.State != "open" {
		t.Errorf("without the database: %+v, %v", e.CircuitBreaker, err)
	}
	database.Restart()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for p.Ready(ctx) != nil {
		if ctx.Err() != nil {
			t.Fatal("it does not find its database again")
		}
	}
	if _, err := p.Reset(ctx, "job", wire.ResetRequest{Reason: "after"}); err != nil {
		t.Error(err)
	}
	p.kill(t)
	p = serveWith(t, data, vars)
	events, err := p.Events(ctx, client.EventQuery{Service: "job"})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events.Events {
		kinds = append(kinds, e.Kind)
	}
	if got := strings.Join(kinds, " "); !strings.Contains(got, "reset transition") {
		t.Errorf("what happened meanwhile is not stored: %s", got)
	}
}

func TestServe_KeepsOnlyTheTokenInTheDataDirectoryOfPostgreSQL(t *testing.T) {
	t.Parallel()
	server, ok := testpg.Shared(t)
	if !ok {
		return
	}
	data := place(t, "http://127.0.0.1:1/")
	var said bytes.Buffer
	a, err := app.New(t.Context(), app.Options{
		Settings: config.Settings{Listen: "127.0.0.1:0", Data: data, DatabaseURL: server.Database(t)}, Stdout: &said, Stderr: &said,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) != 1 || entries[0].Name() != app.TokenFile {
		t.Errorf("%v, %v", entries, err)
	}
}
