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

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/lifecycle"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/probe"
	"github.com/degenduel/switchgear/series"
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
	opts           Options
	settings       config.Settings
	store          store
	file           *config.File
	watch          *fileWatch
	log            *slog.Logger
	auth           *server.Authenticator
	manager        *fleet.Manager
	series         *series.Recorder
	alerts         *alert.Engine
	alertClient    *http.Client
	closeReceivers closers
	server         *server.Server
	listener       net.Listener
	cleanUps       lifecycle.Stack
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
	a.log = newLogger(o.Stderr, a.settings)
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
	a.manager, err = fleet.New(ctx, fleet.Deps{
		Store: store, Logger: a.log, OnTokens: a.knowTokens, AdmitCheck: api.Check,
		NewProbe: func(hc config.HealthCheck, by fleet.Source) (fleet.Probe, error) {
			targets := api
			if by == fleet.SourceFile {
				targets = file
			}
			return probe.New(hc, probe.Options{Version: a.opts.Version.Version, Control: targets.Control, Inject: telemetry.inject})
		},
		AroundCheck: telemetry.aroundCheck,
	}, fleet.Config{
		MaxServices: a.settings.MaxServices, MaxAgents: a.settings.Limits.Agents, MaxAgentServices: a.settings.Limits.ServicesPerAgent,
		ForgetInstances: a.settings.ForgetInstances,
	})
	if err != nil {
		return err
	}
	a.cleanUps.Push("manager", func(context.Context) error {
		a.manager.Close()
		return nil
	})
	a.series, err = series.New(series.Deps{Manager: a.manager, Store: store, Logger: a.log}, series.Config{Keep: series.Keep(a.settings.Series)})
	if err != nil {
		return err
	}
	a.cleanUps.Push("series", func(context.Context) error {
		a.series.Close()
		return nil
	})
	if err := a.watchForAlerts(ctx, store, file); err != nil {
		return err
	}
	a.server, err = server.New(server.Deps{
		Manager: a.manager, Auth: a.auth, Series: a.series, Alerts: a.alerts, Logger: a.log, Registry: registry, Tracer: telemetry.tracer,
	}, server.Config{
		AllowedOrigins:    a.settings.AllowedOrigins,
		MessagesPerMinute: a.settings.Limits.MessagesPerMinute, SocketsPerIdentity: a.settings.Limits.SocketsPerIdentity,
		MaxAgents: a.settings.Limits.Agents, ServicesPerAgent: a.settings.Limits.ServicesPerAgent,
		Durations: metrics.Grouping(a.settings.MetricsDurations), Version: a.opts.Version,
	})
	return err
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
	// The recorder outlives the manager, whose last statistics it keeps.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	var recorder errgroup.Group
	recorder.Go(func() error { return a.series.Run(recording) })
	// The alerts end before the manager, which stores them.
	alerting, stopAlerting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAlerting()
	var alerts errgroup.Group
	alerts.Go(func() error { return a.alerts.Run(alerting) })
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
	stopAlerting()
	err = errors.Join(err, alerts.Wait())
	stopManaging()
	err = errors.Join(err, manager.Wait())
	stopRecording()
	if lost := recorder.Wait(); lost != nil { // of a store that works: else it has said so itself
		a.log.WarnContext(ctx, "the last of the series is lost", slog.Any("error", lost))
	}
	return err
}

func (a *App) serve(ctx context.Context) error {
	if err := a.applyFile(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it listened: that is no failure
		}
		return err
	}
	a.warn(ctx, a.file)
	if b := a.settings.Bus; b.NATSURL != "" || b.NATSURLFile != "" {
		a.log.WarnContext(ctx, "a NATS server is set, and nobody is asked there: in this release a manager runs alone",
			slog.String("setting", "bus.natsUrl"))
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
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

func newLogger(w io.Writer, s config.Settings) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // validated
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
