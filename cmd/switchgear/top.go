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
	"unicode/utf8"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/internal/terminal"
	"github.com/degenduel/switchgear/wire"
)

type topCmd struct {
	target `embed:"" group:"target"`

	Status string `placeholder:"STATUS" help:"Only those that are circuit_open, unknown, unhealthy, degraded or healthy."`
	Layer  string `placeholder:"LAYER" help:"Only those of this layer."`
	Once   bool   `help:"Print the table once and end."`
}

// Help is what the flags do not say.
func (*topCmd) Help() string {
	return `The worst come first. On a terminal the table is redrawn in place as things change; elsewhere
it is printed anew, below a line with the time, whenever a second has brought a change. With
-o json each line is the new state of one service. Ctrl-C ends it.`
}

// Validate says which flags cannot be.
func (c *topCmd) Validate() error { return oneOf("--status", c.Status, statuses) }

// drawEvery is how often the table is drawn at most, and how often its clock
// moves.
const drawEvery = time.Second

// Run shows the services as they change.
func (c *topCmd) Run(ctx context.Context, p *process) error {
	manager, err := c.connect(p)
	if err != nil {
		return err
	}
	defer manager.Close()
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
	changed  bool      // since the table was drawn
	lost     time.Time // when the connection was lost; zero: it is live
	drawn    int       // lines of the table that stands there
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

// draw puts the table on the screen, or prints it if something has changed.
func (t *top) draw() error {
	if t.cmd.Output == "json" || !t.known && t.lost.IsZero() {
		return nil
	}
	width, height := 0, 0
	if f, ok := t.p.stdout.(*os.File); ok && !t.cmd.Once {
		width, height = terminal.Size(f)
	}
	live := width > 0
	if !live && !t.changed {
		return nil
	}
	t.changed = false
	lines, err := t.lines()
	if err != nil {
		return err
	}
	if !live {
		_, err := io.WriteString(t.p.stdout, strings.Join(lines, "\n")+"\n")
		return err
	}
	if over := len(lines) - (height - 1); over > 0 {
		lines = append(lines[:max(len(lines)-over-1, 1)], fmt.Sprintf("… and %d more", over+1))
	}
	var b strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", t.drawn)
	}
	for _, line := range lines {
		b.WriteString(cut(line, width-1) + "\n")
	}
	t.drawn = len(lines)
	_, err = io.WriteString(t.p.stdout, b.String())
	return err
}

// cut is the text without what is beyond the width.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(width, 0)])
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
	rows := [][]string{{"SERVICE", "STATUS", "CIRCUIT", "ADMITTED", "FAILURES", "OPERATIONS", "FAILED", "REJECTED", "P95", "NEXT"}}
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
		count(e.Operations.Failed), count(e.Operations.Rejected), ms(e.Performance.P95OperationTimeMs), t.p.next(b),
	}
}
