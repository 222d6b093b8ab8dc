package agent

import (
	"context"
	"fmt"
	"time"
)

// State is how an agent is at the manager.
type State struct {
	Connected bool
	URL       string    // the manager's node; empty: not connected
	Since     time.Time // when the connection was made, or lost; zero: there was none, and no try has failed
	Epoch     string    // the manager's

	// Err is why there is no connection, or, if there is one, why there was none
	// before. Refused tells an error that somebody must do something about, such
	// as a token that is not valid.
	Err     error
	Refused bool

	Services []ServiceState // by name
}

// ServiceState is how a service is at the manager.
type ServiceState struct {
	Service       string
	Joined        bool   // in this connection
	Err           string // why the manager does not take it; empty: it does, or has not answered
	ConfigVersion int    // of the manager's config in force; 0 where the program's own is
	ConfigError   string // why a newer one was refused
	Overridden    bool   // by the manager

	// Unsent are the transitions that the manager has not stored yet, as far as
	// is known, and Dropped those that made room for newer ones before it had.
	Unsent  int
	Dropped uint64
}

// State is how the agent is now.
func (a *Agent) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &a.link
	s := State{Connected: l.connected, URL: l.node, Since: l.since, Epoch: l.epoch, Err: l.err, Refused: l.refused}
	for _, m := range a.sorted() {
		s.Services = append(s.Services, ServiceState{
			Service: m.name, Joined: m.joined, Err: m.refusal, ConfigVersion: m.version, ConfigError: m.configError,
			Overridden: m.isGiven(), Unsent: len(m.queue), Dropped: m.dropped,
		})
	}
	return s
}

// Connected waits until the manager has taken every service, whose breakers are
// then as it remembers them. The error is ErrClosed, says which service the
// manager does not take, or is that of ctx with what went wrong last.
func (a *Agent) Connected(ctx context.Context) error {
	for {
		a.mu.Lock()
		joined, err := a.isJoined()
		moved, last := a.moved, a.link.err
		a.mu.Unlock()
		if joined || err != nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("agent: %w (%w)", ctx.Err(), last)
			}
			return fmt.Errorf("agent: %w", ctx.Err())
		}
	}
}

// isJoined reports whether the manager has taken every service. The mutex is
// held.
func (a *Agent) isJoined() (bool, error) {
	if a.isOver() {
		return false, ErrClosed
	}
	all := a.link.connected
	for _, m := range a.sorted() {
		if m.refusal != "" && !m.asked && !m.joined {
			return false, fmt.Errorf("agent: the manager does not take %q: %s", m.name, m.refusal)
		}
		all = all && m.joined
	}
	return all, nil
}
