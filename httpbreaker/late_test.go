package httpbreaker_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

// recovering makes a breaker that is half-open, and whose probe has a minute.
func recovering(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	cfg.FailureThreshold, cfg.ResetTimeout, cfg.Jitter = 1, time.Minute, -1
	b := newBreaker(t, cfg)
	b.HandleError(errors.New("down"), 0)
	time.Sleep(time.Minute)
	synctest.Wait()
	if got := b.State(); got != switchgear.HalfOpen {
		t.Fatalf("it is %v", got)
	}
	return b
}

// upload sends a body through a breaker to a server that answers as base does,
// and returns what the breaker's owner is told.
func upload(b *switchgear.Breaker, server base, body io.Reader) <-chan httpbreaker.Operation {
	told := make(chan httpbreaker.Operation, 1)
	tr := &httpbreaker.Transport{Breaker: b, Base: server, Ended: func(o httpbreaker.Operation) { told <- o }}
	go func() {
		_, _ = tr.RoundTrip(httptest.NewRequest(http.MethodPost, "/", body)) //nolint:bodyclose // there is none
	}()
	return told
}

// answers is a server that answers when it has read everything, and read is what
// it does after each byte.
func answers(read func()) base {
	return func(r *http.Request) (*http.Response, error) {
		for {
			if _, err := r.Body.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
				return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}, nil
			} else if err != nil {
				return nil, err
			}
			read()
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestTransport_ACallerThatIsLateWithItsBodyFailsNoRecovery(t *testing.T) {
	t.Parallel()
	for name, probes := range map[string]bool{"the probe": true, "beside it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := recovering(t, switchgear.Config{MinHealthyPeriod: time.Hour, RecoverySteps: []float64{0.99}})
				if !probes {
					b.RecordSuccess(0)
					time.Sleep(time.Second)
				}
				lent, late := io.Pipe()
				told := upload(b, answers(func() {}), lent)
				_, _ = late.Write([]byte("x"))
				time.Sleep(2 * time.Minute)
				if s := b.Snapshot(); s.State != switchgear.HalfOpen || s.Transitions != 2 {
					t.Errorf("it is %v after %d transitions: %s", s.State, s.Transitions, s.LastError)
				}
				p, err := b.Allow(t.Context()) // its place is free
				if err != nil {
					t.Fatal(err)
				}
				p.Done(nil)
				before := b.Operations()
				_ = late.Close()
				if o := <-told; o.Outcome != switchgear.Ignored || o.Status != http.StatusNoContent {
					t.Errorf("its owner is told of %+v", o)
				}
				if diff := cmp.Diff(before, b.Operations()); diff != "" || before.Ignored != 1 {
					t.Errorf("it counts twice (-before +after):\n%s, %+v", diff, before)
				}
			})
		})
	}
}

func TestTransport_AnUploadThatGoesOnFailsNoRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := recovering(t, switchgear.Config{})
		stop := errors.New("enough")
		bytes := 0
		told := upload(b, func(r *http.Request) (*http.Response, error) {
			for ; bytes < 100; bytes++ {
				_, _ = r.Body.Read(make([]byte, 1))
				time.Sleep(time.Second)
			}
			return nil, stop
		}, endless{})
		if o := <-told; o.Outcome != switchgear.Ignored || bytes != 100 {
			t.Errorf("its owner is told of %+v after %d bytes", o, bytes)
		}
		if got := b.State(); got != switchgear.HalfOpen {
			t.Errorf("it is %v", got)
		}
	})
}

func TestTransport_AServerThatTakesNoUploadFailsTheRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := recovering(t, switchgear.Config{})
		release := make(chan struct{})
		told := upload(b, answers(func() { <-release }), io.LimitReader(endless{}, 2))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := b.Snapshot(); s.State != switchgear.Open || s.Trip == nil || s.Trip.Rule != switchgear.RuleProbeTimeout {
			t.Errorf("it is %v by %+v", s.State, s.Trip)
		}
		close(release)
		<-told
	})
}

func TestTransport_ACallerThatIsLateIsJudgedWhileTheCircuitIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, switchgear.Config{FailureThreshold: 2, ResetTimeout: time.Minute})
		lent, late := io.Pipe()
		told := upload(b, answers(func() {}), lent)
		time.Sleep(time.Hour)
		_ = late.Close()
		<-told
		wantOperations(t, b, switchgear.Operations{Successful: 1})
	})
}
