package switchgear

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"testing/synctest"
	"time"
)

// begin asks for an operation whose context may have a deadline; zero is none.
func (h *machine) begin(deadline time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	if deadline > 0 {
		ctx, cancel = context.WithTimeout(context.Background(), deadline)
	}
	p, err := h.b.Allow(ctx)
	if !h.admitted(err) {
		cancel()
		return
	}
	m := h.m.admit()
	if deadline > 0 {
		m.contextEnds = h.now() + deadline
	}
	h.permits = append(h.permits, &inFlight{p, ctx, cancel, m})
}

// admitted compares a decision with the model's.
func (h *machine) admitted(err error) bool {
	yes, no := h.m.allow()
	switch {
	case err == nil && !yes:
		h.fail("an operation is admitted that must not be")
	case err != nil && !no:
		h.fail("an operation is rejected that must not be: %v", err)
	}
	if err != nil {
		h.checkRejection(err)
		h.m.reject()
	}
	return err == nil
}

func (h *machine) checkRejection(err error) {
	m := h.m
	var open *OpenError
	if !errors.Is(err, ErrOpen) || !errors.As(err, &open) {
		h.fail("a rejection is %T: %v", err, err)
	}
	if open.Service != "machine" || open.State != m.state || open.Mode != m.mode() {
		h.fail("a rejection is of %q, %v and %v; want %v and %v", open.Service, open.State, open.Mode, m.state, m.mode())
	}
	if open.Cause.Rule != m.trip {
		h.fail("a rejection says that the circuit opened by %q, want %q", open.Cause.Rule, m.trip)
	}
	least, most := time.Millisecond, time.Second
	switch {
	case m.mode() == ForcedOpen:
		least, most = m.overrideEnd-m.now, m.overrideEnd-m.now
	case m.state == Open:
		least, most = m.nextAttempt()-m.now, m.nextAttempt()-m.now
	case m.recovery.firstSuccess != notYet:
		least = max(time.Second-(m.now-m.recovery.firstSuccess)%time.Second, time.Millisecond)
		most = least
	}
	if got := open.RetryAfter(); got < least || got > most {
		h.fail("RetryAfter is %v, want %v to %v", got, least, most)
	}
}

// finish ends an operation that was begun.
func (h *machine) finish(i int, how howEnded) {
	p := h.permits[i]
	err, kind, asked := how.meaning(p.ctx.Err() != nil)
	p.permit.Done(err)
	synctest.Wait()
	took := h.now() - p.model.start
	h.m.settle(p.model, ended{kind, took, asked, h.m.slow(took)})
}

// forget ends the test's interest in an operation. Unless it was finished, it
// is one that hangs.
func (h *machine) forget(i int) {
	h.permits = slices.Delete(h.permits, i, i+1)
}

// cancel ends the context of an operation that was begun.
func (h *machine) cancel(i int) {
	p := h.permits[i]
	p.cancel()
	synctest.Wait()
	if r := h.m.recovery; r != nil && r.probe() == p.model {
		h.m.settle(p.model, ended{kind: Ignored})
	}
}

// call runs an operation through Do that takes so long.
func (h *machine) call(how howEnded, took time.Duration) {
	err, kind, asked := how.meaning(true)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var answer error
	var panicked any
	started := false
	go func() {
		defer func() { panicked = recover() }()
		_, answer = Do(ctx, h.b, func(context.Context) (int, error) {
			started = true
			if took > 0 {
				time.Sleep(took)
			}
			if how == isCancel {
				cancel()
			}
			if how == panics {
				panic(errBoom)
			}
			if how == goexits {
				runtime.Goexit()
			}
			return 0, err
		})
	}()
	synctest.Wait()
	if !started {
		h.admitted(answer)
		return
	}
	h.admitted(nil)
	p := h.m.admit()
	if took > 0 {
		h.sleep(took)
	}
	if want := how == panics; want != (panicked != nil) {
		h.fail("an operation that %v panics with %v", how, panicked)
	}
	h.m.settle(p, ended{kind, took, asked, h.m.slow(took)})
}

// record tells of an operation that ran elsewhere.
func (h *machine) record(how howEnded, took time.Duration) {
	err, kind, asked := how.meaning(false)
	if how == returns {
		h.b.RecordSuccess(took)
	} else {
		h.b.HandleError(err, took)
	}
	synctest.Wait()
	h.m.record(ended{kind, took, asked, h.m.slow(took)})
}

func (h *machine) sleep(d time.Duration) {
	time.Sleep(d)
	h.settle()
}

func (h *machine) checkNow() {
	go func() {
		//nolint:errcheck // what it says is in the log of checks
		h.service.CheckHealth(context.Background())
	}()
	h.settle()
}

func (h *machine) configure(cfg Config) {
	if h.service != nil {
		h.must(h.service.Configure(cfg))
	} else {
		h.must(h.b.Configure(cfg))
	}
	h.given = cfg
	synctest.Wait()
	h.m.configure(cfg)
}

func (h *machine) override(mode Mode, lasts time.Duration) {
	o := Override{Mode: mode, Reason: "a test", Actor: "machine", Until: time.Now().Add(lasts)}
	h.must(h.b.Override(o))
	h.m.setOverride(o, h.now()+lasts)
}

func (h *machine) endOverride() {
	by := Order{Actor: "somebody", Reason: "it is over"}
	err := h.b.EndOverride(by)
	synctest.Wait()
	if h.m.override == nil {
		if !errors.Is(err, ErrNoOverride) {
			h.fail("EndOverride without an override: %v", err)
		}
		return
	}
	h.must(err)
	h.m.endOverride(by)
}

func (h *machine) reset(to State) {
	by := Order{Actor: "somebody", Reason: "to try"}
	err := h.b.Reset(to, by)
	synctest.Wait()
	if refused := h.m.reset(to, by); refused != errors.Is(err, ErrOverridden) || !refused && err != nil {
		h.fail("Reset in mode %v: %v", h.m.mode(), err)
	}
}

func (h *machine) follow(to State) {
	by := Order{Actor: "all", Reason: "together"}
	err := h.b.Follow(to, by)
	synctest.Wait()
	if refused := h.m.follow(to, by); refused != errors.Is(err, ErrOverridden) || !refused && err != nil {
		h.fail("Follow in mode %v: %v", h.m.mode(), err)
	}
}

func (h *machine) hold(d time.Duration) {
	h.b.Hold(d)
	synctest.Wait()
	h.m.hold(d)
}

// restart restores a snapshot, after a while, into a new breaker whose wall
// clock is ahead of the old one's by jump, or behind it.
func (h *machine) restart(cfg Config, while, jump time.Duration) {
	data, err := json.Marshal(h.b.Snapshot())
	h.must(err)
	h.m.rebucket(h.m.cfg.MonitoringWindow)
	h.end()
	time.Sleep(while)
	h.make(cfg)
	h.m.now = h.now()
	var s Snapshot
	h.must(json.Unmarshal(data, &s))
	moveTimes(&s, -jump)
	h.must(h.b.Restore(s))
	synctest.Wait()
	h.m.restore(cfg, jump)
}

// moveTimes moves all wall times of a snapshot.
func moveTimes(s *Snapshot, by time.Duration) {
	move := func(times ...*time.Time) {
		for _, t := range times {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
	}
	move(&s.At, &s.LastFailure, &s.LastSuccess, &s.LastReset, &s.LastRecoveryAttempt,
		&s.OpenedAt, &s.NextAttemptAt, &s.ClosesAt)
	if s.Override != nil {
		move(&s.Override.Until)
	}
	if s.Outage != nil {
		move(&s.Outage.BeganAt)
	}
	for i := range s.Window {
		b := &s.Window[i]
		move(&b.From, &b.To, &b.FirstFailure, &b.LastFailure)
	}
}

func (h *machine) must(err error) {
	if err != nil {
		h.fail("%v", err)
	}
}
