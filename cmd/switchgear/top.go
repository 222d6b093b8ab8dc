package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/internal/terminal"
	"github.com/degenduel/switchgear/tui"
	"github.com/degenduel/switchgear/wire"
)

type topCmd struct {
	target `embed:"" group:"target"`

	Status string `placeholder:"STATUS" help:"Only those that are circuit_open, unknown, unhealthy, degraded or healthy."`
	Layer  string `placeholder:"LAYER" help:"Only those of this layer."`
	Once   bool   `help:"Print the table once and end."`
	Color  string `enum:"auto,never" default:"auto" placeholder:"WHEN" help:"auto (the default): on a terminal, unless NO_COLOR is set. never: none; words and shapes tell everything."`
}

// Help is what the flags do not say.
func (*topCmd) Help() string {
	return `The worst come first. On a terminal it fills the screen: arrows and Enter look at a service, / searches,
c checks, r resets, o overrides, ? tells all keys, q ends it. Elsewhere, and where TERM is dumb, the
table is printed anew, below a line with the time, whenever a second has brought a change. With
-o json each line is the new state of one service. Ctrl-C ends it.`
}

// Validate says which flags cannot be.
func (c *topCmd) Validate() error { return oneOf("--status", c.Status, statuses) }

// drawEvery is how often the table is printed at most.
const drawEvery = time.Second

// Run shows the services as they change.
func (c *topCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
	if f, ok := c.screen(p); ok {
		return c.fill(ctx, p, manager, f)
	}
	watching, stop := context.WithCancel(ctx)
	updates := make(chan client.Update)
	ended := make(chan error, 1)
	go func() {
		ended <- manager.Watch(watching, func(u client.Update) {
			select {
			case updates <- u:
			case <-watching.Done():
			}
		})
	}()
	err = c.show(ctx, p, updates, ended)
	stop()
	watched := <-ended
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		return err
	case !errors.Is(watched, context.Canceled):
		return watched
	}
	return nil // it was told to end
}

// screen is the terminal that can be filled, if there is one and that is wanted.
func (c *topCmd) screen(p *process) (f *os.File, ok bool) {
	f, ok = p.stdout.(*os.File)
	if !ok || c.Once || c.Output == "json" {
		return nil, false
	}
	width, _ := terminal.Size(f)
	return f, width > 0
}

// fill shows the services on the whole of a terminal.
func (c *topCmd) fill(ctx context.Context, p *process, manager *client.Client, f *os.File) error {
	noColour, _ := p.lookupEnv("NO_COLOR")
	var shown []string
	if c.Status != "" {
		shown = strings.Split(c.Status, ",")
	}
	err := tui.Run(ctx, tui.Options{
		Client: manager, URL: p.manager.url, Statuses: shown, Layer: c.Layer, Colour: c.Color != "never" && noColour == "", Output: f,
	})
	if errors.Is(err, context.Canceled) {
		return nil // it was told to end
	}
	return err
}

// show draws what the updates tell, until they end or the output does.
func (c *topCmd) show(ctx context.Context, p *process, updates <-chan client.Update, ended chan error) error {
	t := &top{cmd: c, p: p, services: make(map[string]wire.Entry)}
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case u := <-updates:
			if err := t.take(u); err != nil {
				return err
			}
			if c.Once && u.Err != nil && !t.known {
				return u.Err
			}
			if c.Once && t.known {
				return t.draw()
			}
		case <-tick.C:
			if err := t.draw(); err != nil {
				return err
			}
		case err := <-ended:
			ended <- err // for who waits for it
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// top is the table and what it is made of.
type top struct {
	cmd      *topCmd
	p        *process
	services map[string]wire.Entry
	known    bool      // a snapshot has come
	changed  bool      // since the table was printed
	lost     time.Time // when the connection was lost; zero: it is live
}

func (t *top) wanted(e *wire.Entry) bool {
	return (t.cmd.Layer == "" || e.Layer == t.cmd.Layer) &&
		(t.cmd.Status == "" || slices.Contains(strings.Split(t.cmd.Status, ","), e.Status))
}

func (t *top) take(u client.Update) error {
	switch {
	case u.Live:
		t.lost = time.Time{}
	case t.lost.IsZero():
		t.lost, t.changed = t.p.now(), true
	}
	if u.Whole {
		clear(t.services)
		t.known = true
	}
	t.changed = t.changed || u.Whole
	for i := range u.Changed {
		if err := t.put(&u.Changed[i]); err != nil {
			return err
		}
	}
	if u.Event != nil && u.Event.Kind == "removed" {
		_, was := t.services[u.Event.Service]
		t.changed = t.changed || was
		delete(t.services, u.Event.Service)
	}
	return nil
}

// put keeps the new state of a service that is wanted.
func (t *top) put(e *wire.Entry) error {
	if !t.wanted(e) {
		_, was := t.services[e.Service]
		t.changed = t.changed || was
		delete(t.services, e.Service)
		return nil
	}
	t.services[e.Service], t.changed = *e, true
	if t.cmd.Output == "json" {
		return t.p.printLine(e)
	}
	return nil
}

// draw prints the table if something has changed.
func (t *top) draw() error {
	if t.cmd.Output == "json" || !t.known && t.lost.IsZero() || !t.changed {
		return nil
	}
	t.changed = false
	lines, err := t.lines()
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.p.stdout, strings.Join(lines, "\n")+"\n")
	return err
}

// lines are the table under a line that sums it up.
func (t *top) lines() ([]string, error) {
	var shown []wire.Entry
	counts := make(map[string]int)
	for _, e := range t.services {
		shown = append(shown, e)
		counts[e.Status]++
	}
	slices.SortFunc(shown, func(a, b wire.Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(worstFirst, a.Status), slices.Index(worstFirst, b.Status)), strings.Compare(a.Service, b.Service))
	})
	var table strings.Builder
	rows := [][]string{{"SERVICE", "STATUS", "CIRCUIT", "ADMITTED", "FAILURES", "OPERATIONS", "FAILED", "REJECTED", "P95", "NEXT", "SINCE"}}
	for i := range shown {
		rows = append(rows, t.row(&shown[i]))
	}
	if err := printColumns(&table, rows); err != nil {
		return nil, err
	}
	return append([]string{t.summary(len(shown), counts), ""}, strings.Split(strings.TrimSuffix(table.String(), "\n"), "\n")...), nil
}

var worstFirst = []string{"circuit_open", "unhealthy", "degraded", "unknown", "healthy"}

func (t *top) summary(total int, counts map[string]int) string {
	parts := []string{fmt.Sprintf("%s  %d services", t.p.now().UTC().Format("15:04:05Z"), total)}
	for _, status := range worstFirst {
		if n := counts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words(status)))
		}
	}
	text := strings.Join(parts, ", ")
	if !t.lost.IsZero() {
		text += "  NOT LIVE since " + t.p.when(t.lost)
	}
	return text
}

func (t *top) row(e *wire.Entry) []string {
	b := &e.CircuitBreaker
	return []string{
		e.Service, words(e.Status), circuit(b), fmt.Sprintf("%.0f%%", 100*b.AdmittedShare), count(b.Failures), count(e.Operations.Total),
		count(e.Operations.Failed), count(e.Operations.Rejected), ms(e.Performance.P95OperationTimeMs), t.p.next(b), t.p.since(b),
	}
}
