package alert_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

var errDown = errors.New("503 Service Unavailable")

// receiver is how the only one stands.
func (r *rig) receiver() wire.Receiver { return r.Receivers()[0] }

// counted is how often each message was taken, and whether each incident's came
// in order.
func (i *inbox) counted(t *testing.T) map[string]int {
	t.Helper()
	n := make(map[string]int)
	newest := make(map[string]string)
	for _, m := range i.messages() {
		if n[m.ID]++; n[m.ID] == 1 {
			if m.ID < newest[m.Incident] {
				t.Errorf("the message %s of the incident %s came behind %s", m.ID, m.Incident, newest[m.Incident])
			}
			newest[m.Incident] = m.ID
		}
	}
	return n
}

func TestDeliver_AReceiverThatIsDownGetsAllInOrder(t *testing.T) {
	for _, how := range []string{"down", "down and killed", "slow", "slow and killed"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				for i := range 5 {
					r.declare(fmt.Sprint("s-", i))
				}
				until := time.Now().Add(time.Minute)
				r.inbox.answers(func(m alert.Message) error {
					switch {
					case !time.Now().Before(until):
						return nil
					case strings.HasPrefix(how, "down"):
						return errDown
					}
					time.Sleep(31 * time.Second) // longer than anybody waits; it has it all the same
					return nil
				})
				for i := range 5 {
					r.fail(fmt.Sprint("s-", i), 5)
					time.Sleep(3 * time.Second)
				}
				time.Sleep(5 * time.Second)
				if strings.HasSuffix(how, "killed") {
					r.kill()
				}
				for i := range 5 {
					r.heal(fmt.Sprint("s-", i))
					time.Sleep(time.Second)
				}
				time.Sleep(3 * time.Minute)
				n := r.inbox.counted(t)
				if len(n) != 10 {
					t.Errorf("%d messages, want 10: %v", len(n), n)
				}
				for id, n := range n {
					if n > 3 || n > 1 && strings.HasPrefix(how, "down") {
						t.Errorf("the message %s was taken %d times", id, n)
					}
				}
				if got := r.receiver(); got.Waiting != 0 || got.LastError != nil || got.LastSuccessAt.IsZero() {
					t.Errorf("the receiver is %+v", got)
				}
				if left, err := r.store.Deliveries(t.Context(), 100); err != nil || len(left) > 0 {
					t.Errorf("%d wait in the store, %v", len(left), err)
				}
			})
		})
	}
}

func TestDeliver_BacksOffFromAReceiverThatFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var at []time.Time
		r.inbox.answers(func(alert.Message) error {
			at = append(at, time.Now())
			return errDown
		})
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		between := func(from, to time.Duration) (n int) {
			for _, a := range at {
				if d := a.Sub(at[0]); d >= from && d < to {
					n++
				}
			}
			return n
		}
		if n := between(0, time.Minute); n < 8 || n > 11 {
			t.Errorf("%d attempts in the first minute", n)
		}
		if n := between(20*time.Minute, 30*time.Minute); n < 10 || n > 13 {
			t.Errorf("%d attempts in ten minutes after twenty", n)
		}
		if n := between(2*time.Hour, 2*time.Hour+30*time.Minute); n < 6 || n > 8 {
			t.Errorf("%d attempts in half an hour after two", n)
		}
		if got := r.receiver(); got.Waiting != 1 || got.Failed != uint64(len(at)) || got.LastError == nil || *got.LastError != errDown.Error() {
			t.Errorf("the receiver is %+v after %d attempts", got, len(at))
		}
		r.inbox.answers(nil)
		if err := r.TestReceiver(t.Context(), "ops", alice); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantReasons(t, r, "test,firing")
	})
}

func TestDeliver_ARefusedMessageHoldsBackItsOwnIncidentOnly(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.inbox.answers(func(m alert.Message) error {
			if m.Root == "poison" {
				return &alert.RefusedError{Err: errors.New("422 Unprocessable Entity")}
			}
			return nil
		})
		r.declare("poison")
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("poison", 5)
		time.Sleep(time.Minute)
		failed := time.Now()
		r.fail("db", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
		if d := r.inbox.when(0).Sub(failed); d > 5100*time.Millisecond {
			t.Errorf("it was told after %v, want 5 s", d)
		}
		r.heal("poison")
		r.heal("db")
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,resolved")
		if got := r.receiver(); got.Waiting != 2 {
			t.Errorf("%d wait, want the two that are refused", got.Waiting)
		}
		r.inbox.answers(nil)
		time.Sleep(time.Minute)
		var poison []alert.Reason
		for _, m := range r.inbox.messages() {
			if m.Root == "poison" {
				poison = append(poison, m.Reason)
			}
		}
		if !slices.Equal(poison, []alert.Reason{alert.Firing, alert.Resolved}) {
			t.Errorf("told %v of it, want it in order", poison)
		}
	})
}

func TestDeliver_LeavesAReceiverAloneForAsLongAsItAsks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var at []time.Time
		r.inbox.answers(func(alert.Message) error {
			if at = append(at, time.Now()); len(at) == 1 {
				return &alert.RefusedError{RetryAfter: 90 * time.Second, Err: errors.New("429 Too Many Requests")}
			}
			return nil
		})
		r.declare("db")
		r.declare("web")
		time.Sleep(time.Second)
		r.fail("db", 5)
		r.fail("web", 5)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if len(at) != 3 || at[1].Sub(at[0]) < 90*time.Second {
			t.Errorf("attempts at %v, want the second 90 s after the first", at)
		}
	})
}

func TestDeliver_GivesUpAfterADay(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.inbox.answers(func(alert.Message) error { return errDown })
		r.configure(func(cfg *rigConfig) { cfg.RepeatInterval = 0 })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(23 * time.Hour)
		if got := r.receiver(); got.Waiting != 1 || got.GivenUp != 0 {
			t.Fatalf("after 23 hours: %+v", got)
		}
		r.kill()
		time.Sleep(90 * time.Minute)
		if got := r.receiver(); got.Waiting != 0 || got.GivenUp != 1 {
			t.Fatalf("after a day: %+v", got)
		}
		if left, err := r.store.Deliveries(t.Context(), 100); err != nil || len(left) > 0 {
			t.Errorf("%d wait in the store, %v", len(left), err)
		}
	})
}

func TestDeliver_GoesOnWhileTheStoreIsAway(t *testing.T) {
	for ms := 50; ms < 2000; ms += 150 { // who comes back to the store first, and who later
		bubble(t, func(t *testing.T, r *rig) {
			r.declare("db")
			time.Sleep(time.Second)
			r.store.Fail(errGone)
			r.fail("db", 5)
			time.Sleep(10*time.Second + time.Duration(ms)*time.Millisecond)
			wantReasons(t, r, "firing")
			r.store.Fail(nil)
			time.Sleep(10 * time.Second)
			if left, err := r.store.Deliveries(t.Context(), 100); err != nil || len(left) > 0 {
				t.Errorf("%d wait in the store that were delivered, %v", len(left), err)
			}
			r.kill()
			time.Sleep(10 * time.Minute)
			wantReasons(t, r, "firing")
		})
	}
}

func TestDeliver_WhatWasNotSettledIsSentAgainOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.inbox.answers(func(alert.Message) error {
			r.store.Fail(errGone) // the process is gone before it can say that it was taken
			return nil
		})
		r.fail("db", 5)
		time.Sleep(6 * time.Second)
		wantReasons(t, r, "firing")
		r.inbox.answers(nil)
		r.kill()
		time.Sleep(time.Hour)
		wantReasons(t, r, "firing,firing")
		if m := r.inbox.messages(); m[0].ID != m[1].ID {
			t.Errorf("the IDs are %s and %s, want the same", m[0].ID, m[1].ID)
		}
	})
}

func TestDeliver_APanicIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.inbox.answers(func(alert.Message) error { panic("oh") })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		if got := r.receiver(); got.LastError == nil || *got.LastError != "the receiver panicked: oh" {
			t.Errorf("the receiver is %+v", got)
		}
		r.inbox.answers(nil)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
	})
}

func TestDeliver_WaitsForAReceiverThatComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.inbox.answers(func(alert.Message) error { return errDown })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		before := r.cfg
		r.configure(func(cfg *rigConfig) { cfg.Receivers = nil })
		time.Sleep(time.Minute)
		if got := r.Receivers(); len(got) > 0 {
			t.Errorf("receivers %+v, want none", got)
		}
		r.cfg = before
		r.kill()
		r.inbox.answers(nil)
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
	})
}

func TestTestReceiver_SaysHowItWent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.TestReceiver(t.Context(), "ops", alice); err != nil {
			t.Fatal(err)
		}
		m := r.inbox.messages()[0]
		if m.Reason != alert.Test || len(m.Alerts) != 1 || m.Alerts[0].Kind != alert.AlertTest || m.Link != "https://sg.example" {
			t.Errorf("the message is %+v", m)
		}
		r.inbox.answers(func(alert.Message) error { return errDown })
		if err := r.TestReceiver(t.Context(), "ops", alice); fleet.KindOf(err) != fleet.Unavailable || !errors.Is(err, errDown) {
			t.Errorf("of one that is down: %v", err)
		}
		if err := r.TestReceiver(t.Context(), "none", alice); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("of one that is not there: %v", err)
		}
		n := 0
		for _, a := range r.store.AuditLog() {
			if a.Action == "test receiver" && a.Actor == "alice" {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%d tests in the audit log, want 2", n)
		}
	})
}
