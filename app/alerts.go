package app

import (
	"cmp"
	"context"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// watchForAlerts makes the engine of alerts.
func (a *App) watchForAlerts(ctx context.Context, store fleet.AlertStore) error {
	cfg, err := a.alertConfig(&a.file.Alerts)
	if err != nil {
		return err
	}
	a.alerts, err = alert.New(ctx, alert.Deps{Manager: a.manager, Store: store, Logger: a.log}, cfg)
	if err != nil {
		return err
	}
	a.cleanUps.Push("alerts", func(context.Context) error {
		a.alerts.Close()
		return nil
	})
	return nil
}

// alertConfig is how the file has alerts found and sent.
func (a *App) alertConfig(file *config.Alerts) (alert.Config, error) {
	return alert.Config{
		Rules: file.Rules, GroupWait: file.GroupWait, ResolveAfter: file.ResolveAfter, RepeatInterval: file.RepeatInterval,
		Link: cmp.Or(a.settings.PublicURL, a.URL()),
	}, nil
}

// applyAlerts puts a section of alerts in force that was read again. One that is
// refused changes nothing.
func (a *App) applyAlerts(file *config.Alerts) error {
	cfg, err := a.alertConfig(file)
	if err != nil {
		return err
	}
	return a.alerts.Configure(cfg)
}
