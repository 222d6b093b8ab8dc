package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// sendTimeout is when a receiver that has not answered has failed, and
	// shutdownTimeout how long it has to answer when Run ends.
	sendTimeout     = 30 * time.Second
	shutdownTimeout = 3 * time.Second

	// How long a receiver is left alone: longer and longer up to maxPause for
	// impatient, then somePause until patient, and then longPause.
	firstPause = time.Second
	maxPause   = 10 * time.Second
	impatient  = 10 * time.Minute
	somePause  = time.Minute
	patient    = time.Hour
	longPause  = 5 * time.Minute

	// maxAsked is how long a receiver can ask to be left alone.
	maxAsked = time.Hour

	maxErrorText = 512 // bytes
)

// deliver brings a receiver its messages until ctx ends.
func (o *outbox) deliver(ctx context.Context, l *line) {
	defer poke(l.wake) // what woke this one may have been for who serves it next
	for ctx.Err() == nil {
		p, t, wait := o.next(l, time.Now())
		if p == nil {
			if !pause(ctx, l.wake, wait) {
				return
			}
			continue
		}
		err := o.attempt(ctx, l, func(ctx context.Context) error { return o.send(ctx, t, &p.Delivery) })
		if errors.Is(err, errEnding) {
			o.putBack(p)
			return
		}
		o.outcome(ctx, l, p, err, time.Now())
	}
}

// putBack leaves a message that was not tried to who serves the receiver next.
func (o *outbox) putBack(p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.sending = false
}

// pause waits, until it is woken or ctx ends; false: that has. 0 is until woken.
func pause(ctx context.Context, wake <-chan struct{}, d time.Duration) bool {
	var after <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-after:
	}
	return true
}

// next is the message that a receiver is to get now, or how long there is none.
// Messages of an incident keep their order: one that was refused holds back those
// behind it.
func (o *outbox) next(l *line, now time.Time) (*parcel, *target, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.giveUp(l, now)
	if l.target == nil || len(l.queue) == 0 {
		return nil, nil, 0
	}
	if now.Before(l.until) {
		return nil, nil, l.until.Sub(now)
	}
	var due time.Time
	held := make(map[string]bool)
	for _, p := range l.queue {
		if held[p.Incident] {
			continue
		}
		if p.sending { // by who served it before
			return nil, nil, 0
		}
		if now.Before(p.held) {
			held[p.Incident] = true
			due = sooner(due, p.held)
			continue
		}
		p.sending = true
		return p, l.target, 0
	}
	return nil, nil, max(due.Sub(now), time.Millisecond)
}

// tooOld reports whether a message has waited for a day: in this process, which no
// step of the wall clock makes longer; or by the wall clock, if it is of an earlier
// process and there was time to bring it in this one.
func (p *parcel) tooOld(l *line, now time.Time) bool {
	here := now.Sub(p.came)
	switch {
	case here >= givenUpAfter:
		return true
	case !p.stored || now.Sub(p.CreatedAt) < givenUpAfter:
		return false
	case l.target == nil:
		return here >= leastGone
	}
	return l.tries-p.before >= leastTries
}

// giveUp takes out what is too old.
func (o *outbox) giveUp(l *line, now time.Time) {
	for len(l.queue) > 0 && !l.queue[0].sending && l.queue[0].tooOld(l, now) {
		p := l.queue[0]
		o.remove(l, p)
		l.stats.GivenUp++
		o.log.Error("a message was not delivered within a day: it is given up",
			slog.String("receiver", l.name), slog.String("incident", p.Incident), slog.String("kind", p.Kind), slog.String("error", p.LastError))
	}
}

var errEnding = errors.New("the engine stops")

// attempt calls a receiver, nobody else doing so. What is under way when ctx ends
// has a few seconds.
func (o *outbox) attempt(ctx context.Context, l *line, call func(context.Context) error) (err error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return errEnding
	}
	defer func() { <-l.turn }()
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(shutdownTimeout, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the receiver panicked: %v", p)
		}
	}()
	return call(work)
}

func (o *outbox) send(ctx context.Context, t *target, d *fleet.Delivery) error {
	o.mu.Lock()
	link := o.link
	o.mu.Unlock()
	m, err := message(d, link)
	if err != nil {
		return &RefusedError{Err: fmt.Errorf("the stored message is bad: %w", err)}
	}
	return t.Receiver.Send(ctx, m)
}

// outcome keeps what came of an attempt, and when to try again.
func (o *outbox) outcome(ctx context.Context, l *line, p *parcel, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.sending = false
	poke(l.wake)
	if err == nil {
		l.succeeded(now)
		l.stats.Delivered++
		o.remove(l, p)
		return
	}
	p.Attempts++
	l.tries++
	p.LastError = errorText(err)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		l.succeeded(time.Time{}) // its side works
		p.held = now.Add(pauseAfter(p.Attempts))
		if asked := min(refused.RetryAfter, maxAsked); asked > 0 { // which concerns what is behind it, too
			p.held, l.until = now.Add(asked), now.Add(asked)
		}
		p.NextAt = stamp(p.held)
	} else {
		l.failed(now)
		p.NextAt = stamp(l.until)
	}
	o.noteFailure(ctx, l, p.LastError, now)
	o.tried[p.ID] = p.Delivery
	poke(o.settling)
}

// succeeded ends the back-off; now is zero where nothing was delivered.
func (l *line) succeeded(now time.Time) {
	l.failing, l.failures, l.until = time.Time{}, 0, time.Time{}
	if !now.IsZero() {
		l.stats.LastSuccessAt.Time, l.stats.LastError = now, nil
	}
}

// failed leaves the receiver alone for a time.
func (l *line) failed(now time.Time) {
	l.failures++
	if l.failing.IsZero() {
		l.failing = now
	}
	var d time.Duration
	switch since := now.Sub(l.failing); {
	case since >= patient:
		d = jittered(longPause)
	case since >= impatient:
		d = jittered(somePause)
	default:
		d = pauseAfter(l.failures)
	}
	l.until = now.Add(d)
}

// noteFailure counts a failed attempt, and logs the first of several.
func (o *outbox) noteFailure(ctx context.Context, l *line, text string, now time.Time) {
	first := l.stats.LastError == nil
	l.stats.Failed++
	l.stats.LastError, l.stats.LastErrorAt.Time = &text, now
	if first {
		o.log.WarnContext(ctx, "a receiver does not take a message", slog.String("receiver", l.name), slog.String("error", text))
	}
}

// pauseAfter is how long to wait after so many failures.
func pauseAfter(failures int) time.Duration {
	d := firstPause
	for i := 1; i < failures && d < maxPause; i++ {
		d *= 2
	}
	return jittered(min(d, maxPause))
}

// jittered is up to a fifth less, so that not all come back together.
func jittered(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d/5))) //nolint:gosec // nobody gains by knowing it
}

func errorText(err error) string {
	text := err.Error()
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}
