package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

type configCmd struct {
	Get      configGetCmd      `cmd:"" help:"Show the config in force."`
	Set      configSetCmd      `cmd:"" help:"Change fields of the config, or give a whole one."`
	Diff     configDiffCmd     `cmd:"" help:"Show what differs between two versions, or from a file."`
	History  configHistoryCmd  `cmd:"" help:"List the versions, newest first."`
	Rollback configRollbackCmd `cmd:"" help:"Make an older version the newest."`
}

type configGetCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
}

// Run shows a config.
func (c *configGetCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	cfg, err := manager.Config(ctx, c.Service)
	if err != nil {
		return err
	}
	return p.printConfig(c.output, &cfg)
}

func (p *process) printConfig(o output, cfg *wire.Config) error {
	if o.Output == "json" {
		return p.printJSON(cfg)
	}
	list, err := fieldsOf(cfg.Config)
	if err != nil {
		return err
	}
	rows := make([][]string, len(list))
	for i, f := range list {
		rows[i] = []string{f.name, f.value}
	}
	if err := p.printTable([]string{"FIELD", "VALUE"}, rows); err != nil {
		return err
	}
	return p.printVersion(cfg)
}

// printVersion says which version a config is, and what the lint says of it.
func (p *process) printVersion(cfg *wire.Config) error {
	text := fmt.Sprintf("%s: version %d by %s, %s", cfg.Service, cfg.Version, orNone(cfg.UpdatedBy), date(cfg.UpdatedAt.Time))
	if cfg.Reason != "" {
		text += ": " + cfg.Reason
	}
	if _, err := fmt.Fprintln(p.stdout, plain(text)); err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		if _, err := fmt.Fprintln(p.stdout, plain("warning: "+w.Field+": "+w.Message)); err != nil {
			return err
		}
	}
	return nil
}

type configSetCmd struct {
	target `embed:"" group:"target"`

	Service string   `arg:"" name:"name" help:"The service."`
	Fields  []string `arg:"" optional:"" name:"field=value" help:"Fields to change; null is the default again."`
	File    string   `placeholder:"FILE" help:"Take the whole config from a file: what it leaves out is the default."`
	Reason  string   `required:"" placeholder:"TEXT" help:"Why, for the history."`
}

// Help is what the flags do not say.
func (*configSetCmd) Help() string {
	return `For example:

    switchgear config set NAME failureThreshold=3 resetTimeoutMs=30s --reason "prices matter"
    switchgear config set NAME 'recoverySteps=[0.1, 0.5]' jitter=null --reason "slower"

A value is as in JSON; one of a field in milliseconds may have a unit. Somebody else's change in
between is not overwritten: the command fails.

` + fileForms
}

const fileForms = `FILE is the config as JSON, or what "config get -o json" printed, or a config file (YAML) that
has the service.`

// Validate says which arguments cannot stand together.
func (c *configSetCmd) Validate() error {
	switch {
	case c.File == "" && len(c.Fields) == 0:
		return errors.New("what is to be set? field=value, or --file")
	case c.File != "" && len(c.Fields) > 0:
		return errors.New("either field=value or --file: a file is the whole config")
	}
	_, err := c.patch()
	return err
}

// patch is the merge patch that the fields make.
func (c *configSetCmd) patch() (json.RawMessage, error) {
	patch := make(map[string]json.RawMessage, len(c.Fields))
	for _, field := range c.Fields {
		name, text, ok := strings.Cut(field, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not field=value", field)
		}
		if _, twice := patch[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		value := json.RawMessage(text)
		if d, err := time.ParseDuration(text); err == nil && strings.HasSuffix(name, "Ms") && !json.Valid(value) {
			value, _ = json.Marshal(float64(d) / float64(time.Millisecond)) //nolint:errchkjson // it is finite
		}
		if !json.Valid(value) {
			return nil, fmt.Errorf("%s: %q is no value: 5, 0.5, true, null or [0.1, 0.5], and 30s of a field in milliseconds", name, text)
		}
		patch[name] = value
	}
	return json.Marshal(patch)
}

// Run changes a config.
func (c *configSetCmd) Run(ctx context.Context, p *process) error {
	patch, err := c.patch()
	if err != nil {
		return err
	}
	var whole fileConfig
	if c.File != "" {
		if whole, err = readConfig(c.File, c.Service); err != nil {
			return err
		}
	}
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	before, err := manager.Config(ctx, c.Service)
	if err != nil {
		return err
	}
	var after wire.Config
	switch {
	case c.File == "":
		after, err = manager.PatchConfig(ctx, c.Service, before.Version, wire.ConfigRequest{Config: patch, Reason: c.Reason})
	case whole.version != 0:
		after, err = manager.SetConfig(ctx, c.Service, whole.version, wire.ConfigRequest{Config: whole.config, Reason: c.Reason})
	default:
		after, err = manager.SetConfig(ctx, c.Service, before.Version, wire.ConfigRequest{Config: whole.config, Reason: c.Reason})
	}
	if err != nil {
		return err
	}
	return p.printChange(c.output, &before, &after)
}

// printChange shows what a new version has changed.
func (p *process) printChange(o output, before, after *wire.Config) error {
	if o.Output == "json" {
		return p.printJSON(after)
	}
	d, err := difference(before.Config, after.Config)
	if err != nil {
		return err
	}
	if err := p.printDifference(d, fmt.Sprintf("VERSION %d", before.Version), fmt.Sprintf("VERSION %d", after.Version)); err != nil {
		return err
	}
	return p.printVersion(after)
}

type configHistoryCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
	Limit   int    `default:"50" placeholder:"N" help:"The newest so many (default ${default}); 0: all."`
}

// Validate says which flags cannot be.
func (c *configHistoryCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d is negative", c.Limit)
	}
	return nil
}

// Run lists the versions of a config.
func (c *configHistoryCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	versions, next, err := versionsOf(ctx, manager, c.Service, c.Limit)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(wire.ConfigVersions{Versions: versions, NextCursor: next})
	}
	rows := make([][]string, len(versions))
	for i, v := range versions {
		rows[i] = []string{count(v.Version), date(v.At.Time), orNone(v.Actor), orNone(v.Reason)}
	}
	return p.printTable([]string{"VERSION", "AT", "ACTOR", "REASON"}, rows)
}

func versionsOf(ctx context.Context, manager *client.Client, name string, limit int) ([]wire.ConfigVersion, *string, error) {
	return collect(limit, func(page client.Page) ([]wire.ConfigVersion, *string, error) {
		got, err := manager.ConfigVersions(ctx, name, page)
		return got.Versions, got.NextCursor, err
	})
}

type configRollbackCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
	Version int    `arg:"" help:"The version to go back to; it becomes a new one."`
	Reason  string `required:"" placeholder:"TEXT" help:"Why, for the history."`
}

// Run rolls a config back.
func (c *configRollbackCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	before, err := manager.Config(ctx, c.Service)
	if err != nil {
		return err
	}
	after, err := manager.Rollback(ctx, c.Service, before.Version, wire.RollbackRequest{Version: c.Version, Reason: c.Reason})
	if err != nil {
		return err
	}
	return p.printChange(c.output, &before, &after)
}
