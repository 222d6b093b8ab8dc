package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

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
		rows[i] = []string{a.ID, a.Severity, p.firing(a), a.Service, words(a.Kind), orNone(deref(a.Root)), p.seen(a), a.Summary}
	}
	return p.printTable([]string{"ID", "SEVERITY", "SINCE", "SERVICE", "KIND", "ROOT", "SEEN BY", "SUMMARY"}, rows)
}

// firing is since when, or how long.
func (p *process) firing(a *wire.Alert) string {
	if a.EndsAt.IsZero() {
		return p.when(a.StartsAt.Time)
	}
	return date(a.StartsAt.Time) + ", for " + duration(a.EndsAt.Sub(a.StartsAt.Time))
}

// seen is who has acknowledged an alert, or that nobody is told of it.
func (p *process) seen(a *wire.Alert) string {
	switch {
	case a.AcknowledgedBy != nil:
		return *a.AcknowledgedBy
	case len(a.SilencedBy) > 0:
		return "(silenced)"
	}
	return none
}

type silenceCmd struct {
	Create silenceCreateCmd `cmd:"" help:"Keep alerts from being told for a time."`
	List   silenceListCmd   `cmd:"" help:"List the silences."`
	End    silenceEndCmd    `cmd:"" help:"End a silence now."`
}

// matcher is field, operator and value, such as service=~market.*.
type matcher wire.Matcher

// matcherOps are the operators, the longer of two that begin alike first.
var matcherOps = []string{"=~", "!~", "!=", "="}

// UnmarshalText reads a matcher.
func (m *matcher) UnmarshalText(text []byte) error {
	s := string(text)
	at := strings.IndexAny(s, "=!")
	if at < 0 {
		return errors.New("it must be a field, an operator and a value, such as service=~market.* or severity!=critical")
	}
	for _, op := range matcherOps {
		if value, ok := strings.CutPrefix(s[at:], op); ok {
			*m = matcher{Field: s[:at], Op: op, Value: value}
			return nil
		}
	}
	return errors.New("its operator must be =, !=, =~ or !~")
}

type silenceCreateCmd struct {
	target `embed:"" group:"target"`

	Match  []matcher `required:"" sep:"none" placeholder:"MATCHER" help:"What is silenced: service, kind, severity, layer, root or incident, with =, !=, =~ or !~ and a value, such as service=~market.*. Can be repeated: all must match."`
	Until  end       `required:"" placeholder:"TIME" help:"When it ends: 2h (from now), or 2026-12-23T08:00:00Z."`
	From   end       `placeholder:"TIME" help:"When it begins, as --until. Default: now."`
	Reason string    `required:"" placeholder:"TEXT" help:"Why, for whoever wonders."`
}

// Help is what the flags do not say.
func (*silenceCreateCmd) Help() string {
	return `What is silenced is still kept and shown. A maintenance window is a silence that begins later:

    switchgear silence create --match service=payments-db --from 2026-12-23T02:00:00Z \
        --until 2026-12-23T04:00:00Z --reason "new disks"`
}

// Run makes a silence.
func (c *silenceCreateCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	r := wire.SilenceRequest{Reason: c.Reason, StartsAt: c.From.time(p.now()), EndsAt: c.Until.time(p.now())}
	for _, m := range c.Match {
		r.Matchers = append(r.Matchers, wire.Matcher(m))
	}
	s, err := manager.CreateSilence(ctx, r)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(s)
	}
	return printColumns(p.stdout, [][]string{
		{"id", s.ID}, {"status", s.Status}, {"silences", matchers(s.Matchers)}, {"from", p.when(s.StartsAt.Time)}, {"until", p.when(s.EndsAt.Time)},
	})
}

func matchers(all []wire.Matcher) string {
	texts := make([]string, len(all))
	for i, m := range all {
		texts[i] = m.Field + m.Op + m.Value
	}
	return strings.Join(texts, ", ")
}

type silenceListCmd struct {
	target `embed:"" group:"target"`
}

// Run lists the silences.
func (c *silenceListCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	got, err := manager.Silences(ctx)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(got)
	case len(got.Silences) == 0:
		_, err := fmt.Fprintln(p.stdout, "no silences")
		return err
	}
	rows := make([][]string, len(got.Silences))
	for i, s := range got.Silences {
		rows[i] = []string{s.ID, s.Status, matchers(s.Matchers), p.when(s.StartsAt.Time), p.when(s.EndsAt.Time), s.Author, s.Reason}
	}
	return p.printTable([]string{"ID", "STATUS", "SILENCES", "FROM", "UNTIL", "BY", "WHY"}, rows)
}

type silenceEndCmd struct {
	target `embed:"" group:"target"`

	ID     string `arg:"" name:"id" help:"Its ID, as the list has it."`
	Reason string `placeholder:"TEXT" help:"Why, for the audit log."`
}

// Run ends a silence.
func (c *silenceEndCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := manager.EndSilence(ctx, c.ID, c.Reason); err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(struct {
			Ended string `json:"ended"`
		}{c.ID})
	}
	_, err = fmt.Fprintf(p.stdout, "ended %s\n", plain(c.ID))
	return err
}

type notifyCmd struct {
	List notifyListCmd `cmd:"" default:"withargs" help:"List the receivers of alerts, and how it goes with them."`
	Test notifyTestCmd `cmd:"" help:"Send a message to a receiver, to see that it arrives."`
}

type notifyListCmd struct {
	target `embed:"" group:"target"`
}

// Run lists the receivers.
func (c *notifyListCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	got, err := manager.Receivers(ctx)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(got)
	case len(got.Receivers) == 0:
		_, err := fmt.Fprintln(p.stdout, "no receivers: the section alerts.receivers of the config file has them")
		return err
	}
	rows := make([][]string, len(got.Receivers))
	for i, r := range got.Receivers {
		rows[i] = []string{
			r.Name, r.Kind, count(r.Waiting), count(r.Delivered), count(r.Failed), count(r.GivenUp + r.Dropped),
			p.when(r.LastSuccessAt.Time), orNone(deref(r.LastError)),
		}
	}
	return p.printTable([]string{"NAME", "KIND", "WAITING", "DELIVERED", "FAILED", "LOST", "LAST", "ERROR"}, rows)
}

type notifyTestCmd struct {
	target `embed:"" group:"target"`

	Name string `arg:"" name:"receiver" help:"Its name in the config file."`
}

// Run sends a message to a receiver.
func (c *notifyTestCmd) Run(ctx context.Context, p *process) error {
	c.Timeout = cmp.Or(c.Timeout, patience(checkTimeout))
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := manager.TestReceiver(ctx, c.Name); err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(struct {
			Sent string `json:"sent"`
		}{c.Name})
	}
	_, err = fmt.Fprintf(p.stdout, "%s has taken it\n", plain(c.Name))
	return err
}
