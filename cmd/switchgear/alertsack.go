package main

import (
	"context"
	"fmt"

	"github.com/degenduel/switchgear/wire"
)

type alertsAckCmd struct {
	target `embed:"" group:"target"`

	ID     string `arg:"" name:"id" help:"Its ID, as the list has it."`
	Reason string `placeholder:"TEXT" help:"What you do about it, for the audit log."`
}

// Run acknowledges an alert.
func (c *alertsAckCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	a, err := manager.AcknowledgeAlert(ctx, c.ID, c.Reason)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(a)
	case a.Newly == 0 && a.AcknowledgedBy != nil:
		_, err := fmt.Fprintf(p.stdout, "already acknowledged by %s at %s\n", plain(*a.AcknowledgedBy), date(a.AcknowledgedAt.Time))
		return err
	}
	return printColumns(p.stdout, append(aboutAlert(&a.Alert), []string{"newly seen", plural(a.Newly, "alert")}))
}

type alertsUnackCmd struct {
	target `embed:"" group:"target"`

	ID     string `arg:"" name:"id" help:"Its ID, as the list has it."`
	Reason string `placeholder:"TEXT" help:"Why, for the audit log."`
}

// Run takes an acknowledgement back.
func (c *alertsUnackCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	a, err := manager.UnacknowledgeAlert(ctx, c.ID, c.Reason)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(a)
	}
	return printColumns(p.stdout, aboutAlert(&a))
}

// aboutAlert is what an order was about, and who has seen that.
func aboutAlert(a *wire.Alert) [][]string {
	by := orNone(deref(a.AcknowledgedBy))
	if a.AcknowledgedBy != nil {
		by += " at " + date(a.AcknowledgedAt.Time)
	}
	return [][]string{
		{"service", a.Service}, {"alert", words(a.Kind)}, {"incident", a.Incident}, {"seen by", by}, {"summary", a.Summary},
	}
}
