package alert

import (
	"context"
	"log/slog"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// maxUnsettled is how many messages that are done the store has yet to hear
	// of. Above it the oldest are forgotten: after a restart they are sent again.
	maxUnsettled = 20_000

	// maxSettled is how many the store is told of at a time.
	maxSettled = 500

	settleTimeout = 5 * time.Second
	settleRetry   = 2 * time.Second
	trimEvery     = time.Hour
	maxTrimmed    = 500 // in one transaction
	trimRounds    = 20  // an hour
)

// settle has the store told that a message is done. The mutex is held.
func (o *outbox) settle(id string) {
	delete(o.tried, id)
	o.done = append(o.done, id)
	if over := len(o.done) - maxUnsettled; over > 0 {
		o.done = append([]string(nil), o.done[over:]...)
	}
	poke(o.settling)
}

// unsettled reports whether the store may not have got what was sent already.
func (o *outbox) unsettled() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.unsure) > 0
}

// caughtUp is called when the store has all that was told: what was settled before
// it had it has come back, and is settled again. The mutex is held.
func (o *outbox) caughtUp() {
	for id, done := range o.unsure {
		if done {
			o.settle(id)
		}
	}
	clear(o.unsure)
}

// keep tells the store what became of messages, and trims what is old, until ctx
// ends; and then a last time.
func (o *outbox) keep(ctx context.Context) {
	trim := time.NewTimer(time.Minute)
	defer trim.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout+settleTimeout)
			defer cancel()
			o.lastSettle(last)
			return
		case <-trim.C:
			o.trim(ctx)
			o.sweep(time.Now())
			trim.Reset(trimEvery)
			continue
		case <-o.settling:
		case <-retry.C:
		}
		if !o.settleAll(ctx) {
			retry.Reset(settleRetry)
		}
	}
}

// lastSettle settles what comes of the attempts that are still under way.
func (o *outbox) lastSettle(ctx context.Context) {
	o.mu.Lock()
	o.ctx = nil // nobody is served any more
	o.mu.Unlock()
	o.served.Wait()
	o.settleAll(ctx)
}

// settleAll tells the store all that it has not heard. false: it is away.
func (o *outbox) settleAll(ctx context.Context) bool {
	for {
		o.mu.Lock()
		done := o.done[:min(len(o.done), maxSettled)]
		var tried []fleet.Delivery
		for _, d := range o.tried {
			if tried = append(tried, d); len(tried) == maxSettled {
				break
			}
		}
		o.mu.Unlock()
		if len(done)+len(tried) == 0 {
			return true
		}
		limited, cancel := context.WithTimeout(ctx, settleTimeout)
		err := o.store.SettleDeliveries(limited, done, tried)
		cancel()
		if err != nil {
			o.log.DebugContext(ctx, "the store did not hear what was delivered", slog.Any("error", err))
			return false
		}
		o.settled(done, tried)
	}
}

// settled forgets what the store was told.
func (o *outbox) settled(done []string, tried []fleet.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(done) > 0 {
		heard := make(map[string]bool, len(done))
		for _, id := range done {
			heard[id] = true
		}
		left := o.done[:0:0]
		for _, id := range o.done {
			if !heard[id] {
				left = append(left, id)
			}
		}
		o.done = left
	}
	for i := range tried {
		if o.tried[tried[i].ID].Attempts == tried[i].Attempts {
			delete(o.tried, tried[i].ID)
		}
	}
}

// trim removes what was over long ago.
func (o *outbox) trim(ctx context.Context) {
	for range trimRounds {
		limited, cancel := context.WithTimeout(ctx, settleTimeout)
		n, err := o.store.TrimAlerts(limited, time.Now().Add(-kept), maxTrimmed)
		cancel()
		if err != nil {
			o.log.WarnContext(ctx, "old alerts are not removed", slog.Any("error", err))
			return
		}
		if n < maxTrimmed {
			return
		}
	}
}

// sweep gives up what waited too long for receivers that are not there.
func (o *outbox) sweep(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, l := range o.lines {
		o.giveUp(l, now)
		if l.target == nil && len(l.queue) == 0 && len(l.turn) == 0 {
			delete(o.lines, name)
		}
	}
}
