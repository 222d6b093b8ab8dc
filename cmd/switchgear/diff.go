package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
)

type configDiffCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
	From    int    `arg:"" optional:"" help:"A version; without any, the one before that in force."`
	To      int    `arg:"" optional:"" help:"Another one; without it, the one in force."`
	File    string `placeholder:"FILE" help:"Show what would change in the config in force, if it were as in the file."`
}

// Help is what the flags do not say.
func (*configDiffCmd) Help() string { return fileForms }

// Validate says which arguments cannot stand together.
func (c *configDiffCmd) Validate() error {
	if c.File != "" && c.From != 0 {
		return errors.New("either versions or --file, which is compared with the config in force")
	}
	return nil
}

// side is one of the two configs of a diff.
type side struct {
	name    string
	version int // 0: of a file
	config  json.RawMessage
}

// Run shows a diff.
func (c *configDiffCmd) Run(ctx context.Context, p *process) error {
	var file fileConfig
	var err error
	if c.File != "" {
		if file, err = readConfig(c.File, c.Service); err != nil {
			return err
		}
	}
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	var from, to side
	if c.File == "" {
		from, to, err = c.versions(ctx, manager)
	} else if from, err = inForce(ctx, manager, c.Service); err == nil {
		to = side{name: "FILE"}
		to.config, err = wholeConfig(file.config)
	}
	if err != nil {
		return err
	}
	d, err := difference(from.config, to.config)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(diffJSON{c.Service, from.number(), to.number(), d})
	}
	return p.printDifference(d, from.name, to.name)
}

// versions are the two that are to be compared.
func (c *configDiffCmd) versions(ctx context.Context, manager *client.Client) (from, to side, err error) {
	if to, err = inForce(ctx, manager, c.Service); err != nil {
		return from, to, err
	}
	older := c.From
	if older == 0 {
		older = to.version - 1
	}
	if older == 0 {
		return from, to, fmt.Errorf("%s has had one version only", c.Service)
	}
	all, _, err := versionsOf(ctx, manager, c.Service, 0)
	if err != nil {
		return from, to, err
	}
	find := func(number int) (s side) {
		for _, v := range all {
			if v.Version == number {
				return side{fmt.Sprintf("VERSION %d", number), number, v.Config}
			}
		}
		err = errors.Join(err, fmt.Errorf("%s has no version %d", c.Service, number))
		return s
	}
	from = find(older)
	if c.To != 0 {
		to = find(c.To)
	}
	return from, to, err
}

func inForce(ctx context.Context, manager *client.Client, name string) (side, error) {
	cfg, err := manager.Config(ctx, name)
	return side{fmt.Sprintf("VERSION %d", cfg.Version), cfg.Version, cfg.Config}, err
}

// number is the version, or nil of a file.
func (s *side) number() *int {
	if s.version == 0 {
		return nil
	}
	return &s.version
}

// diffJSON is a diff for programs.
type diffJSON struct {
	Service string        `json:"service"`
	From    *int          `json:"from"` // null: a file
	To      *int          `json:"to"`
	Changes []fieldChange `json:"changes"`
}

// fieldChange is a field that differs; what one side does not have is null.
type fieldChange struct {
	Field string          `json:"field"`
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
}

// difference is what differs, field by field, in the order of the second
// config.
func difference(from, to json.RawMessage) ([]fieldChange, error) {
	before, err := fieldsOf(from)
	if err != nil {
		return nil, err
	}
	after, err := fieldsOf(to)
	if err != nil {
		return nil, err
	}
	value := func(list []field, name string) json.RawMessage {
		if i := slices.IndexFunc(list, func(f field) bool { return f.name == name }); i >= 0 {
			return json.RawMessage(list[i].value)
		}
		return nil
	}
	changes := []fieldChange{}
	for _, f := range after {
		if old := value(before, f.name); string(old) != f.value {
			changes = append(changes, fieldChange{f.name, old, json.RawMessage(f.value)})
		}
	}
	for _, f := range before {
		if value(after, f.name) == nil {
			changes = append(changes, fieldChange{f.name, json.RawMessage(f.value), nil})
		}
	}
	return changes, nil
}

func (p *process) printDifference(d []fieldChange, from, to string) error {
	if len(d) == 0 {
		_, err := fmt.Fprintln(p.stdout, "no field differs")
		return err
	}
	rows := make([][]string, len(d))
	for i, f := range d {
		rows[i] = []string{f.Field, orNone(string(f.From)), orNone(string(f.To))}
	}
	return p.printTable([]string{"FIELD", from, to}, rows)
}

// field is a field of a config and its value, as compact JSON.
type field struct{ name, value string }

// fieldsOf are the fields of a config in the order in which they stand.
func fieldsOf(cfg json.RawMessage) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(cfg))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("%.40q is no config", cfg)
	}
	var list []field
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		var value bytes.Buffer
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		if err := json.Compact(&value, raw); err != nil {
			return nil, err
		}
		list = append(list, field{fmt.Sprint(name), value.String()})
	}
	return list, nil
}

// fileConfig is the config of a service that a file has.
type fileConfig struct {
	config  json.RawMessage
	version int // that it was made from; 0: the file does not say
}

// readConfig reads a config, an answer of the manager that has one, or the
// service's section of a config file.
func readConfig(path, service string) (fileConfig, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return fileConfig{}, err
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(data, &doc) == nil && doc["services"] == nil {
		answer, version := doc["config"], 0
		if answer == nil {
			return fileConfig{config: data}, nil
		}
		if err := json.Unmarshal(doc["version"], &version); err != nil || version < 1 {
			return fileConfig{}, fmt.Errorf("%s: version: it must be that of the config in force when the file was made", path)
		}
		return fileConfig{answer, version}, nil
	}
	file, err := config.Parse(path, data)
	if err != nil {
		return fileConfig{}, err
	}
	section, ok := file.Services[service]
	if !ok {
		return fileConfig{}, fmt.Errorf("%s has no service %s", path, service)
	}
	raw, err := json.Marshal(section.Config)
	return fileConfig{config: raw}, err
}

// wholeConfig is a config with every default put in, as the manager shows it.
func wholeConfig(raw json.RawMessage) (json.RawMessage, error) {
	cfg, err := switchgear.Config{}.Replace(raw)
	if bad := (*switchgear.ConfigError)(nil); errors.As(err, &bad) {
		return nil, errors.New(strings.TrimPrefix(bad.Error(), "switchgear: ")) // as every complaint of ours begins
	} else if err != nil {
		return nil, err
	}
	return json.Marshal(cfg)
}
