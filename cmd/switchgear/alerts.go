package main

import (
	"context"
	"fmt"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

type alertsCmd struct {
	List  alertsListCmd  `cmd:"" default:"withargs" help:"List the alerts, newest first."`
	Ack   alertsAckCmd   `cmd:"" help:"Say that you have seen an alert, and all of its incident: it is not told again."`
	Unack alertsUnackCmd `cmd:"" help:"Take that back, whoever said it: the incident is repeated again."`
}

type alertsListCmd struct {
	target `embed:"" group:"target"`

	Service  string `placeholder:"NAME" help:"Only those of this service."`
	Incident string `placeholder:"ID" help:"Only those of this incident."`
	Status   string `enum:"firing,resolved,all" default:"firing" placeholder:"STATUS" help:"firing (the default), resolved or all."`
	Limit    int    `default:"50" placeholder:"N" help:"The newest so many (default ${default}); 0: all."`
}

// Validate says which flags cannot be.
func (c *alertsListCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d is negative", c.Limit)
	}
	return nil
}

// Run lists the alerts.
func (c *alertsListCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	query := client.AlertQuery{Service: c.Service, Incident: c.Incident}
	if c.Status != "all" {
		query.Status = c.Status
	}
	alerts, next, err := collect(c.Limit, func(page client.Page) ([]wire.Alert, *string, error) {
		query.Page = page
		got, err := manager.Alerts(ctx, query)
		return got.Alerts, got.NextCursor, err
	})
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(wire.Alerts{Alerts: alerts, NextCursor: next})
	case len(alerts) == 0:
		_, err := fmt.Fprintln(p.stdout, "no alerts")
		return err
	}
	rows := make([][]string, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		rows[i] = []string{
			a.ID, a.Incident, a.Severity, alertStatus(a), p.firing(a), a.Service, words(a.Kind), orNone(deref(a.Root)),
			orNone(deref(a.AcknowledgedBy)), a.Summary,
		}
	}
	return p.printTable([]string{"ID", "INCIDENT", "SEVERITY", "STATUS", "SINCE", "SERVICE", "KIND", "ROOT", "SEEN BY", "SUMMARY"}, rows)
}

// firing is since when, or how long.
func (p *process) firing(a *wire.Alert) string {
	if a.EndsAt.IsZero() {
		return p.when(a.StartsAt.Time)
	}
	return date(a.StartsAt.Time) + ", for " + duration(a.EndsAt.Sub(a.StartsAt.Time))
}

// alertStatus is whether an alert fires, and whether anybody is told of it.
func alertStatus(a *wire.Alert) string {
	if a.Status == "firing" && len(a.SilencedBy) > 0 {
		return "silenced"
	}
	return a.Status
}
