package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// fake is an agent that has no breakers: it says what one with some would say. Of
// package agent it has the protocol, the pace, and how it comes back; a real one
// costs its program more, and the manager the same.
type fake struct {
	herd     *herd
	number   int
	client   *client.Client
	hello    wire.AgentHello
	breakers []breaker
	moves    chan struct{} // transitions that it is to make
	socket   atomic.Pointer[client.AgentSocket]

	// Its goroutine's.
	known   bool // by the manager, from an earlier connection
	next    int  // the breaker that is reported next
	credit  float64
	untold  []move // transitions that are not acknowledged, the oldest first
	session struct {
		id      uint64
		waiting []waiting // messages that are not acknowledged
		joins   map[uint64]bool
	}
	buffer []byte
}

// breaker is all that a fake has of one.
type breaker struct {
	successes, number uint64
	state             int
}

// move is a transition.
type move struct {
	breaker int
	number  uint64
	from    int
	at      time.Time
}

// waiting is a message that is not acknowledged.
type waiting struct {
	id   uint64
	at   time.Time
	kind int // of spans
}

const (
	// maxUntold and maxWaiting are how much a fake keeps. With more than that
	// it makes no transitions, and no reports, until the manager acknowledges some.
	maxUntold, maxWaiting = 64, 256

	// As package agent has them.
	firstWait, longWait = 100 * time.Millisecond, 30 * time.Second
	answerTimeout       = 10 * time.Second
	takeTimeout         = 30 * time.Second
)

// service is the name of the nth service of the fake.
func (f *fake) service(n int) string {
	return "fleet_" + strconv.Itoa(f.number/f.herd.Instances) + "_" + strconv.Itoa(n)
}

// run is connected, again and again, until ctx ends.
func (f *fake) run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		began := time.Now()
		err := f.once(ctx)
		f.herd.lost(f, err)
		if time.Since(began) > longWait {
			wait = firstWait
		}
		pause := rand.N(wait) //nolint:gosec // it is no secret
		if busy, ok := errors.AsType[*client.Error](err); ok {
			pause = max(pause, min(busy.RetryAfter, longWait))
		}
		wait = min(2*wait, longWait)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// once is one connection.
func (f *fake) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	epoch := f.herd.began()
	dialing, stop := context.WithTimeout(ctx, answerTimeout)
	defer stop()
	socket, err := f.client.AgentSocket(dialing)
	if err != nil {
		return err
	}
	f.socket.Store(socket)
	in := make(chan client.Message, 16)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer socket.CloseNow() //nolint:errcheck // it may be closed already
	reading.Go(func() {
		for {
			m, err := socket.Next(ctx)
			if err != nil {
				cancel(err)
				return
			}
			select {
			case in <- m:
			case <-ctx.Done():
				return
			}
		}
	})
	if err := f.send(ctx, f.hello); err != nil {
		return err
	}
	var welcome wire.AgentWelcome
	select {
	case m := <-in:
		if m.Type != wire.TypeAgentWelcome {
			return fmt.Errorf("instead of a welcome came %.300s", m.Data)
		}
		if err := json.Unmarshal(m.Data, &welcome); err != nil {
			return err
		}
	case <-dialing.Done():
		return errors.Join(errors.New("no welcome came in time"), context.Cause(ctx))
	}
	f.session.id, f.session.waiting, f.session.joins = 0, f.session.waiting[:0], make(map[uint64]bool)
	if err := f.join(ctx); err != nil {
		return err
	}
	return f.serve(ctx, in, &welcome, epoch)
}

// serve does what there is to do, until the connection ends.
func (f *fake) serve(ctx context.Context, in <-chan client.Message, w *wire.AgentWelcome, epoch int) error {
	heartbeat := time.NewTicker(time.Duration(max(w.HeartbeatMs, 50)) * time.Millisecond)
	defer heartbeat.Stop()
	pace := time.Duration(max(w.ReportMs, 10)) * time.Millisecond
	report := time.NewTicker(rand.N(pace) + 1) //nolint:gosec // so that not all report at once
	defer report.Stop()
	shifted := false
	for {
		var moves <-chan struct{}
		if len(f.session.joins) == 0 && len(f.untold) < maxUntold {
			moves = f.moves
		}
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-in:
			err = f.take(ctx, &m, epoch)
		case <-report.C:
			if !shifted {
				shifted = true
				report.Reset(pace)
			}
			if len(f.session.joins) == 0 {
				err = f.report(ctx, f.herd.Share)
			}
		case <-heartbeat.C:
			err = f.send(ctx, wire.AgentHeartbeat{Type: wire.TypeAgentHeartbeat})
		case <-moves:
			err = f.move(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (f *fake) send(ctx context.Context, message any) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	return f.socket.Load().Send(ctx, message)
}

func (f *fake) id() uint64 {
	f.session.id++
	return f.session.id
}

// sent notes that a message is to be acknowledged.
func (f *fake) sent(id uint64, kind int) {
	f.session.waiting = append(f.session.waiting, waiting{id, time.Now(), kind})
}

// take does what a message of the manager says.
func (f *fake) take(ctx context.Context, m *client.Message, epoch int) error {
	switch m.Type {
	case wire.TypeAgentJoined:
		var joined wire.AgentJoined
		if err := json.Unmarshal(m.Data, &joined); err != nil {
			return err
		}
		return f.joined(ctx, &joined, epoch)
	case wire.TypeAgentAck:
		var ack wire.AgentAck
		if err := json.Unmarshal(m.Data, &ack); err != nil {
			return err
		}
		f.acknowledged(ack.ID)
	case wire.TypeAgentOrder:
		var order wire.AgentOrder
		if err := json.Unmarshal(m.Data, &order); err != nil {
			return err
		}
		return f.send(ctx, wire.AgentResult{
			Type: wire.TypeAgentResult, Order: order.Order, Service: order.Service, Error: &wire.AgentError{Code: wire.CodeInvalid, Message: "this agent only makes a load"},
		})
	case wire.TypeError:
		f.herd.wrong(fmt.Errorf("the manager says %.300s", m.Data))
	}
	return nil
}

func (f *fake) acknowledged(id uint64) {
	now, n := time.Now(), 0
	for ; n < len(f.session.waiting) && f.session.waiting[n].id <= id; n++ {
		w := &f.session.waiting[n]
		f.herd.acks[w.kind].add(now.Sub(w.at))
		if w.kind == ofMove && len(f.untold) > 0 { // one message, one transition, in order
			f.untold = append(f.untold[:0], f.untold[1:]...)
		}
	}
	f.session.waiting = append(f.session.waiting[:0], f.session.waiting[n:]...)
}
