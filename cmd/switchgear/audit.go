package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

type auditCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" optional:"" name:"name" help:"Only what concerns this service."`
	Actor   string `placeholder:"NAME" help:"Only what this one did."`
	Action  string `placeholder:"ACTION" help:"Only this: register, declare, remove, config, reset, override, end override, create token, revoke token, health check, report, log in, log out, open stream and others that the log shows."`
	Since   moment `placeholder:"TIME" help:"Only since then: 90m (ago), or 2026-11-23T08:00:00Z."`
	Until   moment `placeholder:"TIME" help:"Only until then."`
	Limit   int    `default:"50" placeholder:"N" help:"The newest so many (default ${default}); 0: all."`
}

// Validate says which flags cannot be.
func (c *auditCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d is negative", c.Limit)
	}
	return nil
}

// Run shows the audit log.
func (c *auditCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	now := p.now()
	query := client.AuditQuery{Service: c.Service, Actor: c.Actor, Action: c.Action, Since: c.Since.time(now), Until: c.Until.time(now)}
	entries, next, err := collect(c.Limit, func(page client.Page) ([]wire.AuditEntry, *string, error) {
		query.Page = page
		got, err := manager.Audit(ctx, query)
		return got.Audit, got.NextCursor, err
	})
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(wire.Audit{Audit: entries, NextCursor: next})
	}
	rows := make([][]string, len(entries))
	for i, e := range entries {
		rows[i] = []string{
			date(e.At.Time), orNone(e.Actor), orNone(e.Address), e.Action, orNone(deref(e.Service)), orNone(e.Result), orNone(detailsOf(e.Details)), orNone(deref(e.Reason)),
		}
	}
	return p.printTable([]string{"AT", "ACTOR", "FROM", "ACTION", "SERVICE", "RESULT", "DETAILS", "WHY"}, rows)
}

// detailsOf is what else is known of what was done, on one line.
func detailsOf(raw json.RawMessage) string {
	var all map[string]any
	if json.Unmarshal(raw, &all) != nil {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if value := all[name]; value != nil {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	return strings.Join(parts, " ")
}
