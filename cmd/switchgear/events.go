package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	Kind    string `placeholder:"KIND" help:"Only those of this kind: transition, override, override_expired, reset, config_changed, config_warning, instance_transition, health_failed, health_recovered, registered, declared or removed."`
	Since   moment `placeholder:"TIME" help:"Only those since then: 90m (ago), or 2026-11-23T08:00:00Z."`
	Until   moment `placeholder:"TIME" help:"Only those until then."`
	Limit   int    `default:"50" placeholder:"N" help:"The newest so many (default ${default}); 0: all."`
}

var kinds = []string{
	"transition", "override", "override_expired", "reset", "config_changed", "config_warning", "instance_transition",
	"health_failed", "health_recovered", "registered", "declared", "removed",
}

// Validate says which flags cannot be.
func (c *eventsCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d is negative", c.Limit)
	}
	return oneOf("--kind", c.Kind, kinds)
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

// evidence is what of an event's evidence is put in words.
type evidence struct {
	Rule      string `json:"rule"`
	Failures  uint64 `json:"failures"`
	Successes uint64 `json:"successes"`
	Slow      uint64 `json:"slow"`
	InFlight  uint64 `json:"in_flight"`
	LastError string `json:"last_error"`

	InstanceName string `json:"instance_name"`

	DurationMs *float64 `json:"duration_ms"`

	Version         int    `json:"version"`
	PreviousVersion int    `json:"previous_version"`
	Source          string `json:"source"`

	ExpiresAt wire.Time                  `json:"expires_at"`
	Settings  map[string]json.RawMessage `json:"settings"`
}

func evidenceOf(e *wire.Event) (v evidence, ok bool) {
	return v, json.Unmarshal(e.Evidence, &v) == nil
}

func change(e *wire.Event) string {
	v, _ := evidenceOf(e)
	switch {
	case e.From != nil && e.To != nil:
		return words(*e.From) + " -> " + words(*e.To)
	case e.To != nil:
		return "-> " + words(*e.To)
	case v.PreviousVersion > 0:
		return fmt.Sprintf("version %d -> %d", v.PreviousVersion, v.Version)
	}
	return none
}

// because is an event's reason and evidence in one line.
func because(e *wire.Event) string {
	parts := []string{deref(e.Reason), evidenceWords(e)}
	text := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
	if !e.Durable {
		text += " (not stored yet)"
	}
	return orNone(text)
}

// evidenceWords are what the reason and the change do not say; "" for nothing.
func evidenceWords(e *wire.Event) string {
	v, ok := evidenceOf(e)
	switch {
	case !ok:
		return ""
	case (e.Kind == "transition" || e.Kind == "instance_transition") && v.Rule != "":
		text := fmt.Sprintf("%s: %d failed, %d succeeded", words(v.Rule), v.Failures, v.Successes)
		if v.Rule == "slow_calls" {
			text = fmt.Sprintf("%s: %d of %d that ended, %d in flight", words(v.Rule), v.Slow, v.Failures+v.Successes, v.InFlight)
		}
		if v.LastError != "" && deref(e.To) == "open" { // elsewhere it is an old one, and not the cause
			text += "; " + v.LastError
		}
		if v.InstanceName != "" {
			text = v.InstanceName + ", " + text
		}
		return text
	case e.Kind == "health_recovered" && v.DurationMs != nil:
		return "the check took " + ms(*v.DurationMs)
	case e.Kind == "override" && !v.ExpiresAt.IsZero():
		return "until " + date(v.ExpiresAt.Time)
	case e.Kind == "registered" && e.Reason == nil:
		return sourceWords[v.Source]
	case e.Kind == "config_warning" && len(v.Settings) > 0:
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(v.Settings)) {
			settings = append(settings, name+"="+string(v.Settings[name]))
		}
		return "better: " + strings.Join(settings, " ")
	}
	return ""
}

var sourceWords = map[string]string{
	"file": "by the config file", "api": "over the API", "code": "by the program that it is part of",
}
