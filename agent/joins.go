package agent

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

// maxPage is how large the parts of a message may be together, in bytes, of the
// 1 MiB that the manager takes.
const maxPage = 512 << 10

// retryRefused is how long a service that the manager did not take waits, and
// retryUnavailable if the manager could not, and retryUnknown if it does not know
// it any more.
const (
	retryRefused     = 30 * time.Second
	retryUnavailable = 5 * time.Second
	retryUnknown     = time.Second
)

// services is an AgentJoin, or an AgentReport, whose parts are written already.
type services struct {
	Type     string            `json:"type"`
	ID       uint64            `json:"id"`
	Services []json.RawMessage `json:"services"`

	size int
}

// add puts a part in, unless it is full.
func (p *services) add(part any) bool {
	data, err := json.Marshal(part)
	if err != nil || len(p.Services) > 0 && (len(p.Services) == wire.AgentPage || p.size+len(data) > maxPage) {
		return false
	}
	p.Services, p.size = append(p.Services, data), p.size+len(data)
	return true
}

// leaves tells of services that have left.
func (s *session) leaves(ctx context.Context) error {
	a := s.agent
	a.mu.Lock()
	var names []string
	for name := range a.left {
		if len(names) < wire.AgentPage {
			names = append(names, name)
		}
	}
	a.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	if err := s.send(ctx, wire.AgentLeave{Type: wire.TypeAgentLeave, ID: s.number(), Services: names}); err != nil {
		return err
	}
	a.mu.Lock()
	for _, name := range names {
		delete(a.left, name)
	}
	more := len(a.left) > 0
	a.mu.Unlock()
	if more {
		return s.leaves(ctx)
	}
	return nil
}

// joins tells of services that the manager has not been told of in this
// connection, or that it did not take a while ago.
func (s *session) joins(ctx context.Context) error {
	a := s.agent
	for {
		page := services{Type: wire.TypeAgentJoin}
		var asked []*member
		now := time.Now()
		a.mu.Lock()
		for _, m := range a.members {
			if m.joined || m.asked || now.Before(m.again) {
				continue
			}
			if !page.add(m.join()) {
				break
			}
			m.asked, asked = true, append(asked, m)
		}
		a.mu.Unlock()
		if len(asked) == 0 {
			return nil
		}
		page.ID = s.number()
		s.asked[page.ID] = asked
		if err := s.send(ctx, page); err != nil {
			return err
		}
	}
}

// join is how the member is told to a manager.
func (m *member) join() wire.JoinService {
	now := m.service.Breaker().Snapshot()
	return wire.JoinService{
		Service: m.name, Layer: clean(m.about.Layer), Description: clean(m.about.Description),
		Dependencies: append([]string{}, m.about.Dependencies...),
		Config:       m.code, HasCheck: m.service.HasCheck(), State: m.state(&now),
		Fresh: !m.met && now.Transitions == 0 && now.State == switchgear.Closed && now.Mode == switchgear.Auto,
	}
}

// joined takes the manager's answer to a join.
func (s *session) joined(answer *wire.AgentJoined) {
	a := s.agent
	asked := s.asked[answer.ID]
	delete(s.asked, answer.ID)
	a.mu.Lock()
	defer a.mu.Unlock()
	progress := slices.ContainsFunc(answer.Services, func(j wire.JoinedService) bool { return j.Error == nil })
	for _, m := range asked {
		i := slices.IndexFunc(answer.Services, func(j wire.JoinedService) bool { return j.Service == m.name })
		if i >= 0 && a.members[m.name] == m {
			s.welcome(m, &answer.Services[i], answer.Timestamp.Time, progress)
		}
	}
	a.stir()
}

// welcome puts in force what the manager says of one. The agent's mutex is held;
// a breaker's is taken below it, and never the other way round. Where others have
// joined meanwhile, one that depends on something is asked for again at once.
func (s *session) welcome(m *member, j *wire.JoinedService, at time.Time, progress bool) {
	a := s.agent
	m.asked = false
	if j.Error != nil {
		if progress && len(m.about.Dependencies) > 0 {
			return
		}
		m.again = time.Now().Add(retryRefused)
		if j.Error.Code == wire.CodeUnavailable {
			m.again = time.Now().Add(retryUnavailable)
		}
		if text := errorText(j.Error); m.refusal != text {
			m.refusal = text
			a.log.Error("the manager does not take a service; it will be asked again",
				slog.String("manager", s.node), slog.String("service", m.name), slog.String("error", text))
		}
		return
	}
	m.joined, m.refusal = true, ""
	if len(j.Config) > 0 && string(j.Config) != "null" {
		_ = a.configure(m, j.Config, j.ConfigVersion) // it is in the reports
	}
	if j.State != nil && !m.met {
		m.adopt(j.State, a.log)
	}
	m.met = true
	a.override(m, j.Override, at)
	if j.Fleet != "" {
		by := switchgear.Order{Actor: "fleet", Reason: "the instances are open together"}
		if err := m.follow(j.Fleet, by, s.holdTime()); err != nil {
			a.log.Warn("the breaker does not do what the fleet rule says", slog.String("service", m.name), slog.Any("error", err))
		}
	}
	if j.Known <= m.heard { // or it is of another breaker of the same name
		m.known(j.Known)
		m.sent = j.Known
	}
}

// adopt begins where the manager remembers the service.
func (m *member) adopt(w *wire.AgentState, log *slog.Logger) {
	was := snapshotOf(w)
	was.Service = m.name
	if err := m.service.Breaker().Adopt(was); err != nil {
		log.Info("the breaker does not begin as the manager remembers it",
			slog.String("service", m.name), slog.String("state", w.CircuitBreaker.State), slog.Any("error", err))
	}
}
