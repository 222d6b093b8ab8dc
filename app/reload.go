package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"time"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// watchInterval is how often the config file is looked at. A file is taken when
// it has stood still for one interval, so that it is not read half written.
const watchInterval = time.Second

// retryInterval is when a file is tried again that the store could not take.
const retryInterval = 10 * time.Second

// roleInterval is when it is tried again to do what a role asks for.
const roleInterval = time.Second

// keepUp puts the config file in force whenever it changes or somebody asks for
// it, and does what a change of role asks for, until ctx ends.
func (a *App) keepUp(ctx context.Context) {
	var look, retry, again <-chan time.Time
	var roles <-chan struct{}
	if a.node != nil {
		roles = a.node.told
	}
	role := func() {
		again = nil
		if err := a.takeRole(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "what goes with the role of this node is not done yet", slog.Any("error", err))
			again = time.After(roleInterval)
		}
	}
	reload := func() {
		retry = nil
		if err := a.reload(ctx); fleet.KindOf(err) == fleet.Unavailable && err != nil {
			retry = time.After(retryInterval)
		}
	}
	if a.opts.ConfigPath != "" {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.opts.Reload:
			reload()
		case <-retry:
			reload()
		case <-roles:
			role()
		case <-again:
			role()
		case <-look:
			if a.watch.changed() {
				reload()
			}
		}
	}
}

// errNoServices is of a file that is empty when it is read again: more likely
// it is just being written.
var errNoServices = errors.New("it has no services any more: if that is meant, start anew")

// reload reads the config file again. A file that is refused changes nothing.
func (a *App) reload(ctx context.Context) error {
	if a.opts.ConfigPath == "" {
		a.log.WarnContext(ctx, "there is no config file to read again")
		return nil
	}
	file, err := config.Load(a.opts.ConfigPath)
	switch {
	case err != nil:
	case len(file.Services) == 0 && len(a.file.Services) > 0:
		err = errNoServices
	default:
		if err = Check(file, nil); err == nil { // auth counts at the start only
			err = a.apply(ctx, file)
		}
	}
	if err != nil {
		a.log.ErrorContext(ctx, "the config file was not put in force", slog.Any("error", err))
		return err
	}
	before := a.file.Settings
	a.file = file
	a.warn(ctx, file)
	a.log.InfoContext(ctx, "the services and alerts of the config file are in force", slog.Int("services", len(file.Services)))
	if !reflect.DeepEqual(before, file.Settings) {
		a.log.WarnContext(ctx, "server, store, auth and log of the config file have changed too: they count at the next start")
	}
	return nil
}

// apply puts alerts and services of a file in force: both, or neither.
func (a *App) apply(ctx context.Context, file *config.File) error {
	putAlerts, err := a.nextAlerts(&file.Alerts)
	if err != nil {
		return err
	}
	if a.node == nil || a.node.Leading() {
		if err := a.manager.ApplyFile(ctx, file.Services); err != nil {
			return err
		}
	}
	a.manager.SetQuorums(file.Quorums)
	return putAlerts(ctx)
}

// warn logs what the lint has to say of the file.
func (a *App) warn(ctx context.Context, file *config.File) {
	for _, w := range file.Lint() {
		a.log.LogAttrs(ctx, slog.LevelWarn, "the config file has a setting that cannot work, or will hurt",
			slog.Int("line", w.Line), slog.String("field", w.Field), slog.String("warning", w.Message))
	}
}

// fileWatch notices that a file has another content. It asks and is not told:
// so it works through links, across renames and on any file system.
type fileWatch struct {
	path          string
	seen, settled stamp
	content       [sha256.Size]byte
}

// stamp is what of a file shows that it was written.
type stamp struct {
	at   time.Time
	size int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{} // it is being replaced, or will be missed when it is asked for
	}
	return stamp{info.ModTime(), info.Size()}
}

func newFileWatch(path string) *fileWatch {
	w := &fileWatch{path: path, settled: stampOf(path)}
	w.seen = w.settled
	w.content, _ = w.sum()
	return w
}

// changed reports whether the file has come to another content since it was
// asked last, and stood still since.
func (w *fileWatch) changed() bool {
	now := stampOf(w.path)
	if now == w.settled || now == (stamp{}) {
		return false
	}
	if now != w.seen {
		w.seen = now
		return false
	}
	sum, err := w.sum()
	if err != nil {
		return false
	}
	w.settled = now
	same := sum == w.content
	w.content = sum
	return !same
}

func (w *fileWatch) sum() ([sha256.Size]byte, error) {
	data, err := os.ReadFile(w.path)
	return sha256.Sum256(data), err
}
