package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// moment is a time of the command line: RFC 3339, or how long ago.
type moment struct {
	at  time.Time
	ago time.Duration
}

// UnmarshalText reads a moment.
func (m *moment) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil {
		if m.ago = ago; ago <= 0 {
			return errors.New("it must be longer than nothing ago")
		}
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("it must be how long ago, such as 90m, or a time, such as 2026-11-23T08:00:00Z")
	}
	m.at = at
	return nil
}

func (m moment) time(now time.Time) time.Time {
	if m.ago > 0 {
		return now.Add(-m.ago)
	}
	return m.at
}

type eventsCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" optional:"" name:"name" help:"Only those of this service."`
	Kind    string `placeholder:"KIND" help:"Only those of this kind: transition, override, override_expired, reset, config_changed, config_warning, health_failed, health_recovered, registered or removed."`
	Since   moment `placeholder:"TIME" help:"Only those since then: 90m (ago), or 2026-11-23T08:00:00Z."`
	Until   moment `placeholder:"TIME" help:"Only those until then."`
	Limit   int    `default:"50" placeholder:"N" help:"The newest so many (default ${default}); 0: all."`
}

// Validate says which flags cannot be.
func (c *eventsCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d is negative", c.Limit)
	}
	return nil
}

// Run shows the history.
func (c *eventsCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	now := p.now()
	query := client.EventQuery{Service: c.Service, Kind: c.Kind, Since: c.Since.time(now), Until: c.Until.time(now)}
	events, next, err := collect(c.Limit, func(page client.Page) ([]wire.Event, *string, error) {
		query.Page = page
		got, err := manager.Events(ctx, query)
		return got.Events, got.NextCursor, err
	})
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(wire.Events{Events: events, NextCursor: next})
	}
	rows := make([][]string, len(events))
	for i := range events {
		e := &events[i]
		rows[i] = []string{eventID(e), date(e.At.Time), e.Service, words(e.Kind), change(e), orNone(deref(e.Actor)), because(e)}
	}
	return p.printTable([]string{"EVENT", "AT", "SERVICE", "KIND", "CHANGE", "ACTOR", "WHY"}, rows)
}

func eventID(e *wire.Event) string {
	if e.ID == nil {
		return none
	}
	return strconv.FormatInt(*e.ID, 10)
}

func change(e *wire.Event) string {
	switch {
	case e.From != nil && e.To != nil:
		return words(*e.From) + " -> " + words(*e.To)
	case e.To != nil:
		return "-> " + words(*e.To)
	}
	return none
}

// because is an event's reason and evidence in one line.
func because(e *wire.Event) string {
	var evidence struct {
		Rule      string `json:"rule"`
		Failures  uint64 `json:"failures"`
		Successes uint64 `json:"successes"`
		LastError string `json:"last_error"`
	}
	text := deref(e.Reason)
	// Evidence of another shape is shown as it is.
	if err := json.Unmarshal(e.Evidence, &evidence); err == nil && evidence.Rule != "" {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s: %d failed, %d succeeded", words(evidence.Rule), evidence.Failures, evidence.Successes)
		if evidence.LastError != "" {
			text += "; " + evidence.LastError
		}
	} else if text == "" {
		text = evidenceText(e.Evidence)
	}
	if !e.Durable {
		text += " (not stored yet)"
	}
	return orNone(text)
}

func evidenceText(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil || b.String() == "null" {
		return ""
	}
	return b.String()
}
