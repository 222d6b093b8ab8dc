package alert

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// away is a receiver that is down.
type away struct{ tries int }

func (a *away) Send(context.Context, Message) error {
	a.tries++
	return errors.New("503 Service Unavailable")
}

// aged is a message that is a day old, if one believes the clock.
func aged(receiver string) []fleet.Delivery {
	d := letter(1, Firing, 1)
	d.Receiver, d.Alerts, d.CreatedAt = receiver, []byte("[]"), stamp(time.Now().Add(-25*time.Hour))
	return []fleet.Delivery{d}
}

func TestOutbox_AClockThatJumpsADayLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		receiver string
		take     func(*outbox, []fleet.Delivery)
		waits    time.Duration // though it is failing
		gone     time.Duration
		tries    int // at least
	}{
		"of this process":           {"ops", func(o *outbox, d []fleet.Delivery) { o.add(d, true) }, 23 * time.Hour, 25 * time.Hour, 300},
		"of an earlier one":         {"ops", (*outbox).load, 2 * time.Minute, 10 * time.Minute, leastTries},
		"of one that is not there":  {"gone", (*outbox).load, 50 * time.Minute, 3 * time.Hour, 0},
		"of this one, nobody there": {"gone", func(o *outbox, d []fleet.Delivery) { o.add(d, true) }, 23 * time.Hour, 26 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOutbox(memory.New(), slog.New(slog.DiscardHandler))
				ops := &away{}
				o.configure([]*target{{Target: Target{Name: "ops", Receiver: ops}}}, "")
				c.take(o, aged(c.receiver))
				waiting := func() int {
					o.mu.Lock()
					defer o.mu.Unlock()
					return o.waiting
				}
				ctx, stop := context.WithCancel(t.Context())
				o.start(ctx)
				time.Sleep(c.waits)
				if waiting() != 1 {
					t.Errorf("after %v it is given up", c.waits)
				}
				time.Sleep(c.gone - c.waits)
				stop()
				o.wait()
				if waiting() != 0 || ops.tries < c.tries {
					t.Errorf("after %v and %d tries it still waits", c.gone, ops.tries)
				}
			})
		})
	}
}
