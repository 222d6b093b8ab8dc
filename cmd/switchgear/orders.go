package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/degenduel/switchgear/internal/timespan"
	"github.com/degenduel/switchgear/wire"
)

// checkTimeout is how long a health check is waited for by default.
const checkTimeout = time.Minute

type checkCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
}

// Help is what the flags do not say.
func (*checkCmd) Help() string { return "The exit code is 1 also if the service is unhealthy." }

// Run runs a health check.
func (c *checkCmd) Run(ctx context.Context, p *process) error {
	c.Timeout = cmp.Or(c.Timeout, patience(checkTimeout))
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	r, err := manager.CheckHealth(ctx, c.Service)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = p.printJSON(r)
	} else {
		err = p.printCheck(&r)
	}
	if err == nil && !r.Healthy {
		return errReported
	}
	return err
}

func (p *process) printCheck(r *wire.HealthCheckResult) error {
	rows := [][]string{{"service", r.Service}, {"health", "healthy"}, {"took", ms(r.DurationMs)}, {"status", words(r.Status)}}
	if !r.Healthy {
		rows[1][1] = "unhealthy: " + orNone(deref(r.Error))
	}
	if b := r.CircuitBreaker; b != nil {
		rows = append(rows, []string{"circuit", circuit(b)}, []string{"next", p.next(b)})
	}
	return printColumns(p.stdout, rows)
}

type resetCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
	Reason  string `required:"" placeholder:"TEXT" help:"Why, for the history."`
	To      string `enum:"closed,half_open" default:"closed" placeholder:"STATE" help:"closed (the default): close the circuit and clear its counters. half_open: begin a recovery now."`
}

// Run resets a circuit.
func (c *resetCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	r, err := manager.Reset(ctx, c.Service, wire.ResetRequest{Reason: c.Reason, To: c.To})
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		err = p.printJSON(r)
	default:
		err = printColumns(p.stdout, [][]string{{"service", r.Service}, {"status", words(r.Status)}, {"circuit", r.Details}})
	}
	if err == nil && !r.Success {
		return errReported
	}
	return err
}

type overrideCmd struct {
	target `embed:"" group:"target"`

	Service string        `arg:"" name:"name" help:"The service."`
	Mode    string        `arg:"" optional:"" help:"forced_open: admit nothing. forced_closed: admit everything."`
	For     time.Duration `placeholder:"TIME" help:"How long it holds, such as 10m. Every override ends."`
	End     bool          `help:"End the override that holds."`
	Reason  string        `required:"" placeholder:"TEXT" help:"Why, for the history."`
}

// Help is what the flags do not say.
func (*overrideCmd) Help() string {
	return `To set an override, and to end it before its time:

    switchgear override NAME forced_open --for 10m --reason "the upstream is being moved"
    switchgear override NAME --end --reason "it has moved"

While it holds, the state below it stands still. After forced_open the circuit is half-open: it
must prove itself. After forced_closed it is closed.`
}

// Validate says which arguments cannot stand together.
func (c *overrideCmd) Validate() error {
	switch {
	case c.End && (c.Mode != "" || c.For != 0):
		return errors.New("--end stands alone with --reason")
	case c.End:
		return nil
	case c.Mode != "forced_open" && c.Mode != "forced_closed":
		return fmt.Errorf("which override? forced_open, forced_closed or --end, not %q", c.Mode)
	case c.For == 0:
		return errors.New("--for is missing: an override has an end")
	case c.For < time.Millisecond:
		return fmt.Errorf("--for: %s is no time to come", timespan.Text(c.For))
	}
	return nil
}

// Run sets or ends an override.
func (c *overrideCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	var e wire.Entry
	if c.End {
		e, err = manager.EndOverride(ctx, c.Service, c.Reason)
	} else {
		e, err = manager.Override(ctx, c.Service, wire.OverrideRequest{
			Mode: c.Mode, Reason: c.Reason, TTLMs: float64(c.For) / float64(time.Millisecond),
		})
	}
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(e)
	}
	b := &e.CircuitBreaker
	return printColumns(p.stdout, [][]string{
		{"service", e.Service}, {"status", words(e.Status)}, {"circuit", circuit(b)}, {"next", p.next(b)},
	})
}
