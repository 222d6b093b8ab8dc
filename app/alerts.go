package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/alert/alertmanager"
	"github.com/degenduel/switchgear/alert/notify"
	"github.com/degenduel/switchgear/alert/webhook"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/probe"
)

// reachReceivers makes the client that receivers of alerts are reached with.
// targets are what the config file may name.
func (a *App) reachReceivers(targets probe.Targets) {
	a.alertClient = alert.NewClient(targets.Control)
	if a.opts.Guard != nil {
		a.opts.Guard(a.alertClient)
	}
	a.cleanUps.Push("alerts", func(context.Context) error {
		a.alertClient.CloseIdleConnections()
		return nil
	})
}

// closers are what of the receivers has to be waited for.
type closers []func(context.Context) error

func (c closers) all(ctx context.Context) error {
	var errs []error
	for _, closeOne := range c {
		errs = append(errs, closeOne(ctx))
	}
	return errors.Join(errs...)
}

// nextAlerts makes ready a section of alerts that was read again, and returns what
// puts it in force. The error names the receiver that cannot be.
func (a *App) nextAlerts(file *config.Alerts) (put func(context.Context) error, err error) {
	cfg, closing, err := a.alertConfig(file)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		before := closing // a node that follows sends nothing, and has only tried whether it could
		if w := a.watchers; w != nil {
			if err := w.alerts.Configure(cfg); err != nil {
				return err
			}
			before, w.closeReceivers = w.closeReceivers, closing
		}
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		if err := before.all(ctx); err != nil {
			a.log.WarnContext(ctx, "a receiver that is there no more does not end", slog.Any("error", err))
		}
		return nil
	}, nil
}

// alertConfig is how the file has alerts found and sent.
func (a *App) alertConfig(file *config.Alerts) (alert.Config, closers, error) {
	c := alert.Config{
		Rules: file.Rules, GroupWait: file.GroupWait, ResolveAfter: file.ResolveAfter, RepeatInterval: file.RepeatInterval,
		Link: cmp.Or(a.settings.PublicURL, a.URL()),
	}
	var closing closers
	for i := range file.Receivers {
		r := &file.Receivers[i]
		t := alert.Target{Name: r.Name, Kind: r.Kind(), SendResolved: r.SendResolved}
		for _, m := range r.Routes {
			t.Routes = append(t.Routes, fleet.Matcher(m))
		}
		closeOne, err := a.receiver(&t, r)
		if err != nil {
			return alert.Config{}, nil, fmt.Errorf("alerts.receivers.%s: %w", r.Name, err)
		}
		if closeOne != nil {
			closing = append(closing, closeOne)
		}
		c.Receivers = append(c.Receivers, t)
	}
	return c, closing, nil
}

// receiver makes what the target sends by; nil: nothing of it has to be waited
// for.
func (a *App) receiver(t *alert.Target, r *config.AlertReceiver) (func(context.Context) error, error) {
	switch {
	case r.Webhook != nil:
		secret, err := r.Webhook.Key()
		if err != nil {
			return nil, err
		}
		t.Receiver, err = webhook.New(webhook.Options{URL: r.Webhook.URL, Secret: secret, Timeout: r.Webhook.Timeout, Client: a.alertClient})
		return nil, err
	case r.Alertmanager != nil:
		var err error
		t.Mirror, err = alertmanager.New(alertmanager.Options{
			URL: r.Alertmanager.URL, Client: a.alertClient, Link: cmp.Or(a.settings.PublicURL, a.URL()), Layer: a.layer,
		})
		return nil, err
	}
	address, err := r.Notify.Address()
	if err != nil {
		return nil, err
	}
	n, err := notify.New(notify.Options{URL: address})
	if err != nil {
		return nil, err
	}
	t.Receiver = n
	return n.Close, nil
}

// layer is that of a service; empty where it is not there.
func (a *App) layer(service string) string {
	v, err := a.manager.Service(service)
	if err != nil {
		return ""
	}
	return v.Layer
}
