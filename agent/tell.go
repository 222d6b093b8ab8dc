package agent

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

// seen is what a report tells a change by.
type seen struct {
	told bool

	state                     switchgear.State
	mode                      switchgear.Mode
	transitions               uint64
	failures, successes, slow uint64
	streak                    int
	share                     float64
	awaits                    bool
	openTime                  time.Duration
	lastError                 string
	operations                switchgear.Operations
	performance               switchgear.Performance
	override                  switchgear.Override
	health                    switchgear.Health
	running                   bool
	version                   int
	configError               string
}

func (m *member) seeing(s *switchgear.Snapshot) seen {
	now := seen{
		told: true, state: s.State, mode: s.Mode, transitions: s.Transitions,
		failures: s.Failures, successes: s.Successes, slow: s.Slow, streak: s.ConsecutiveFailures,
		share: s.AdmittedShare, awaits: s.AwaitsCheck, openTime: s.OpenTime, lastError: s.LastError,
		operations: s.Operations, performance: s.Performance,
		health: m.service.Health(), running: m.service.Running(), version: m.version, configError: m.configError,
	}
	if s.Override != nil {
		now.override = *s.Override
	}
	return now
}

// isAhead reports whether the breaker shows a transition that the manager was not
// told of in this connection, though it could be.
func (m *member) isAhead(now *switchgear.Snapshot) bool {
	return now.Transitions > m.heard || m.sent < m.heard && len(m.queue) > 0
}

// report tells how the services are that have changed. One whose last transition
// is still on its way waits for it, so that no state comes before its cause.
func (s *session) report(ctx context.Context) error {
	a := s.agent
	for full := true; full; {
		full = false
		page := services{Type: wire.TypeAgentReport}
		a.mu.Lock()
		for _, m := range a.sorted() {
			if !m.joined {
				continue
			}
			now := m.service.Breaker().Snapshot()
			next := m.seeing(&now)
			if next == m.seen || m.isAhead(&now) {
				continue
			}
			if full = !page.add(m.state(&now)); full {
				break
			}
			m.seen = next
		}
		a.mu.Unlock()
		if len(page.Services) == 0 {
			return nil
		}
		page.ID = s.number()
		if err := s.send(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

// told is an AgentTransitions whose parts are written already.
type told struct {
	Type        string            `json:"type"`
	ID          uint64            `json:"id"`
	Service     string            `json:"service"`
	Transitions []json.RawMessage `json:"transitions"`
	State       wire.AgentState   `json:"state"`
}

// transitions sends those that were not sent in this connection.
func (s *session) transitions(ctx context.Context) error {
	a := s.agent
	for {
		var next *told
		a.mu.Lock()
		for _, m := range a.members {
			if next = s.unsent(m); next != nil {
				break
			}
		}
		a.mu.Unlock()
		if next == nil {
			return nil
		}
		if err := s.send(ctx, next); err != nil {
			return err
		}
	}
}

// unsent is a message of the member's transitions that were not sent; nil: all
// were. The agent's mutex is held.
func (s *session) unsent(m *member) *told {
	if !m.joined {
		return nil
	}
	page := m.untold(m.sent, wire.AgentTransitionsPage)
	if len(page) == 0 {
		return nil
	}
	message := &told{Type: wire.TypeAgentTransitions, ID: s.number(), Service: m.name, State: m.state(m.after)}
	size := 0
	for i := range page {
		data, err := json.Marshal(transition(&page[i]))
		if size += len(data); err != nil || i > 0 && size > maxPage {
			break
		}
		message.Transitions = append(message.Transitions, data)
		m.sent = page[i].Number
	}
	s.unacked = append(s.unacked, unacked{message.ID, m, m.sent, time.Now()})
	return message
}

// acknowledged forgets what the manager has stored.
func (s *session) acknowledged(id uint64) {
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for n < len(s.unacked) && s.unacked[n].id <= id {
		s.unacked[n].member.known(s.unacked[n].number)
		n++
	}
	if n > 0 {
		s.unacked, s.patience = append(s.unacked[:0], s.unacked[n:]...), 1
		a.tell()
	}
}

// rejected takes the manager's word that it will never take transitions, which are
// dropped, or that their service has not joined, which it then does anew.
func (s *session) rejected(id uint64, code int) {
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(s.unacked, func(u unacked) bool { return u.id == id })
	if i < 0 {
		return
	}
	u := s.unacked[i]
	switch code {
	case wire.CodeInvalid:
		before := len(u.member.queue)
		u.member.known(u.number)
		u.member.dropped += uint64(before - len(u.member.queue)) //nolint:gosec // it gets shorter
	case wire.CodeNoService:
		u.member.joined, u.member.asked, u.member.again = false, false, time.Now().Add(retryUnknown)
	default:
		return
	}
	s.unacked = slices.Delete(s.unacked, i, i+1)
	a.stir()
}

// again makes transitions that have not been acknowledged for a heartbeat, and
// then for longer and longer, unsent: the manager may not have been able to store
// them.
func (s *session) again() {
	const longest = 6
	if len(s.unacked) == 0 || time.Since(s.unacked[0].sent) < time.Duration(s.patience)*s.heartbeat {
		return
	}
	s.patience = min(2*s.patience, longest)
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range s.unacked {
		if m := u.member; len(m.queue) > 0 {
			m.sent = min(m.sent, m.queue[0].Number-1)
		}
	}
	s.unacked = nil
}
