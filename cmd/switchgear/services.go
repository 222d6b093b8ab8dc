package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

type servicesCmd struct {
	target `embed:"" group:"target"`

	Status string `placeholder:"STATUS" help:"Only those that are circuit_open, unknown, unhealthy, degraded or healthy."`
	Layer  string `placeholder:"LAYER" help:"Only those of this layer."`
	Q      string `name:"q" placeholder:"TEXT" help:"Only those with the text in their name or description."`
}

var statuses = []string{"circuit_open", "unknown", "unhealthy", "degraded", "healthy"}

// Validate says which flags cannot be.
func (c *servicesCmd) Validate() error { return oneOf("--status", c.Status, statuses) }

// oneOf refuses a flag with a word, of those between commas, that is not known.
func oneOf(flag, value string, known []string) error {
	for word := range strings.SplitSeq(value, ",") {
		if value != "" && !slices.Contains(known, word) {
			return fmt.Errorf("%s: %q is not one of %s", flag, word, strings.Join(known, ", "))
		}
	}
	return nil
}

// Run lists the services.
func (c *servicesCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	query := client.ServiceQuery{Status: c.Status, Layer: c.Layer, Q: c.Q}
	services, next, err := collect(0, func(page client.Page) ([]wire.Entry, *string, error) {
		query.Page = page
		got, err := manager.Services(ctx, query)
		return got.Services, got.NextCursor, err
	})
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(wire.Services{Services: services, NextCursor: next})
	}
	rows := make([][]string, len(services))
	for i, e := range services {
		b := &e.CircuitBreaker
		rows[i] = []string{
			e.Service, words(e.Status), circuit(b), count(b.Failures), count(e.Operations.Total), count(e.Operations.Failed),
			count(e.Operations.Rejected), ms(e.Performance.P95OperationTimeMs), p.next(b), p.since(b),
		}
	}
	header := []string{"SERVICE", "STATUS", "CIRCUIT", "FAILURES", "OPERATIONS", "FAILED", "REJECTED", "P95", "NEXT", "SINCE"}
	return p.printTable(header, rows)
}

// largestPage is as many as are asked for at once.
const largestPage = 500

// collect reads pages until the limit, or the end of the list where it is 0.
// The items are not nil, and next is where the list would go on.
func collect[T any](limit int, read func(client.Page) ([]T, *string, error)) (items []T, next *string, err error) {
	items = []T{}
	var page client.Page
	for {
		page.Limit = largestPage
		if limit > 0 {
			page.Limit = min(largestPage, limit-len(items))
		}
		more, next, err := read(page)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, more...)
		if next == nil || *next == page.Cursor || limit > 0 && len(items) >= limit {
			return items, next, nil
		}
		page.Cursor = *next
	}
}

// circuit is a breaker's state in words.
func circuit(b *wire.CircuitBreaker) string {
	switch {
	case b.Override != nil:
		return words(b.Override.Mode)
	case b.Mode != "auto":
		return words(b.Mode)
	case b.State == "half_open" && b.AwaitsHealthCheck:
		return "half-open, awaits its check"
	case b.State == "half_open" && b.AdmittedShare > 0:
		return fmt.Sprintf("half-open, %.0f %%", 100*b.AdmittedShare)
	}
	return words(b.State)
}

// next is what will happen by the clock.
func (p *process) next(b *wire.CircuitBreaker) string {
	switch {
	case b.Override != nil:
		return "ends " + p.when(b.Override.ExpiresAt.Time)
	case b.Mode != "auto":
		return none
	case b.State == "open":
		if b.NextAttemptAt.Before(p.now()) { // nobody has asked since
			return "attempt due"
		}
		return "attempt " + p.when(b.NextAttemptAt.Time)
	case !b.ClosesAt.IsZero():
		return "closes " + p.when(b.ClosesAt.Time)
	}
	return none
}

type getCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
}

// Run shows a service.
func (c *getCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	e, err := manager.Service(ctx, c.Service)
	if err != nil {
		return err
	}
	return p.printEntry(c.output, &e)
}

func (p *process) printEntry(o output, e *wire.Entry) error {
	if o.Output == "json" {
		return p.printJSON(e)
	}
	b, ops := &e.CircuitBreaker, &e.Operations
	rows := [][]string{
		{"service", e.Service},
		{"status", words(e.Status)},
		{"circuit", circuit(b)},
		{"details", orNone(b.Details)},
		{"next", p.next(b)},
		{"failures", fmt.Sprintf("%d in the window, %d in a row", b.Failures, b.ConsecutiveFailures)},
		{"last failure", p.lastFailure(b)},
		{"last success", p.when(b.LastSuccess.Time)},
	}
	rows = append(rows, p.trouble(b)...)
	rows = append(rows, [][]string{
		{"operations", fmt.Sprintf("%d: %d successful, %d failed; %d rejected, %d ignored",
			ops.Total, ops.Successful, ops.Failed, ops.Rejected, ops.Ignored)},
		{"duration", durations(&e.Performance)},
		{"health", p.health(&e.Health)},
		{"layer", orNone(e.Layer)},
		{"description", orNone(e.Description)},
		{"depends on", orNone(strings.Join(e.Dependencies, ", "))},
		{"config", configLine(e)},
	}...)
	if e.Source == "agent" {
		rows = append(rows, []string{"instances", instancesLine(e.Instances)})
	}
	return printColumns(p.stdout, rows)
}

// trouble is what there is to say of a circuit that is not closed.
func (p *process) trouble(b *wire.CircuitBreaker) [][]string {
	var rows [][]string
	o := b.Outage
	if o != nil {
		since := p.when(o.BeganAt.Time)
		if again := failedAgain(o); again != "" {
			since += "; " + again
		}
		rows = append(rows, []string{"since", since}, []string{"because", reason(o.Rule, o.Failures, o.Successes, o.LastError)})
	} else if !b.OpenedAt.IsZero() { // of a manager that tells the latest opening only
		rows = append(rows, []string{"opened", p.when(b.OpenedAt.Time)})
	}
	switch t := b.Trip; {
	case t == nil:
	case o == nil:
		rows = append(rows, []string{"because", reason(t.Rule, t.Failures, t.Successes, t.LastError)})
	case o.Openings > 1:
		rows = append(rows, []string{"latest", p.when(b.OpenedAt.Time) + ": " + reason(t.Rule, t.Failures, t.Successes, t.LastError)})
	}
	if b.RecoveryAttempts > 0 {
		rows = append(rows, []string{"recovery", fmt.Sprintf("attempt %d, %s", b.RecoveryAttempts, p.when(b.LastRecoveryAttempt.Time))})
	}
	return rows
}

// reason is why a circuit opened.
func reason(rule string, failures, successes uint64, lastError *string) string {
	text := words(rule)
	if rule != "slow_calls" { // how many were slow is in the details
		text += fmt.Sprintf(": %d failed, %d succeeded", failures, successes)
	}
	if lastError != nil {
		text += "; " + *lastError
	}
	return text
}

// failedAgain is how often a recovery has failed since the outage began; "" for
// never.
func failedAgain(o *wire.Outage) string {
	switch n := o.Openings - 1; {
	case n == 1:
		return "1 recovery failed"
	case n > 1:
		return fmt.Sprintf("%d recoveries failed", n)
	}
	return ""
}

// since is since when a circuit is not closed, and why, in the cell of a table.
func (p *process) since(b *wire.CircuitBreaker) string {
	switch o := b.Outage; {
	case o != nil:
		text := p.when(o.BeganAt.Time) + ": " + words(o.Rule)
		if again := failedAgain(o); again != "" {
			text += ", " + again
		}
		return text
	case b.State != "closed" && b.Trip != nil:
		return p.when(b.OpenedAt.Time) + ": " + words(b.Trip.Rule)
	}
	return none
}

func (p *process) lastFailure(b *wire.CircuitBreaker) string {
	text := p.when(b.LastFailure.Time)
	if b.LastError != nil {
		text += ": " + *b.LastError
	}
	return text
}

func durations(v *wire.Performance) string {
	if *v == (wire.Performance{}) {
		return none
	}
	return fmt.Sprintf("mean %s; half below %s, 95 %% below %s, 99 %% below %s; the last %s", ms(v.AverageOperationTimeMs),
		ms(v.P50OperationTimeMs), ms(v.P95OperationTimeMs), ms(v.P99OperationTimeMs), ms(v.LastOperationTimeMs))
}

func (p *process) health(h *wire.Health) string {
	switch {
	case h.Healthy == nil:
		return "not checked"
	case *h.Healthy:
		return fmt.Sprintf("healthy, checked %s, took %s", p.when(h.CheckedAt.Time), ms(h.DurationMs))
	}
	return fmt.Sprintf("unhealthy, checked %s, %d in a row: %s", p.when(h.CheckedAt.Time), h.ConsecutiveFailures, orNone(deref(h.Error)))
}

func configLine(e *wire.Entry) string {
	text := fmt.Sprintf("version %d", e.ConfigVersion)
	if e.ConfigDiffersFromFile {
		text += ", not what the config file says"
	}
	return text
}
