package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/wire"
)

type silenceCmd struct {
	Create silenceCreateCmd `cmd:"" help:"Keep alerts from being told for a time."`
	List   silenceListCmd   `cmd:"" help:"List the silences, newest first."`
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
		{"id", s.ID},
		{"status", s.Status},
		{"silences", matchers(s.Matchers)},
		{"from", p.when(s.StartsAt.Time)},
		{"until", p.when(s.EndsAt.Time)},
		{"covers", covers(&s)},
	})
}

// covers is how many alerts a new silence is about, in words; an older manager
// does not say.
func covers(s *wire.Silence) string {
	switch {
	case s.Covers == nil:
		return none
	case *s.Covers == 0:
		return "none that fire now"
	case s.Status == "pending":
		return plural(*s.Covers, "alert") + " that would be silenced if it had begun"
	}
	return plural(*s.Covers, "alert") + " now"
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

	All bool `help:"Also those that are over."`
}

// Run lists the silences.
func (c *silenceListCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	got, err := manager.Silences(ctx)
	if err != nil {
		return err
	}
	slices.Reverse(got.Silences)
	none := "no silences"
	if !c.All {
		n := len(got.Silences)
		got.Silences = slices.DeleteFunc(got.Silences, func(s wire.Silence) bool { return s.Status == "expired" })
		if over := n - len(got.Silences); over > 0 {
			none = fmt.Sprintf("no silences that are active or to come; --all lists %d that are over", over)
		}
	}
	switch {
	case c.Output == "json":
		return p.printJSON(got)
	case len(got.Silences) == 0:
		_, err := fmt.Fprintln(p.stdout, none)
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
