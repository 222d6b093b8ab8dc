package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/degenduel/switchgear/wire"
)

type instancesCmd struct {
	target `embed:"" group:"target"`

	Service string `arg:"" name:"name" help:"The service."`
}

// Run lists the processes that have a service.
func (c *instancesCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	list, err := manager.Instances(ctx, c.Service)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return p.printJSON(list)
	}
	rows := make([][]string, len(list.Instances))
	for i := range list.Instances {
		v := &list.Instances[i]
		rows[i] = []string{
			orNone(v.Name), v.Instance, heardOf(v), circuitOf(v), count(v.CircuitBreaker.Failures), count(v.Operations.Total),
			runs(v), orNone(v.Program), orNone(v.Address), p.when(v.SeenAt.Time),
		}
	}
	header := []string{"NAME", "INSTANCE", "CONNECTION", "CIRCUIT", "FAILURES", "OPERATIONS", "CONFIG", "PROGRAM", "ADDRESS", "SEEN"}
	return p.printTable(header, rows)
}

// circuitOf is how the circuit of an instance is.
func circuitOf(v *wire.Instance) string {
	text := circuit(&v.CircuitBreaker)
	if v.BadCaller {
		text += ", alone"
	}
	return text
}

// heardOf is whether anything is heard of an instance.
func heardOf(v *wire.Instance) string {
	switch {
	case v.Stale:
		return "silent"
	case v.Connected:
		return "connected"
	}
	return "away"
}

// runs is which config an instance has, and why no newer one.
func runs(v *wire.Instance) string {
	text := "its own"
	if v.ConfigVersion > 0 {
		text = "version " + strconv.Itoa(v.ConfigVersion)
	}
	if v.ConfigError != nil {
		text += ", refused a newer one: " + *v.ConfigError
	}
	return text
}

// instancesLine is how many processes have a service.
func instancesLine(n wire.Instances) string {
	text := strconv.Itoa(n.Total)
	if n.Open > 0 {
		text += fmt.Sprintf(", %d open", n.Open)
	}
	if n.Stale > 0 {
		text += fmt.Sprintf(", %d silent", n.Stale)
	}
	if n.BadCallers > 0 {
		text += fmt.Sprintf(", %d open alone", n.BadCallers)
	}
	return text
}
