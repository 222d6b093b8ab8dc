package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/bench/internal/procs"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

func serviceName(n int) string { return fmt.Sprintf("service_%06d", n) }

// reset changes a service: an event and an update for all who watch.
func reset(ctx context.Context, s *procs.Server, service int) error {
	return s.Do(ctx, http.MethodPost, "/api/v2/services/"+serviceName(service)+"/reset", `{"reason": "to be told to all"}`)
}

func definition(n int) config.Service {
	layers := []string{"edge", "application", "data", "infrastructure"}
	return config.Service{
		Layer: layers[n%len(layers)], Description: "Number " + strconv.Itoa(n) + " of the services that a load is made with",
		Config: switchgear.Config{FailureThreshold: 3 + n%5},
	}
}

// secrets are those of n tokens, the same at every call: they only open what
// this program has made and takes away again.
func secrets(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("load-viewer-token-%06d", i)
	}
	return out
}

// seeds makes data directories and config files, each once.
type seeds struct {
	dir    string
	tokens int
}

// store is a new data directory with that many services declared over the API,
// and the tokens.
func (s *seeds) store(ctx context.Context, services int) (string, error) {
	original := filepath.Join(s.dir, "seed-"+strconv.Itoa(services))
	if _, err := os.Stat(original); err != nil {
		if err := seed(ctx, original+".part", services, secrets(s.tokens)); err != nil {
			return "", fmt.Errorf("a store with %d services: %w", services, err)
		}
		if err := os.Rename(original+".part", original); err != nil {
			return "", err
		}
	}
	return s.copyOf(original)
}

func (s *seeds) copyOf(original string) (string, error) {
	data, err := s.empty()
	if err != nil {
		return "", err
	}
	return data, os.CopyFS(data, os.DirFS(original))
}

// empty is the name of a data directory that is not there yet.
func (s *seeds) empty() (string, error) {
	dir, err := os.MkdirTemp(s.dir, "run-*")
	return filepath.Join(dir, "data"), err
}

// seed writes a data directory the way a manager does.
func seed(ctx context.Context, dir string, services int, tokens []string) (err error) {
	store, err := sqlite.Open(ctx, dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	defer closed(store, &err)
	batch := &fleet.Batch{}
	for i, secret := range tokens {
		hash := sha256.Sum256([]byte(secret))
		batch.Tokens = append(batch.Tokens, fleet.Token{
			ID: rand.Text(), Name: "viewer " + strconv.Itoa(i), Role: "viewer", Hash: hex.EncodeToString(hash[:]), CreatedAt: time.Now(), CreatedBy: "load",
		})
	}
	if err := store.Commit(ctx, batch); err != nil {
		return err
	}
	return managed(ctx, store, services, func(m *fleet.Manager) error {
		return concurrently(ctx, 64, services, func(ctx context.Context, i int) error {
			_, _, err := m.Declare(ctx, serviceName(i), definition(i), fleet.Actor{Name: "load", Reason: "a load is to be made"})
			return err
		})
	})
}

// closed closes what was opened, and adds its error to that of the caller.
func closed(c io.Closer, err *error) { *err = errors.Join(*err, c.Close()) }

// managed runs a manager over the store while f runs.
func managed(ctx context.Context, store fleet.Store, services int, f func(*fleet.Manager) error) error {
	m, err := fleet.New(ctx, fleet.Deps{Store: store}, fleet.Config{MaxServices: services + 1})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var manager errgroup.Group
	manager.Go(func() error { return m.Run(running) })
	err = f(m)
	stop()
	return errors.Join(err, manager.Wait())
}

// concurrently calls f with 0 to n-1, in so many goroutines.
func concurrently(ctx context.Context, goroutines, n int, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(goroutines)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}

// file is a config file with that many services.
func (s *seeds) file(services int) (string, error) {
	var b bytes.Buffer
	b.WriteString("services:\n")
	for i := range services {
		d := definition(i)
		fmt.Fprintf(&b, "  %s: { layer: %s, description: %q, config: { failureThreshold: %d } }\n",
			serviceName(i), d.Layer, d.Description, d.Config.FailureThreshold)
	}
	return s.config("services-"+strconv.Itoa(services), b.String())
}

// config is a config file with that text.
func (s *seeds) config(name, text string) (string, error) {
	path := filepath.Join(s.dir, name+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}
