package link

import (
	"errors"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

func unavailable(op string) error {
	return &fleet.Error{Kind: fleet.Unavailable, Op: op, Err: ErrClosed}
}

// Publish is [fleet.Bus]'s.
func (l *Link) Publish(h fleet.Hint) error {
	if err := h.Check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return unavailable("publish")
	}
	if l.out.put(h) {
		l.state.Dropped++
	}
	return nil
}

// Subscribe is [fleet.Bus]'s.
func (l *Link) Subscribe(got func(fleet.Hint), gap func()) (stop func(), err error) {
	if got == nil || gap == nil {
		return nil, &fleet.Error{Kind: fleet.Invalid, Op: "subscribe", Err: errors.New("got and gap must be functions")}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, unavailable("subscribe")
	}
	s := subscribe(got, gap)
	l.subscriptions[s] = struct{}{}
	if l.state.Connected {
		s.miss()
	}
	return func() {
		l.mu.Lock()
		delete(l.subscriptions, s)
		l.mu.Unlock()
		s.end()
	}, nil
}

// State is [fleet.Bus]'s.
func (l *Link) State() fleet.BusState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Close is [fleet.Bus]'s.
func (l *Link) Close() error {
	l.mu.Lock()
	first, connected := !l.closed, l.state.Connected
	l.closed = true
	l.mu.Unlock()
	if first && connected {
		l.out.nudge() // Send ends when it has told all
		defer time.AfterFunc(tellWithin, l.cancel).Stop()
	} else if first {
		l.cancel()
	}
	<-l.done
	l.cancel()
	l.mu.Lock()
	subscriptions := l.subscriptions
	l.subscriptions = nil
	l.mu.Unlock()
	for s := range subscriptions {
		s.end()
	}
	return nil
}
