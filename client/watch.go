package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// The waits of Watch between two tries: exponential, with full jitter, so that
// a thousand clients of a manager that has come back do not come at once; up to
// what the manager says, which knows how many they are, and else to longWait.
const (
	firstWait = 100 * time.Millisecond
	leastWait = time.Second
	longWait  = 30 * time.Second
)

// Update is one thing that Watch tells.
type Update struct {
	// Live is false when the connection is lost, which Err explains: what was
	// told before is then as old as it is.
	Live bool
	Err  error

	// Whole is true of a snapshot: Changed are all services, and those told
	// before are no more.
	Whole bool

	// Changed are the new states of services.
	Changed []wire.Entry

	// Event is an event of the history; nil if none is told. One of the kind
	// removed takes its service away.
	Event *wire.Event
}

// Watch tells a board that stays true: a snapshot of all services, then every
// change, until ctx ends, whose error it returns. A lost connection is told and
// made again, and goes on where it was. tell is called from one goroutine.
// Watch ends early with an *Error of kind Unauthorized or Forbidden.
func (c *Client) Watch(ctx context.Context, tell func(Update)) error {
	w := watch{client: c, tell: tell, longest: longWait}
	wait := firstWait
	for {
		began := time.Now()
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if kind, refused := KindOf(err); refused && (kind == Unauthorized || kind == Forbidden) {
			return err
		}
		tell(Update{Err: err})
		if time.Since(began) > w.longest {
			wait = firstWait
		}
		again := time.NewTimer(rand.N(min(wait, w.longest))) //nolint:gosec // chance, not a secret
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, w.longest)
	}
}

// watch is a Watch and how far it has come.
type watch struct {
	client *Client
	tell   func(Update)
	place  *wire.Since  // nil: nowhere yet
	pages  []wire.Entry // of a snapshot that is not whole yet

	longest time.Duration // wait between two tries
}

// follow is one connection, to its end.
func (w *watch) follow(ctx context.Context) error {
	stream, err := w.client.Stream(ctx, w.place)
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it may be closed already
	w.pages = nil
	for {
		m, err := stream.Next(ctx)
		if err == nil {
			err = w.take(m)
		}
		if err != nil {
			return err
		}
	}
}

// part is what the messages of the stream have that are followed.
type part struct {
	wire.Since

	Page     int          `json:"page"`
	Pages    int          `json:"pages"`
	Services []wire.Entry `json:"services"`
	Event    *wire.Event  `json:"event"`

	ReconnectMs int64 `json:"reconnect_ms"`
}

var errOutOfOrder = errors.New("client: the pages of a snapshot came out of order")

func (w *watch) take(m Message) error {
	switch m.Type {
	case wire.TypeConnectionStatus, wire.TypeServicesState, wire.TypeServiceUpdate, wire.TypeServiceEvent, wire.TypeHeartbeat:
	default:
		return nil // of no concern here, or of a later version
	}
	var p part
	if err := json.Unmarshal(m.Data, &p); err != nil {
		return fmt.Errorf("client: the stream: %w", err)
	}
	switch m.Type {
	case wire.TypeConnectionStatus: // its seq is the manager's, which has not been told yet
		w.longest = longWait
		if told := time.Duration(p.ReconnectMs) * time.Millisecond; told >= leastWait && told < longWait {
			w.longest = told
		}
		w.tell(Update{Live: true})
		return nil
	case wire.TypeServicesState:
		return w.page(&p)
	case wire.TypeServiceUpdate:
		var entry wire.Entry
		if err := json.Unmarshal(m.Data, &entry); err != nil {
			return fmt.Errorf("client: the stream: %w", err)
		}
		w.tell(Update{Live: true, Changed: []wire.Entry{entry}})
	case wire.TypeServiceEvent:
		w.tell(Update{Live: true, Event: p.Event})
	case wire.TypeHeartbeat:
		w.tell(Update{Live: true})
	}
	w.place = &p.Since
	return nil
}

// page takes one page of a snapshot, and tells it with the last.
func (w *watch) page(p *part) error {
	if p.Page == 1 {
		w.pages = nil
	}
	w.pages = append(w.pages, p.Services...)
	switch {
	case p.Page < 1 || p.Page > p.Pages:
		return errOutOfOrder
	case p.Page < p.Pages:
		return nil
	}
	w.tell(Update{Live: true, Whole: true, Changed: w.pages})
	w.pages, w.place = nil, &p.Since
	return nil
}
