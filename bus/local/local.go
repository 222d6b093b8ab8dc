// Package local is a [fleet.Bus] between managers of one process: for a manager
// that is alone, and for tests, which can cut its hub.
package local

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/degenduel/switchgear/bus/internal/link"
	"github.com/degenduel/switchgear/fleet"
)

// Hub joins the buses of one process. It is safe for concurrent use.
type Hub struct {
	mu      sync.Mutex
	nodes   map[*link.Link]struct{}
	cut     bool
	changed chan struct{} // closed, and made anew, when cut changes
}

var errCut = errors.New("the hub is cut")

// New is a hub that works.
func New() *Hub {
	return &Hub{nodes: make(map[*link.Link]struct{}), changed: make(chan struct{})}
}

// Join is one more bus on the hub. A nil logger logs nothing.
func (h *Hub) Join(log *slog.Logger) fleet.Bus {
	return link.Open(h.session, log)
}

// Cut parts all buses until Heal, as the loss of a server does.
func (h *Hub) Cut() { h.setCut(true) }

// Heal lets the buses find the hub again.
func (h *Hub) Heal() { h.setCut(false) }

func (h *Hub) setCut(cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = cut
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *Hub) session(ctx context.Context, l *link.Link) error {
	changed, err := h.enter(l)
	if err != nil {
		return err
	}
	defer h.leave(l)
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case <-changed:
			cancel(errCut)
		}
	}()
	err = l.Send(ctx, h.tell)
	cancel(err)
	<-watched
	if cause := context.Cause(ctx); errors.Is(cause, errCut) {
		return errCut
	}
	return err
}

func (h *Hub) enter(l *link.Link) (changed <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cut {
		return nil, errCut
	}
	h.nodes[l] = struct{}{}
	l.Up()
	return h.changed, nil
}

func (h *Hub) leave(l *link.Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.nodes, l)
}

func (h *Hub) tell(_ context.Context, hints []fleet.Hint) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cut {
		return errCut
	}
	for node := range h.nodes {
		for _, hint := range hints {
			node.Give(hint)
		}
	}
	return nil
}
