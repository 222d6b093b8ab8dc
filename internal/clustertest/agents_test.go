package clustertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
	"github.com/degenduel/switchgear/wire"
)

// program is one with a breaker that has joined, and may go to any node.
type program struct {
	service *switchgear.Service
	agent   *agent.Agent
	chance  *rand.Rand

	mu    sync.Mutex
	moved []string // its transitions
}

// join starts a program with that service, whose first node is i.
func (c *cluster) join(t *testing.T, service string, i int, chance *rand.Rand) *program {
	t.Helper()
	s, err := switchgear.NewService(service, switchgear.ServiceConfig{Config: switchgear.Config{
		FailureThreshold: 3, ResetTimeout: time.Second, MinHealthyPeriod: 300 * time.Millisecond, Jitter: -1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := &program{service: s, chance: chance}
	stop := s.Breaker().Observe(func(tr switchgear.Transition) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.moved = append(p.moved, tr.From.String()+">"+tr.To.String())
	})
	t.Cleanup(stop)
	var nodes []string
	for k := range c.nodes {
		nodes = append(nodes, "http://"+c.nodes[(i+k)%len(c.nodes)].listen)
	}
	p.agent, err = agent.JoinWith(t.Context(), nodes[0], token, agent.Options{Nodes: nodes[1:]}, agent.Member{Service: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.agent.Close(context.Background()) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.agent.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

var errStuck = errors.New("the till is stuck")

// work has operations that go well and badly in turn, until ctx ends.
func (p *program) work(ctx context.Context) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	bad := false
	for ctx.Err() == nil {
		if p.chance.IntN(15) == 0 {
			bad = !bad
		}
		_ = p.service.Do(ctx, func(context.Context) error { // or not, where it is open
			if bad {
				return errStuck
			}
			return nil
		})
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// judge compares the program's transitions with those that are stored, newest
// first: each is there once, in order.
func (p *program) judge(stored []wire.Event) (wrong []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []string
	for i := len(stored) - 1; i >= 0; i-- {
		if e := &stored[i]; e.Service == p.service.Name() && e.Kind == "transition" && e.From != nil && e.To != nil {
			got = append(got, *e.From+">"+*e.To)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(p.moved) {
		wrong = append(wrong, fmt.Sprintf("%s moved %v, and stored is %v", p.service.Name(), p.moved, got))
	}
	return wrong
}
