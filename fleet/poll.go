package fleet

import (
	"context"
	"fmt"
	"sync"
)

// poll is an order to several instances, and what they answer.
type poll struct {
	all  int
	done chan struct{} // closed when nobody is left

	mu      sync.Mutex
	left    int
	carried int   // who did it
	refused error // why the first did not
}

func newPoll(n int) *poll {
	p := &poll{all: n, left: n, done: make(chan struct{})}
	if n == 0 {
		close(p.done)
	}
	return p
}

// answer takes one answer; lost: there will be none.
func (p *poll) answer(name string, err error, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case lost:
	case err == nil:
		p.carried++
	case p.refused == nil:
		p.refused = fmt.Errorf("%s refuses it: %w", name, err)
	}
	if p.left--; p.left == 0 {
		close(p.done)
	}
}

func (p *poll) did() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.carried
}

// wait waits for all answers, or the end of ctx, and says how many did it.
// Conflict if one refused, Unavailable if nobody answered.
func (p *poll) wait(ctx context.Context) (string, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	words := fmt.Sprintf("%d of %d instances", p.carried, p.all)
	if p.refused != nil {
		return words, &Error{Kind: Conflict, Op: "order", Err: fmt.Errorf("%s did it: %w", words, p.refused)}
	}
	if silent := p.all - p.carried; silent > 0 {
		words += fmt.Sprintf(", %d silent", silent)
	}
	if p.carried == 0 {
		return words, errorf(Unavailable, "order", "nobody answered: %s", words)
	}
	return words, nil
}

// connected are the sessions of those that are connected and that of is true of;
// nil: of all.
func (c *crowd) connected(of func(*instance) bool) []*AgentSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*AgentSession
	for _, i := range c.all {
		if s := i.who.session.Load(); s != nil && !i.left && (of == nil || of(i)) {
			all = append(all, s)
		}
	}
	return all
}

// ask sends an order to those that are connected, without any lock.
func (c *crowd) ask(o AgentOrder, of func(*instance) bool) *poll {
	sessions := c.connected(of)
	p := newPoll(len(sessions))
	o.Service = c.name
	for _, s := range sessions {
		s.order(o, p)
	}
	return p
}
