package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token and print it, this once."`
	List   tokenListCmd   `cmd:"" help:"List the tokens, without their secrets."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token and close what it has opened."`
}

// end is when a token ends: RFC 3339, or how long from now.
type end struct {
	at time.Time
	in time.Duration
}

// UnmarshalText reads an end.
func (e *end) UnmarshalText(text []byte) error {
	if in, err := time.ParseDuration(string(text)); err == nil {
		if e.in = in; in <= 0 {
			return errors.New("it must be longer than nothing from now")
		}
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("it must be how long from now, such as 720h, or a time, such as 2026-12-23T08:00:00Z")
	}
	e.at = at
	return nil
}

func (e end) time(now time.Time) *wire.Time {
	switch {
	case e.in > 0:
		return &wire.Time{Time: now.Add(e.in)}
	case !e.at.IsZero():
		return &wire.Time{Time: e.at}
	}
	return nil
}

type tokenCreateCmd struct {
	target `embed:"" group:"target"`

	Name    string   `arg:"" name:"name" help:"Whose it is, for the history: a person or a program."`
	Role    string   `required:"" enum:"viewer,operator,admin,agent" placeholder:"ROLE" help:"viewer: look. operator: also check, reset and override. admin: everything. agent: report operations."`
	Service []string `sep:"none" placeholder:"PATTERN" help:"Only for services of this name, in which * stands for anything; can be repeated. Default: all."`
	Expires end      `placeholder:"TIME" help:"When it ends: 720h (from now), or 2026-12-23T08:00:00Z. Default: never."`
}

// Run makes a token.
func (c *tokenCreateCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	t, err := manager.CreateToken(ctx, wire.TokenRequest{
		Name: c.Name, Role: c.Role, Services: c.Service, ExpiresAt: c.Expires.time(p.now()),
	})
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(t)
	}
	return printColumns(p.stdout, [][]string{
		{"token", t.Secret},
		{"id", t.ID},
		{"name", t.Name},
		{"role", t.Role},
		{"services", patterns(t.Services)},
		{"expires", p.expiry(t.ExpiresAt.Time)},
		{"note", "the token is shown only now; the manager keeps no more than its hash"},
	})
}

func patterns(services []string) string {
	if len(services) == 0 {
		return "all"
	}
	return strings.Join(services, ", ")
}

func (p *process) expiry(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return p.when(at)
}

type tokenListCmd struct {
	target `embed:"" group:"target"`
}

// Run lists the tokens.
func (c *tokenListCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	tokens, next, err := collect(0, func(page client.Page) ([]wire.Token, *string, error) {
		got, err := manager.Tokens(ctx, page)
		return got.Tokens, got.NextCursor, err
	})
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return p.printJSON(wire.Tokens{Tokens: tokens, NextCursor: next})
	}
	rows := make([][]string, len(tokens))
	for i, t := range tokens {
		rows[i] = []string{t.ID, t.Name, t.Role, patterns(t.Services), date(t.CreatedAt.Time), orNone(t.CreatedBy), p.expiry(t.ExpiresAt.Time)}
	}
	return p.printTable([]string{"ID", "NAME", "ROLE", "SERVICES", "CREATED", "BY", "EXPIRES"}, rows)
}

type tokenRevokeCmd struct {
	target `embed:"" group:"target"`

	ID     string `arg:"" name:"id" help:"Its ID, as the list has it."`
	Reason string `placeholder:"TEXT" help:"Why, for the audit log."`
}

// Run ends a token.
func (c *tokenRevokeCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := manager.RevokeToken(ctx, c.ID, c.Reason); err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(struct {
			Revoked string `json:"revoked"`
		}{c.ID})
	}
	_, err = fmt.Fprintf(p.stdout, "revoked %s\n", plain(c.ID))
	return err
}
