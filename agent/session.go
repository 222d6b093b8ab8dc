package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// session is one connection. What has no mutex of its own is run's.
type session struct {
	agent  *Agent
	socket *client.AgentSocket
	node   string

	in      chan client.Message // from the reader, which waits while it is full
	results chan wire.AgentResult
	busy    sync.WaitGroup // the reader, and checks that were ordered
	checks  int            // the latter

	heartbeat, pace time.Duration
	spoke           time.Time // when the manager said something last

	id       uint64
	asked    map[uint64][]*member // those of joins that are not answered
	unacked  []unacked            // by ID
	patience int                  // heartbeats until what is unacknowledged is told again
	refusals map[string]bool      // what was logged
	failure  error                // the reader's, once it has ended
}

// unacked are transitions of a service up to a number.
type unacked struct {
	id     uint64
	member *member
	number uint64
	sent   time.Time
}

// errSilent ends a connection on which the manager shows no sign of life.
var errSilent = errors.New("agent: the manager has gone silent")

// run is the session, to its end. It says goodbye when alive ends.
func (s *session) run(alive, whatever context.Context) error {
	ctx, cancel := context.WithCancelCause(whatever)
	s.busy.Go(func() { s.read(ctx, cancel) })
	err := s.open(alive, ctx)
	if err == nil {
		err = s.serve(alive, ctx)
	}
	if alive.Err() != nil && err == nil {
		s.leave(ctx)
	}
	cancel(err)
	s.agent.release()
	_ = s.socket.CloseNow() // it may be closed already
	s.busy.Wait()
	if _, closed := errors.AsType[*client.CloseError](s.failure); closed || err == nil {
		return s.failure // what the manager said, rather than that it does not listen
	}
	return err
}

// read hands over what comes, and ends the session with the connection.
func (s *session) read(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		m, err := s.socket.Next(ctx)
		if err != nil {
			s.failure = err
			cancel(err)
			return
		}
		select {
		case s.in <- m:
		case <-ctx.Done():
			s.failure = context.Cause(ctx)
			return
		}
	}
}

// open says hello and waits for the welcome.
func (s *session) open(alive, ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("%w: no welcome within %v", errSilent, answerTimeout))
	defer cancel()
	defer context.AfterFunc(alive, cancel)()
	if err := s.socket.Send(ctx, s.agent.hello); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-s.in:
			if m.Type == wire.TypeError {
				s.refused(ctx, m.Data)
				continue // the close comes, and says the same
			}
			if m.Type != wire.TypeAgentWelcome {
				continue
			}
			var w wire.AgentWelcome
			if err := json.Unmarshal(m.Data, &w); err != nil {
				return fmt.Errorf("agent: the welcome: %w", err)
			}
			s.begin(&w)
			return nil
		}
	}
}

// begin takes the manager's pace, where it can be one.
func (s *session) begin(w *wire.AgentWelcome) {
	within := func(ms, least, most, otherwise int64) time.Duration {
		if ms < least || ms > most {
			ms = otherwise
		}
		return time.Duration(ms) * time.Millisecond
	}
	s.heartbeat = within(w.HeartbeatMs, 50, 60_000, 5_000)
	s.pace = within(w.ReportMs, 10, 60_000, 1_000)
	s.patience, s.spoke = 1, time.Now()
	a := s.agent
	a.mu.Lock()
	a.link = link{
		connected: true, node: s.node, since: time.Now(), epoch: w.Epoch, err: a.link.err,
		comeBack: within(w.ReconnectMs, leastWait.Milliseconds(), 300_000, longWait.Milliseconds()),
	}
	for _, m := range a.members {
		m.joined, m.asked, m.refusal, m.sent, m.seen = false, false, "", 0, seen{}
	}
	a.stir()
	n := len(a.members)
	a.mu.Unlock()
	a.log.Info("connected to the manager", slog.String("manager", s.node), slog.Int("services", n))
}

// serve does what there is to do, until the connection or alive ends.
func (s *session) serve(alive, ctx context.Context) error {
	heartbeat, pace := time.NewTicker(s.heartbeat), time.NewTicker(s.pace)
	defer heartbeat.Stop()
	defer pace.Stop()
	for {
		err := s.flush(ctx)
		if err != nil {
			return err
		}
		select {
		case <-alive.Done():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-s.in:
			s.spoke = time.Now()
			err = s.take(ctx, &m)
		case r := <-s.results:
			s.checks--
			err = s.send(ctx, r)
		case <-pace.C:
			err = s.report(ctx)
		case <-heartbeat.C:
			if s.isSilent() {
				return errSilent
			}
			s.hold()
			s.again()
			err = s.send(ctx, wire.AgentHeartbeat{Type: wire.TypeAgentHeartbeat})
		case <-s.agent.wake:
		}
		if err != nil {
			return err
		}
	}
}

// isSilent reports whether the manager has not said a word for three heartbeats,
// each of which it answers, or for as long as it may take to let services join.
func (s *session) isSilent() bool {
	const missed, joining = 3, time.Minute
	limit := missed * s.heartbeat
	if len(s.asked) > 0 {
		limit = max(limit, joining)
	}
	return time.Since(s.spoke) >= limit
}

// flush sends what is not to wait.
func (s *session) flush(ctx context.Context) error {
	if err := s.leaves(ctx); err != nil {
		return err
	}
	if err := s.joins(ctx); err != nil {
		return err
	}
	return s.transitions(ctx)
}

// leave tells the manager what it does not know yet, waits for a while until it
// has stored that, and says goodbye.
func (s *session) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for s.flush(ctx) == nil && s.isBehind() {
		select {
		case <-ctx.Done():
			return
		case <-s.agent.wake:
		case r := <-s.results:
			_ = s.send(ctx, r)
		case m := <-s.in:
			if m.Type == wire.TypeAgentAck && s.take(ctx, &m) != nil {
				return
			}
		}
	}
	if s.report(ctx) == nil && s.send(ctx, wire.AgentBye{Type: wire.TypeAgentBye}) == nil {
		defer context.AfterFunc(ctx, func() { _ = s.socket.CloseNow() })()
		_ = s.socket.Close(1000, "bye")
	}
}

// isBehind reports whether there are transitions that the manager could be told
// of, and has not stored.
func (s *session) isBehind() bool {
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.members {
		if m.joined && (len(m.queue) > 0 || m.heard < m.service.Breaker().Snapshot().Transitions) {
			return true
		}
	}
	return false
}

// send writes a message. One that the manager does not take in time is the end
// of the connection.
func (s *session) send(ctx context.Context, message any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, takeTimeout, errSilent)
	defer cancel()
	return s.socket.Send(ctx, message)
}

// number is the next message's ID.
func (s *session) number() uint64 {
	s.id++
	return s.id
}

// take does what a message of the manager says. One of a later version is passed
// over.
func (s *session) take(ctx context.Context, m *client.Message) error {
	var err error
	switch m.Type {
	case wire.TypeAgentJoined:
		var joined wire.AgentJoined
		if err = json.Unmarshal(m.Data, &joined); err == nil {
			s.joined(&joined)
		}
	case wire.TypeAgentAck:
		var ack wire.AgentAck
		if err = json.Unmarshal(m.Data, &ack); err == nil {
			s.acknowledged(ack.ID)
		}
	case wire.TypeAgentOrder:
		var order wire.AgentOrder
		if err = json.Unmarshal(m.Data, &order); err == nil {
			return s.obey(ctx, &order)
		}
	case wire.TypeError:
		s.refused(ctx, m.Data)
	}
	if err != nil {
		return fmt.Errorf("agent: a message of the type %.64q: %w", m.Type, err)
	}
	return nil
}

// refused logs an error of the manager's, each one once in a connection.
func (s *session) refused(ctx context.Context, data []byte) {
	const most = 100
	var e wire.Error
	if json.Unmarshal(data, &e) != nil {
		return
	}
	if id, err := strconv.ParseUint(string(e.RequestID), 10, 64); err == nil {
		s.rejected(id, e.Code)
	}
	if s.refusals[e.Message] || len(s.refusals) == most {
		return
	}
	s.refusals[e.Message] = true
	level := slog.LevelWarn
	if e.Code == wire.CodeConflict {
		level = slog.LevelError
	}
	s.agent.log.LogAttrs(ctx, level, "the manager did not take a message",
		slog.String("manager", s.node), slog.Int("code", e.Code), slog.String("error", e.Message))
}
