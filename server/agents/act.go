package agents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

// receive takes a message in, if it may be, when it is its turn.
func (a *agent) receive(ctx context.Context, data []byte) {
	if !a.server.auth.Active(a.id) {
		a.End(closeAuthenticationEnded, "the token has ended")
		return
	}
	a.busy.Store(true)
	defer a.busy.Store(false)
	if !a.rest(a.pace.next(time.Now())) {
		return
	}
	a.heard.Store(int64(time.Since(a.began)))
	m, err := wire.DecodeAgentMessage(data)
	if err == nil {
		err = a.inTurn(&m)
	} else {
		err = unreadable(err)
	}
	session := a.session.Load()
	if session != nil {
		session.Heard()
	}
	if err == nil {
		if session == nil {
			err = a.hello(ctx, m.Body.(*wire.AgentHello)) //nolint:forcetypeassert // inTurn has looked
		} else {
			err = a.act(ctx, session, &m)
		}
	}
	a.answer(&m, err)
}

// answer counts a message, and says what is wrong with it.
func (a *agent) answer(m *wire.AgentMessage, err error) {
	if errors.Is(err, errAnswered) {
		return
	}
	a.server.traffic.receivedOne(m.Type, err)
	if err != nil {
		a.say(errorOf(err, m.ID))
	}
}

// errAnswered says that a message is, or will be, answered by somebody else.
var errAnswered = errors.New("answered")

// rest waits, and reports whether it was not the end that came.
func (a *agent) rest(wait time.Duration) bool {
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.Closing():
		return false
	}
}

func invalid(format string, args ...any) error {
	return &fleet.Error{Kind: fleet.Invalid, Op: "agent", Err: fmt.Errorf(format, args...)}
}

// unreadable is what is wrong with a message, and of one that could not be read
// at all that it is no JSON.
func unreadable(err error) error {
	if _, ok := errors.AsType[*strict.SyntaxError](err); ok {
		return invalid("the message is not JSON: %w", err)
	}
	return invalid("%w", err)
}

// inTurn refuses a message that may not come now.
func (a *agent) inTurn(m *wire.AgentMessage) error {
	_, hello := m.Body.(*wire.AgentHello)
	switch attached := a.session.Load() != nil; {
	case hello && attached:
		return invalid("type: %s has come already", m.Type)
	case !hello && !attached:
		return invalid("type: %s must come before %s", wire.TypeAgentHello, m.Type)
	case m.ID > 0 && m.ID <= a.lastID:
		return invalid("id: %d is not above %d, which was the last", m.ID, a.lastID)
	case m.ID > 0:
		a.lastID = m.ID
	}
	return nil
}

// hello begins the session.
func (a *agent) hello(ctx context.Context, m *wire.AgentHello) error {
	f := faults{now: time.Now()}
	info := f.info(m)
	if err := f.since(0); err != nil {
		return err
	}
	info.Address, info.Node = a.address, a.server.cfg.Node
	var allowed func(string) bool
	if a.id.Limited() {
		allowed = a.id.Sees
	}
	session, err := a.server.manager.Attach(ctx, info, allowed, a)
	if err != nil {
		a.answer(&wire.AgentMessage{Type: m.Type}, err)
		a.turnAway(ctx, &info, err)
		return errAnswered
	}
	a.name = info.Name
	a.session.Store(&attached{session})
	cfg := &a.server.cfg
	a.say(wire.AgentWelcome{
		Type: wire.TypeAgentWelcome, Timestamp: now(), Epoch: a.server.manager.Epoch(), HeartbeatMs: cfg.HeartbeatInterval.Milliseconds(),
		ReportMs: cfg.ReportInterval.Milliseconds(), MaxServices: max(cfg.ServicesPerAgent, 0),
		ReconnectMs: socket.ComeBack(a.server.taken()).Milliseconds(),
	})
	return nil
}

// turnAway closes an agent that the manager does not take.
func (a *agent) turnAway(ctx context.Context, info *fleet.AgentInfo, err error) {
	t := told(err)
	code := socket.CloseTryLater
	switch t.Code {
	case wire.CodeConflict:
		code = wire.CodeConflict
	case wire.CodeInvalid, wire.CodeNotAllowed:
		code = socket.ClosePolicy
	}
	a.server.log.LogAttrs(ctx, slog.LevelWarn, "agent refused", slog.Int("code", t.Code), slog.Any("error", err),
		slog.String("instance", info.Instance), slog.String("name", info.Name), slog.String("program", info.Program),
		slog.String("identity", a.id.Name), slog.String("remote", a.address))
	const longest = 100
	a.End(code, cut(t.Message, longest))
}

// act does what a message says.
func (a *agent) act(ctx context.Context, s *attached, m *wire.AgentMessage) error {
	switch body := m.Body.(type) {
	case *wire.AgentJoin:
		return a.join(ctx, s, body)
	case *wire.AgentLeave:
		return a.leave(ctx, s, body)
	case *wire.AgentReport:
		return a.report(s, body)
	case *wire.AgentTransitions:
		return a.transitions(ctx, s, body)
	case *wire.AgentResult:
		f := faults{now: time.Now()}
		after, failed := f.result(body)
		if err := f.since(0); err != nil {
			return err
		}
		s.Result(body.Order, failed, after)
	case *wire.AgentHeartbeat:
		a.out.beat()
	case *wire.AgentBye:
		a.bye = true
		a.flights.wait()
		a.End(socket.CloseNormal, "bye")
	}
	return nil
}

// join brings services in: those that are well-formed and have a place.
func (a *agent) join(ctx context.Context, s *attached, m *wire.AgentJoin) error {
	a.flights.wait()
	answer := wire.AgentJoined{Type: wire.TypeAgentJoined, ID: m.ID, Services: make([]wire.JoinedService, len(m.Services))}
	f := faults{now: time.Now()}
	var good []fleet.AgentService
	var places []int
	asked := make(map[string]bool)
	for i := range m.Services {
		j := &m.Services[i]
		n := len(f.list)
		service := f.service("services["+strconv.Itoa(i)+"].", j)
		err := f.since(n)
		if err == nil && !a.id.Sees(j.Service) {
			err = socket.Refuse(fleet.Forbidden, "the token is not for the service "+j.Service)
		}
		if err == nil {
			err = a.roomFor(j.Service, asked)
		}
		if err != nil {
			answer.Services[i] = wire.JoinedService{Service: cut(j.Service, longestText), Error: told(err)}
			continue
		}
		asked[j.Service] = true
		good, places = append(good, service), append(places, i)
	}
	a.out.hold()
	defer a.out.release()
	results, err := s.Join(ctx, good)
	if err != nil {
		return err
	}
	if len(results) != len(good) {
		return fmt.Errorf("agents: %d answers to %d services that join", len(results), len(good))
	}
	for i := range results {
		if refused := results[i].Err; refused != nil {
			answer.Services[places[i]] = wire.JoinedService{Service: results[i].Service, Error: told(refused)}
			continue
		}
		if answer.Services[places[i]], err = joined(&results[i]); err != nil {
			return err
		}
		a.services[results[i].Service] = true
	}
	answer.Timestamp = now()
	a.say(answer)
	return nil
}

// roomFor refuses a service that is asked for twice in a message, or is one too
// many.
func (a *agent) roomFor(service string, asked map[string]bool) error {
	limit, has := a.server.cfg.ServicesPerAgent, len(a.services)
	for name := range asked {
		if !a.services[name] {
			has++
		}
	}
	switch {
	case asked[service]:
		return invalid("service: %s is in the message twice", service)
	case limit >= 0 && !a.services[service] && has >= limit:
		return &fleet.Error{Kind: fleet.Exhausted, Op: "agent", Err: fmt.Errorf("an agent has %d services at most", limit)}
	}
	return nil
}

func (a *agent) leave(ctx context.Context, s *attached, m *wire.AgentLeave) error {
	a.flights.wait()
	if err := s.Leave(ctx, m.Services); err != nil {
		return err
	}
	for _, name := range m.Services {
		delete(a.services, name)
		a.ledger.forget(name)
	}
	a.settle(m.ID)
	return nil
}

// settle acknowledges a message that is known, as soon as all before it is.
func (a *agent) settle(id uint64) {
	a.ledger.begin(id, "")
	if id := a.ledger.settle(id, true); id > 0 {
		a.out.acknowledge(id)
	}
}

// report takes in what is well-formed of a report.
func (a *agent) report(s *attached, m *wire.AgentReport) error {
	f := faults{now: time.Now()}
	states := make([]fleet.InstanceState, 0, len(m.Services))
	for i := range m.Services {
		n := len(f.list)
		state := f.state("services["+strconv.Itoa(i)+"].", &m.Services[i])
		if f.since(n) != nil {
			continue
		}
		if !a.flights.await(state.Service, a.Closing()) {
			return nil
		}
		states = append(states, state)
	}
	s.Report(states)
	a.settle(m.ID)
	return f.since(0)
}

// transitions takes in transitions of one service, beside those of others.
func (a *agent) transitions(ctx context.Context, s *attached, m *wire.AgentTransitions) error {
	f := faults{now: time.Now()}
	list, after := f.transitions(m)
	if err := f.since(0); err != nil {
		return err
	}
	if !a.services[m.Service] {
		return &fleet.Error{Kind: fleet.NotFound, Op: "agent", Err: fmt.Errorf("%s has not joined", m.Service)}
	}
	if !a.flights.begin(m.Service, a.Closing()) {
		return errAnswered // nobody is there to read it
	}
	a.ledger.begin(m.ID, m.Service)
	go func() {
		defer a.flights.end(m.Service)
		err := s.Transitions(ctx, m.Service, list, after)
		a.answer(&wire.AgentMessage{Type: m.Type, ID: m.ID}, err)
		if id := a.ledger.settle(m.ID, err == nil || settled(err)); id > 0 {
			a.out.acknowledge(id)
		}
	}()
	return errAnswered
}

// settled reports whether what was refused would be refused again: it is of no
// use to wait for it.
func settled(err error) bool {
	kind := fleet.KindOf(err)
	return kind == fleet.Invalid || kind == fleet.NotFound || kind == fleet.Conflict
}
