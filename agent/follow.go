package agent

import (
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

// holdBeats is how many heartbeats a hold lasts. Each heartbeat renews it, so that
// one which nobody ends is not for ever.
const holdBeats = 4

func (s *session) holdTime() time.Duration { return holdBeats * s.heartbeat }

// follow does what the fleet rule wants. The agent's mutex is held.
func (m *member) follow(to string, by switchgear.Order, hold time.Duration) error {
	b := m.service.Breaker()
	switch to {
	case wire.FleetOpen:
		if err := b.Follow(switchgear.Open, by); err != nil {
			return err
		}
		m.held = true
		b.Hold(hold)
		return nil
	case wire.FleetRecover:
		m.held = false
		return b.Follow(switchgear.HalfOpen, by)
	case wire.FleetAlone:
		m.release()
		return nil
	}
	return fmt.Errorf("to: %.64q is not open, half_open or auto", to)
}

// release gives the breaker back to its own rules.
func (m *member) release() {
	if m.held {
		m.held = false
		m.service.Breaker().Hold(0)
	}
}

// hold renews what the fleet rule holds.
func (s *session) hold() {
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.members {
		if m.held {
			m.service.Breaker().Hold(s.holdTime())
		}
	}
}

// release gives all breakers back to their own rules: nobody is there to tell them
// when they have waited long enough.
func (a *Agent) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.members {
		m.release()
	}
}
