package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/server"
)

// watchers are what a manager that leads has beside it: what keeps how services
// were, and what watches for alerts. A manager alone has them from its start to
// its end.
type watchers struct {
	series         *series.Recorder
	alerts         *alert.Engine
	closeReceivers closers

	recording, alerting         errgroup.Group
	stopRecording, stopAlerting context.CancelFunc
}

// newWatchers makes those of the config file as it is now. They see from now on
// what the manager tells.
func (a *App) newWatchers(ctx context.Context) (_ *watchers, err error) {
	w := &watchers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(ctx))
		}
	}()
	cfg, closing, err := a.alertConfig(&a.file.Alerts)
	if err != nil {
		return nil, err
	}
	w.closeReceivers = closing
	w.series, err = series.New(series.Deps{Manager: a.manager, Store: a.store, Logger: a.log}, series.Config{Keep: series.Keep(a.settings.Series)})
	if err != nil {
		return nil, err
	}
	w.alerts, err = alert.New(ctx, alert.Deps{Manager: a.manager, Store: a.store, Logger: a.log}, cfg)
	return w, err
}

// run begins what they do.
func (w *watchers) run(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	recording, stopRecording := context.WithCancel(ctx)
	alerting, stopAlerting := context.WithCancel(ctx)
	w.stopRecording, w.stopAlerting = stopRecording, stopAlerting
	w.recording.Go(func() error { return w.series.Run(recording) })
	w.alerting.Go(func() error { return w.alerts.Run(alerting) })
}

// endAlerts is before the manager ends, which stores them.
func (w *watchers) endAlerts() error {
	w.stopAlerting()
	return w.alerting.Wait()
}

// endSeries is behind the end of the manager, whose last statistics are kept. The
// error is of a store that works: else it has said so itself.
func (w *watchers) endSeries() error {
	w.stopRecording()
	return w.recording.Wait()
}

func (w *watchers) close(ctx context.Context) error {
	if w.alerts != nil {
		w.alerts.Close()
	}
	if w.series != nil {
		w.series.Close()
	}
	return w.closeReceivers.all(ctx)
}

// show has the server answer from them; nil: from none.
func (a *App) show(w *watchers) {
	a.watchers = w
	if w == nil {
		a.server.SetWatchers(server.Watchers{})
		return
	}
	a.server.SetWatchers(server.Watchers{Series: w.series, Alerts: w.alerts})
}

// takeRole does what a change of the manager's role asks for. The error is of a
// lead that could not be taken up yet, to be tried again.
func (a *App) takeRole(ctx context.Context) error {
	for _, change := range a.node.latest() {
		if change.Role == fleet.Leading {
			continue // as it is now counts
		}
		a.endLead(ctx)
		a.orphans = append(a.orphans, change.Orphans...)
	}
	if !a.node.Leading() || a.watchers != nil {
		return a.handOn(ctx)
	}
	w, err := a.newWatchers(ctx)
	if err != nil {
		return err
	}
	w.run(ctx)
	a.show(w)
	if err := a.applyFile(ctx); err != nil {
		a.endLead(ctx)
		return err
	}
	a.warn(ctx, a.file)
	return a.handOn(ctx)
}

// settleTimeout is how long it is waited at the start for a leader.
const settleTimeout = 5 * time.Second

// settle waits until this node leads, with all that goes with it, or another does:
// so whoever is told that it listens can give it orders. Where none comes to lead
// it serves what it knows.
func (a *App) settle(ctx context.Context) {
	end := time.NewTimer(settleTimeout)
	defer end.Stop()
	for a.watchers == nil {
		if l := a.manager.Leader(); l.Sure && l.Holder != a.node.id {
			return
		}
		another := a.manager.AnotherLeader()
		select {
		case <-a.node.told:
			if err := a.takeRole(ctx); err != nil {
				a.node.onAgain()
				return // keepUp tries again
			}
		case <-another:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// endLead ends what a leader has beside it.
func (a *App) endLead(ctx context.Context) {
	w := a.watchers
	if w == nil {
		return
	}
	a.show(nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := errors.Join(w.endAlerts(), w.endSeries(), w.close(ctx)); err != nil {
		a.log.WarnContext(ctx, "what a leader has beside it did not end well", slog.Any("error", err))
	}
}

// handOn has the orders carried out that were acknowledged here and are in force
// nowhere any more: by the leader, which this one may be again.
func (a *App) handOn(ctx context.Context) error {
	for ; len(a.orphans) > 0; a.orphans = a.orphans[1:] {
		o := &a.orphans[0]
		about := []slog.Attr{slog.String("service", o.Service), slog.String("mode", o.Mode), slog.String("by", o.By.Name)}
		err := a.carryOut(ctx, o)
		switch {
		case err == nil:
			a.log.LogAttrs(ctx, slog.LevelInfo, "an override that was acknowledged while the store was away is in force again", about...)
		case fleet.KindOf(err) == fleet.Unavailable || fleet.KindOf(err) == fleet.NotLeader:
			return err
		default:
			a.log.LogAttrs(ctx, slog.LevelError, "an override that was acknowledged while the store was away is lost", append(about, slog.Any("error", err))...)
		}
	}
	return nil
}

// carryOut orders what an orphan was, unless somebody has ordered something else
// since.
func (a *App) carryOut(ctx context.Context, o *fleet.Orphan) error {
	newer, err := a.manager.Events(ctx, fleet.EventQuery{Service: o.Service, Kinds: []fleet.EventKind{fleet.EventOverride}, Since: o.At, Limit: 1})
	if err != nil || len(newer) > 0 {
		return err
	}
	if !a.node.Leading() {
		return a.server.HandOn(ctx, o)
	}
	if o.Mode == "" {
		_, err := a.manager.EndOverride(ctx, o.Service, o.By)
		return err
	}
	mode := switchgear.ForcedOpen
	if o.Mode == switchgear.ForcedClosed.String() {
		mode = switchgear.ForcedClosed
	}
	left := time.Until(o.Until)
	if left <= 0 {
		return nil // it is over
	}
	_, err = a.manager.Override(ctx, o.Service, mode, left, o.By)
	return err
}
