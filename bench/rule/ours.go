package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/bench/internal/procs"
	"github.com/degenduel/switchgear/client"
)

var errDown = errors.New("down")

const threshold = 5

// measureOurs starts a manager, or two of a database, and agents, each of which has
// a service for each fault.
func measureOurs(ctx context.Context, o *options, dir, database string) (_ *figures, err error) {
	if dir, err = os.MkdirTemp(dir, "run-*"); err != nil {
		return nil, err
	}
	program := o.server
	if program == "" {
		if program, err = procs.Build(ctx, dir); err != nil {
			return nil, err
		}
	}
	rule := filepath.Join(dir, "rule.yaml")
	if err := os.WriteFile(rule, []byte("fleet: { quorumInstances: 2, quorumShare: 0.001 }\n"), 0o600); err != nil {
		return nil, err
	}
	f := &figures{name: "**the fleet rule**"}
	spec := procs.ServerSpec{Program: []string{program}, Data: filepath.Join(dir, "first"), Config: rule, Database: database}
	first, err := procs.StartServer(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer first.Kill()
	servers := []*procs.Server{first}
	if database != "" {
		f.name = "**the fleet rule**, two managers"
		spec.Data, spec.Token = filepath.Join(dir, "second"), first.Token
		second, err := procs.StartServer(ctx, spec)
		if err != nil {
			return nil, err
		}
		defer second.Kill()
		servers = append(servers, second)
	}
	c, err := client.New(first.URL, first.Token, client.Options{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	herd, err := newHerd(ctx, o, servers)
	if err != nil {
		return nil, err
	}
	defer herd.close() //nolint:contextcheck // it ends what ctx may have ended already
	b := herd.breakers[0][o.rounds]
	for range o.calls {
		f.alone = append(f.alone, ask(ctx, b))
	}
	f.paced, f.errors = paced(ctx, o.instances, func(i int) (time.Duration, error) { return ask(ctx, herd.breakers[i][o.rounds]), nil })
	for n := range o.rounds {
		if err := herd.fault(ctx, o, c, n, f); err != nil {
			return nil, fmt.Errorf("fault %d: %w", n, err)
		}
	}
	return f, nil
}

// ask is how long a decision takes, and the end of a call that does nothing: the
// mean of a few, for one is shorter than the clock is exact.
func ask(ctx context.Context, b *switchgear.Breaker) time.Duration {
	const few = 100
	began := time.Now()
	for range few {
		_, _ = switchgear.Do(ctx, b, func(context.Context) (int, error) { return 0, nil })
	}
	return time.Since(began) / few
}

// herd are the agents with their breakers: one of each fault, and one for the
// decisions.
type herd struct {
	agents   []*agent.Agent
	breakers [][]*switchgear.Breaker
}

func newHerd(ctx context.Context, o *options, servers []*procs.Server) (*herd, error) {
	h := new(herd)
	for i := range o.instances {
		var services []*switchgear.Service
		var breakers []*switchgear.Breaker
		for n := range o.rounds + 1 {
			s, err := switchgear.NewService(nameOf(n), switchgear.ServiceConfig{Config: switchgear.Config{FailureThreshold: threshold}}) //nolint:contextcheck // its checks, of which there are none
			if err != nil {
				return nil, err
			}
			services, breakers = append(services, s), append(breakers, s.Breaker())
			s.Breaker().RecordSuccess(time.Millisecond) // it has traffic
		}
		server := servers[i%len(servers)]
		a, err := agent.Join(ctx, server.URL, server.Token, services...)
		if err != nil {
			return nil, err
		}
		h.agents, h.breakers = append(h.agents, a), append(h.breakers, breakers)
		if i == 0 { // the first registers the services
			if err := a.Connected(ctx); err != nil {
				return nil, err
			}
		}
	}
	for _, a := range h.agents {
		if err := a.Connected(ctx); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func nameOf(n int) string { return fmt.Sprintf("fault-%d", n) }

func (h *herd) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, a := range h.agents {
		_ = a.Close(ctx) // the manager is killed anyway
	}
}

// fault has two instances fail, and waits until all others are open.
func (h *herd) fault(ctx context.Context, o *options, c *client.Client, n int, f *figures) error {
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	opened := make(chan time.Time, o.instances)
	for _, of := range h.breakers[2:] {
		stop := of[n].Observe(func(t switchgear.Transition) {
			if t.To == switchgear.Open {
				opened <- time.Now()
			}
		})
		defer stop()
	}
	for range threshold {
		h.breakers[0][n].HandleError(errDown, 0) //nolint:contextcheck // it has none
	}
	for { // until the manager knows that of the first, and that all have traffic
		s, err := c.Service(ctx, nameOf(n))
		if err != nil {
			return err
		}
		if s.Instances.Open == 1 && s.Operations.Total >= uint64(o.instances+threshold) { //nolint:gosec // it is positive
			break
		}
		wait(ctx, 20*time.Millisecond)
	}
	second := h.breakers[1][n]
	for range threshold - 1 {
		second.HandleError(errDown, 0) //nolint:contextcheck // as above
	}
	began := time.Now()
	second.HandleError(errDown, 0) //nolint:contextcheck // as above
	for range o.instances - 2 {
		select {
		case at := <-opened:
			f.spread = append(f.spread, at.Sub(began))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
