// Package app joins the parts into a process: the store, the manager and the
// server. It is the only place that knows all of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/lifecycle"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/probe"
	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/wire"
)

// Options are what a process is told at its start.
type Options struct {
	// Settings are those of flags and environment; the file's and the
	// defaults are taken where they say nothing.
	Settings config.Settings

	// ConfigPath is the config file; empty: there is none.
	ConfigPath string

	// AdminToken is the administrator's token. Empty: at the first start of a
	// data directory one is made, printed once on Stderr, and written to the
	// file admin-token there.
	AdminToken string

	// Reload asks, with every value, to read the config file again; nil: never.
	Reload <-chan os.Signal

	// Guard is given, by New, the client that receivers of alerts are reached
	// with, for what reaches some of them by the clients of package http: see
	// notify.Guard. It is for a program whose only app this is. nil: that
	// reaches whatever it is told to.
	Guard func(*http.Client)

	Stdout, Stderr io.Writer
	Version        wire.Version
}

// closeTimeout is how long the store may take to close.
const closeTimeout = 5 * time.Second

// App is a process that is ready to run. Close it if Run is not called.
type App struct {
	opts        Options
	settings    config.Settings
	store       store
	file        *config.File
	watch       *fileWatch
	log         *slog.Logger
	auth        *server.Authenticator
	manager     *fleet.Manager
	watchers    *watchers // nil: another node leads. Of one that is one of several it is keepUp's
	node        *node     // nil: the manager is alone
	orphans     []fleet.Orphan
	alertClient *http.Client
	server      *server.Server
	listener    net.Listener
	cleanUps    lifecycle.Stack
}

// New opens the store, brings back what it remembers, and listens, so that an
// error of any of them is told before anything runs.
func New(ctx context.Context, o Options) (a *App, err error) {
	a = &App{opts: o, file: &config.File{Alerts: config.DefaultAlerts()}, watch: newFileWatch(o.ConfigPath)}
	if o.ConfigPath != "" {
		if a.file, err = config.Load(o.ConfigPath); err != nil {
			return nil, err
		}
	}
	a.settings = o.Settings.Or(a.file.Settings).Or(config.DefaultSettings())
	if err := a.settings.Validate(); err != nil {
		return nil, err
	}
	if err := Check(a.file, a.settings.JWT); err != nil {
		return nil, err
	}
	a.opts.Stderr = &oneByOne{to: o.Stderr}
	a.log = newLogger(a.opts.Stderr, a.settings)
	opened := a // a return without an app makes a nil
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.Close())
		}
	}()
	// First, so that a port that is taken leaves no data directory behind.
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	return a, a.join(ctx)
}

func (a *App) listen(ctx context.Context) (err error) {
	a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", a.settings.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s (--listen, SWITCHGEAR_LISTEN or server.listen): %w", a.settings.Listen, err)
	}
	a.cleanUps.Push("listener", func(context.Context) error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// join opens the store and puts manager and server over it.
func (a *App) join(ctx context.Context) (err error) {
	if a.auth, err = a.authenticator(); err != nil { // before anything is made that stays
		return err
	}
	// Closed last: what happened to the end is sent then, and delays nothing else.
	registry := prometheus.NewRegistry()
	telemetry, err := startTelemetry(ctx, a.log, registry, a.opts.Version.Version)
	if err != nil {
		return err
	}
	a.cleanUps.Push("telemetry", telemetry.Close)
	if err := a.joinOthers(); err != nil {
		return err
	}
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	a.store = store
	a.cleanUps.Push("store", func(context.Context) error { return store.Close() })
	if err := a.firstToken(ctx, store); err != nil {
		return err
	}
	// Who declares a check over the API may not reach all that the file may.
	api, err := probe.NewTargets(a.settings.AllowedTargets, false)
	if err != nil {
		return err
	}
	file, err := probe.NewTargets(a.settings.AllowedTargets, true)
	if err != nil {
		return err
	}
	deps := fleet.Deps{
		Store: store, Logger: a.log, OnTokens: a.knowTokens, AdmitCheck: api.Check,
		NewProbe: func(hc config.HealthCheck, by fleet.Source) (fleet.Probe, error) {
			targets := api
			if by == fleet.SourceFile {
				targets = file
			}
			return probe.New(hc, probe.Options{Version: a.opts.Version.Version, Control: targets.Control, Inject: telemetry.inject})
		},
		AroundCheck: telemetry.aroundCheck,
	}
	cfg := fleet.Config{
		MaxServices: a.settings.MaxServices, MaxAgents: a.settings.Limits.Agents, MaxAgentServices: a.settings.Limits.ServicesPerAgent,
		ForgetInstances: a.settings.ForgetInstances, Quorums: a.file.Quorums,
	}
	if n := a.node; n != nil {
		deps.OnRole, deps.Bus = n.onRole, n.bus
		cfg.Node = fleet.Node{ID: n.id, Address: n.address, LeaseTTL: a.settings.Lease}
	}
	if a.manager, err = fleet.New(ctx, deps, cfg); err != nil {
		return err
	}
	a.cleanUps.Push("manager", func(context.Context) error {
		a.manager.Close()
		return nil
	})
	a.reachReceivers(file)
	if err := a.startWatchers(ctx); err != nil {
		return err
	}
	with := server.Deps{Manager: a.manager, Auth: a.auth, Logger: a.log, Registry: registry, Tracer: telemetry.tracer}
	if n := a.node; n != nil {
		n.manager = a.manager
		with.Cluster, with.ClusterInfo = n, n.info
	}
	a.server, err = server.New(with, server.Config{
		AllowedOrigins:    a.settings.AllowedOrigins,
		MessagesPerMinute: a.settings.Limits.MessagesPerMinute, SocketsPerIdentity: a.settings.Limits.SocketsPerIdentity,
		MaxAgents: a.settings.Limits.Agents, ServicesPerAgent: a.settings.Limits.ServicesPerAgent,
		Durations: metrics.Grouping(a.settings.MetricsDurations), Version: a.opts.Version,
	})
	if err == nil {
		a.show(a.watchers)
	}
	return err
}

// startWatchers makes those of a manager alone; else they come with the lead, and
// it is only tried whether they can be.
func (a *App) startWatchers(ctx context.Context) error {
	if a.node != nil {
		_, closing, err := a.alertConfig(&a.file.Alerts)
		return errors.Join(err, closing.all(ctx))
	}
	w, err := a.newWatchers(ctx)
	if err != nil {
		return err
	}
	a.watchers = w
	a.cleanUps.Push("alerts and series", func(ctx context.Context) error { return w.close(ctx) })
	return nil
}

// Manager is the process's manager. It does what it is asked once Run runs.
func (a *App) Manager() *fleet.Manager { return a.manager }

// URL is where the process listens.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }

// Close undoes New.
func (a *App) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return a.cleanUps.Close(ctx)
}

// Run serves until ctx ends: then it lets requests and sockets end, stops the
// health checks, writes what is not written, and returns nil. It also ends, with
// an error, when the store has failed for good: a new process, which a supervisor
// starts, finds out what is left of it.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = a.Close() }() // the store's own error is the manager's to tell
	// The manager outlives the server, whose last requests need it.
	managing, stopManaging := context.WithCancel(context.WithoutCancel(ctx))
	defer stopManaging()
	var manager errgroup.Group
	manager.Go(func() error { return a.manager.Run(managing) })
	if a.node == nil {
		a.watchers.run(ctx)
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	var failing sync.WaitGroup
	failing.Go(func() {
		select {
		case <-a.store.Failed():
			stop()
		case <-serving.Done():
		}
	})
	err := a.serve(serving)
	if ctx.Err() == nil { // it was not told to stop
		err = errors.Join(err, a.store.Failure())
	}
	stop()
	failing.Wait()
	// The alerts end before the manager, which stores them, and the recorder
	// behind it, for it keeps the last statistics.
	w := a.watchers
	if w != nil {
		err = errors.Join(err, w.endAlerts())
	}
	stopManaging()
	err = errors.Join(err, manager.Wait())
	if w != nil {
		if lost := w.endSeries(); lost != nil {
			a.log.WarnContext(ctx, "the last of the series is lost", slog.Any("error", lost))
		}
		if a.node != nil {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			err = errors.Join(err, w.close(closing))
		}
	}
	return err
}

func (a *App) serve(ctx context.Context) error {
	if a.node == nil { // else with the lead
		if err := a.applyFile(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // told to stop before it listened: that is no failure
			}
			return err
		}
		a.warn(ctx, a.file)
	}
	if a.node != nil {
		a.settle(ctx)
	}
	if _, err := fmt.Fprintf(a.opts.Stdout, "listening on %s\n", a.URL()); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	var reloading sync.WaitGroup
	reloading.Go(func() { a.keepUp(serving) })
	defer func() {
		stop()
		reloading.Wait()
	}()
	return a.server.Serve(ctx, a.listener)
}

// applyFile puts the services of the config file in force. Where there is none,
// those that an earlier start took from one stay: to forget a flag takes nothing
// out.
func (a *App) applyFile(ctx context.Context) error {
	if a.opts.ConfigPath != "" {
		return a.manager.ApplyFile(ctx, a.file.Services)
	}
	kept, err := a.manager.KeepFile(ctx)
	if len(kept) > 0 && err == nil {
		a.log.WarnContext(ctx, "there is no config file: the services of the last one stay as they are; "+
			"a file without them, or DELETE /api/v2/services/{service}, takes them out", slog.Any("services", kept))
	}
	return err
}

// Serve is New and Run.
func Serve(ctx context.Context, o Options) error {
	a, err := New(ctx, o)
	if errors.Is(err, errStopped) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.Run(ctx)
}
