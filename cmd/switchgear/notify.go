package main

import (
	"cmp"
	"context"
	"fmt"
)

type notifyCmd struct {
	List notifyListCmd `cmd:"" default:"withargs" help:"List the receivers of alerts, and how it goes with them."`
	Test notifyTestCmd `cmd:"" help:"Send a message to a receiver, to see that it arrives."`
}

type notifyListCmd struct {
	target `embed:"" group:"target"`
}

// Help is what the header of the table does not say.
func (*notifyListCmd) Help() string {
	return `The numbers are since the manager's start, but for WAITING:

    WAITING    messages that the receiver has yet to get
    DELIVERED  messages that it took; of an Alertmanager changes of what it is shown
    FAILED     attempts that failed: a message is tried until it is taken or lost
    LOST       messages that nobody will get: given up after a day, or dropped as too many waited
    LAST       when it took something last, a test too; an Alertmanager is told each 30 s
    ERROR      why the last attempt failed, until one succeeds`
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
