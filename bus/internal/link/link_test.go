package link

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEncode_FitsAllThatPassesItsCheckIntoPayloads(t *testing.T) {
	t.Parallel()
	worst := strings.Repeat("\x01", fleet.MaxHintText)
	big := fleet.Hint{Epoch: worst, Seq: math.MaxUint64, From: worst, Service: worst, Kind: worst}
	var want []fleet.Hint
	for n := range uint64(1000) {
		want = append(want, fleet.Hint{Epoch: "e", Seq: n, From: "node", Kind: "k"})
		if n%100 == 0 {
			want = append(want, big)
		}
	}
	payloads, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []fleet.Hint
	for _, p := range payloads {
		if len(p) > MaxPayload {
			t.Errorf("a payload of %d bytes", len(p))
		}
		hints, err := Decode([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, hints...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	if len(payloads) > 60 {
		t.Errorf("%d payloads", len(payloads))
	}
}

func TestLink_SpreadsItsReturnsAndTriesSlowerUpToASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tried []time.Time
		l := Open(func(context.Context, *Link) error {
			tried = append(tried, time.Now())
			return errors.New("nobody there")
		}, nil)
		time.Sleep(10 * time.Minute)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if n := len(tried); n < 900 || n > 1800 { // half a second each, on average
			t.Errorf("%d tries in ten minutes", n)
		}
		var longest time.Duration
		waits := make(map[time.Duration]bool)
		for i := 1; i < len(tried); i++ {
			wait := tried[i].Sub(tried[i-1])
			longest = max(longest, wait)
			waits[wait] = true
		}
		if longest > time.Second || longest < 900*time.Millisecond || len(waits) < len(tried)*9/10 {
			t.Errorf("%d different waits of %d, up to %v", len(waits), len(tried), longest)
		}
	})
}

func TestLink_TriesAConnectionThatIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		l := Open(func(ctx context.Context, l *Link) error {
			l.Up()
			return l.Send(ctx, func(_ context.Context, hints []fleet.Hint) error {
				if len(hints) == 0 {
					tries.Add(1)
				}
				return nil
			})
		}, nil)
		time.Sleep(10*Idle + time.Millisecond)
		if n := tries.Load(); n != 10 {
			t.Errorf("%d tries, want 10", n)
		}
		_ = l.Close()
	})
}

func TestLink_TellsAgainWhatFailedInItsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []uint64
		calls := 0
		l := Open(func(ctx context.Context, l *Link) error {
			l.Up()
			return l.Send(ctx, func(_ context.Context, hints []fleet.Hint) error {
				if calls++; calls%2 == 1 {
					return fmt.Errorf("failure %d", calls)
				}
				for _, h := range hints {
					told = append(told, h.Seq)
				}
				return nil
			})
		}, nil)
		var want []uint64
		for n := range uint64(2000) {
			want = append(want, n)
			if err := l.Publish(fleet.Hint{Seq: n, Kind: "k"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		_ = l.Close()
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if s := l.State(); s.Published != 2000 || s.Dropped != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestLink_CloseGivesUpASecondLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Open(func(ctx context.Context, l *Link) error {
			l.Up()
			return l.Send(ctx, func(ctx context.Context, _ []fleet.Hint) error {
				<-ctx.Done() // a server that does not answer
				return ctx.Err()
			})
		}, nil)
		_ = l.Publish(fleet.Hint{Kind: "k"})
		synctest.Wait()
		start := time.Now()
		_ = l.Close()
		if took := time.Since(start); took != tellWithin {
			t.Errorf("it took %v, want %v", took, tellWithin)
		}
	})
}
