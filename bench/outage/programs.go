package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/bench/internal/procs"
	"github.com/degenduel/switchgear/client"
)

const (
	childEnv = "SWITCHGEAR_OUTAGE_PROGRAM" // the manager's URL
	tokenEnv = "SWITCHGEAR_OUTAGE_TOKEN"

	// flips are how often a program opens and closes its circuit in a phase.
	flips = 5

	batch = 1000
)

var errDown = errors.New("down")

// child is a program: it measures whenever it is told how many batches, and says
// what it has measured.
func child() error {
	ctx := context.Background()
	closed, err := switchgear.NewService("closed", switchgear.ServiceConfig{})
	if err != nil {
		return err
	}
	open, err := switchgear.NewService("open", switchgear.ServiceConfig{})
	if err != nil {
		return err
	}
	till, err := switchgear.NewService("till", switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: 1}})
	if err != nil {
		return err
	}
	a, err := agent.Join(ctx, os.Getenv(childEnv), os.Getenv(tokenEnv), closed, open, till)
	if err != nil {
		return err
	}
	if err := a.Connected(ctx); err != nil {
		return err
	}
	for range 5 {
		open.HandleError(errDown, 0)
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode("ready"); err != nil {
		return err
	}
	in := json.NewDecoder(os.Stdin)
	for {
		var batches int
		if err := in.Decode(&batches); err != nil {
			if errors.Is(err, io.EOF) {
				return a.Close(ctx)
			}
			return err
		}
		var f figures
		pause := time.NewTicker(50 * time.Millisecond)
		for n := range batches {
			f.Calls = append(f.Calls, each(ctx, closed.Breaker()))
			f.Rejections = append(f.Rejections, each(ctx, open.Breaker()))
			if n*flips/batches != (n+1)*flips/batches {
				till.HandleError(errDown, 0)
				if err := till.Breaker().Reset(switchgear.Closed, switchgear.Order{Actor: "till"}); err != nil {
					return err
				}
			}
			<-pause.C
		}
		pause.Stop()
		if err := out.Encode(f); err != nil {
			return err
		}
	}
}

// each is what one of a batch of calls takes, in ns.
func each(ctx context.Context, b *switchgear.Breaker) float64 {
	began := time.Now()
	for range batch {
		_, _ = switchgear.Do(ctx, b, func(context.Context) (int, error) { return 0, nil })
	}
	return float64(time.Since(began)) / batch
}

// crew are the programs.
type crew struct{ all []*program }

type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// hire starts them, and waits until all have joined.
func hire(ctx context.Context, o *options, server *procs.Server) (_ *crew, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := new(crew)
	defer func() {
		if err != nil {
			c.dismiss()
		}
	}()
	for n := range o.programs {
		p := &program{cmd: exec.CommandContext(ctx, self)} //nolint:gosec // it is this program
		p.cmd.Env = append(os.Environ(), childEnv+"="+server.URL, tokenEnv+"="+server.Token, "GOMAXPROCS=1")
		p.cmd.Stderr = os.Stderr
		out, err := p.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if p.in, err = p.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		if err := p.cmd.Start(); err != nil {
			return nil, err
		}
		p.out = json.NewDecoder(bufio.NewReader(out))
		c.all = append(c.all, p)
		if n == 0 { // it registers the services
			if err := p.ready(); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range c.all[1:] {
		if err := p.ready(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (p *program) ready() error {
	var word string
	if err := p.out.Decode(&word); err != nil || word != "ready" {
		return fmt.Errorf("a program says %q: %w", word, err)
	}
	return nil
}

// dismiss ends them.
func (c *crew) dismiss() {
	for _, p := range c.all {
		_ = p.in.Close() // which ends it
	}
	for _, p := range c.all {
		_ = p.cmd.Wait() // what it had to say it has said
	}
}

// work has all measure at the same time.
func (c *crew) work(ctx context.Context, o *options) (*figures, error) {
	for _, p := range c.all {
		if err := json.NewEncoder(p.in).Encode(o.batches); err != nil {
			return nil, err
		}
	}
	sum := new(figures)
	for _, p := range c.all {
		var f figures
		if err := p.out.Decode(&f); err != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		sum.Calls, sum.Rejections = append(sum.Calls, f.Calls...), append(sum.Rejections, f.Rejections...)
	}
	return sum, nil
}

// accounted waits until the manager has all that the programs did, and judges that
// it has each transition once and in order.
func (c *crew) accounted(ctx context.Context, o *options, m *client.Client) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	began := time.Now()
	const each = 5 * flips * 2
	for {
		numbers, err := transitions(ctx, m)
		if err != nil && ctx.Err() != nil {
			return 0, err
		}
		all := 0
		for _, n := range numbers {
			all += n
		}
		if all >= o.programs*each {
			for instance, n := range numbers {
				if n != each {
					return 0, fmt.Errorf("of %s there are %d transitions, and not %d", instance, n, each)
				}
			}
			return time.Since(began), nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d transitions are there: %w", all, o.programs*each, ctx.Err())
		}
	}
}

// transitions are how many of each instance are stored, in order and without a
// hole.
func transitions(ctx context.Context, m *client.Client) (map[string]int, error) {
	last := make(map[string]uint64) // newest first, so the one before
	count := make(map[string]int)
	for cursor := ""; ; {
		page, err := m.Events(ctx, client.EventQuery{Service: "till", Page: client.Page{Limit: 500, Cursor: cursor}})
		if err != nil {
			return nil, err
		}
		for i := range page.Events {
			var e struct {
				Instance   string `json:"instance"`
				Transition uint64 `json:"transition"`
			}
			if err := json.Unmarshal(page.Events[i].Evidence, &e); err != nil || e.Instance == "" || e.Transition == 0 {
				continue
			}
			if before, ok := last[e.Instance]; ok && e.Transition != before-1 {
				return nil, fmt.Errorf("of %s number %d comes before %d", e.Instance, e.Transition, before)
			}
			last[e.Instance] = e.Transition
			count[e.Instance]++
		}
		if page.NextCursor == nil {
			return count, nil
		}
		cursor = *page.NextCursor
	}
}
