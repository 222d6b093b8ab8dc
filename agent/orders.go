package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

const (
	// maxChecks is how many health checks run at a time because the manager
	// ordered them.
	maxChecks = 64

	// checkTimeout is how long such a one is waited for.
	checkTimeout = 10 * time.Second
)

// obey carries an order out and answers it.
func (s *session) obey(ctx context.Context, o *wire.AgentOrder) error {
	a := s.agent
	a.mu.Lock()
	m := a.members[o.Service]
	if m == nil {
		a.mu.Unlock()
		return s.send(ctx, wire.AgentResult{
			Type: wire.TypeAgentResult, Order: o.Order, Service: o.Service, State: wire.AgentState{Service: o.Service},
			Error: &wire.AgentError{Code: wire.CodeNoService, Message: "this program has no such service"},
		})
	}
	if o.Kind == wire.OrderHealthCheck && s.checks < maxChecks {
		a.mu.Unlock()
		s.checks++
		s.busy.Go(func() { s.check(ctx, m, o.Order) })
		return nil
	}
	err := a.carryOut(m, o, s.holdTime())
	result := m.result(o.Order, err)
	a.mu.Unlock()
	return s.send(ctx, result)
}

// carryOut does what does not take long. The mutex is held.
func (a *Agent) carryOut(m *member, o *wire.AgentOrder, hold time.Duration) error {
	by := switchgear.Order{Actor: o.Actor, Reason: o.Reason}
	b := m.service.Breaker()
	switch o.Kind {
	case wire.OrderConfig:
		if o.ConfigVersion < m.version {
			return nil // old news
		}
		return a.configure(m, o.Config, o.ConfigVersion)
	case wire.OrderOverride:
		if o.Override == nil {
			return errNoOverride
		}
		return m.force(o.Override, o.Timestamp.Time)
	case wire.OrderOverrideEnd:
		return m.endOverride(by)
	case wire.OrderFleet:
		return m.follow(o.To, by, hold)
	case wire.OrderReset:
		m.held = false
		to := switchgear.Closed
		if o.To == switchgear.HalfOpen.String() {
			to = switchgear.HalfOpen
		} else if o.To != "" && o.To != to.String() {
			return fmt.Errorf("to: %.64q is neither closed nor half_open", o.To)
		}
		return b.Reset(to, by)
	case wire.OrderHealthCheck:
		return errTooManyChecks
	}
	return fmt.Errorf("kind: %.64q is no order that this program knows", o.Kind)
}

var (
	errTooManyChecks = fmt.Errorf("%d health checks are running already", maxChecks)
	errNoOverride    = errors.New("override: is required")
	errNotTheirs     = errors.New("the override is the program's own")
)

// configure puts a config of the manager's in force and keeps it, or notes why
// it cannot be. The mutex is held.
func (a *Agent) configure(m *member, raw json.RawMessage, version int) error {
	if version == m.version && bytes.Equal(raw, m.raw) {
		m.configError = ""
		return nil
	}
	if err := m.configure(raw, version); err != nil {
		text := fmt.Sprintf("version %d: %v", version, err)
		if m.configError != text {
			a.log.Error("a config of the manager's cannot be taken; the last good one stays in force", slog.String("service", m.name),
				slog.Int("config_version", version), slog.Int("in_force", m.version), slog.Any("error", err))
		}
		m.configError = text
		return err
	}
	m.version, m.raw, m.configError = version, bytes.Clone(raw), ""
	a.keeper.keep(m, m.raw, version)
	return nil
}

// override puts the manager's override in force, or ends the one that it set
// before, if there is none any more. The mutex is held.
func (a *Agent) override(m *member, o *wire.Override, at time.Time) {
	var err error
	switch {
	case o != nil && (m.given == nil || m.given.said != *o || !m.isGiven()):
		err = m.force(o, at)
	case o == nil && m.isGiven():
		err = m.service.Breaker().EndOverride(switchgear.Order{Actor: m.given.said.Actor, Reason: m.given.said.Reason})
	}
	if err != nil && !errors.Is(err, switchgear.ErrNoOverride) {
		a.log.Warn("an override of the manager's cannot be taken", slog.String("service", m.name), slog.Any("error", err))
	}
}

// isGiven reports whether the override in force is the manager's.
func (m *member) isGiven() bool {
	if m.given == nil {
		return false
	}
	here := m.service.Breaker().Snapshot().Override
	return here != nil && *here == m.given.here
}

// force puts an override in force. Its end is as far away as the manager's clock
// said at that time, whatever the clock here shows.
func (m *member) force(o *wire.Override, at time.Time) error {
	mode := switchgear.ForcedOpen
	switch o.Mode {
	case mode.String():
	case switchgear.ForcedClosed.String():
		mode = switchgear.ForcedClosed
	default:
		return fmt.Errorf("mode: %.64q is not forced_open or forced_closed", o.Mode)
	}
	until := o.ExpiresAt.Time
	if !at.IsZero() {
		until = time.Now().Add(until.Sub(at)).Round(0)
	}
	here := switchgear.Override{Mode: mode, Reason: o.Reason, Actor: o.Actor, Until: until}
	if err := m.service.Breaker().Override(here); err != nil {
		return err
	}
	m.given = &given{*o, here}
	return nil
}

// endOverride ends the manager's override. That there is none is what it wanted.
func (m *member) endOverride(by switchgear.Order) error {
	if !m.isGiven() {
		if m.service.Breaker().Snapshot().Override != nil {
			return errNotTheirs
		}
		return nil
	}
	if err := m.service.Breaker().EndOverride(by); !errors.Is(err, switchgear.ErrNoOverride) {
		return err
	}
	return nil
}

// check runs the health check, in a goroutine of its own.
func (s *session) check(ctx context.Context, m *member, order uint64) {
	waiting, cancel := context.WithTimeout(ctx, checkTimeout)
	_, err := m.service.CheckHealth(waiting)
	cancel()
	s.agent.mu.Lock()
	result := m.result(order, err)
	s.agent.mu.Unlock()
	select {
	case s.results <- result:
	case <-ctx.Done():
	}
}

// result answers an order. The agent's mutex is held.
func (m *member) result(order uint64, err error) wire.AgentResult {
	now := m.service.Breaker().Snapshot()
	r := wire.AgentResult{Type: wire.TypeAgentResult, Order: order, Service: m.name, State: m.state(&now)}
	if err == nil {
		return r
	}
	r.Error = &wire.AgentError{Code: wire.CodeInvalid, Message: clean(err.Error())}
	var bad *switchgear.ConfigError
	switch {
	case errors.As(err, &bad):
		for _, f := range bad.Fields() {
			r.Error.Errors = append(r.Error.Errors, wire.FieldMessage{Field: clean(f.Field), Message: clean(f.Message)})
		}
	case errors.Is(err, switchgear.ErrOverridden), errors.Is(err, switchgear.ErrNoCheck), errors.Is(err, errNotTheirs):
		r.Error.Code = wire.CodeConflict
	case errors.Is(err, errTooManyChecks):
		r.Error.Code = wire.CodeTooMany
	case errors.Is(err, switchgear.ErrStopped), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		r.Error.Code = wire.CodeUnavailable
	}
	return r
}

// errorText is an error of the manager's in a line.
func errorText(e *wire.AgentError) string {
	text := e.Message
	if len(e.Errors) > 0 {
		fields := make([]string, len(e.Errors))
		for i, f := range e.Errors {
			fields[i] = strings.TrimPrefix(f.Field+": "+f.Message, ": ")
		}
		text = strings.Join(fields, "; ")
	}
	return fmt.Sprintf("%s (code %d)", text, e.Code)
}
