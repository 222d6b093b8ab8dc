package grpcbreaker_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/grpcbreaker"
)

// served is a stream that takes every message.
type served struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a stream has one
}

func (s served) Context() context.Context { return s.ctx }
func (served) SendMsg(any) error          { return nil }

// ends runs a server's stream, and waits until its goroutine has ended.
func ends(b *switchgear.Breaker, o grpcbreaker.Options, handler func(grpc.ServerStream) error) {
	intercept := grpcbreaker.StreamServerInterceptor(b, o)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		_ = intercept(nil, served{ctx: context.Background()}, &grpc.StreamServerInfo{}, func(_ any, s grpc.ServerStream) error { return handler(s) })
	}()
	<-done
}

func TestStream_ThatDoesNotReturnIsJudgedByWhyNot(t *testing.T) {
	t.Parallel()
	for name, lasting := range map[string]bool{"ordinary": false, "lasting": true} {
		o := grpcbreaker.Options{
			Lasting:  func(string) bool { return lasting },
			Classify: func(error) switchgear.Outcome { return switchgear.Success },
		}
		for what, tt := range map[string]struct {
			handler func(grpc.ServerStream) error
			want    switchgear.Operations
		}{
			"a panic":  {func(grpc.ServerStream) error { panic("boom") }, switchgear.Operations{Failed: 1}},
			"a Goexit": {func(grpc.ServerStream) error { runtime.Goexit(); return nil }, switchgear.Operations{Ignored: 1}},
		} {
			t.Run(what+" of a stream that is "+name, func(t *testing.T) {
				t.Parallel()
				b := newBreaker(t, switchgear.Config{})
				ends(b, o, tt.handler)
				counts(t, b, tt.want)
			})
		}
	}
}

func TestLastingStream_ThatDoesNotReturnAfterItsFirstMessage(t *testing.T) {
	t.Parallel()
	o := grpcbreaker.Options{
		Lasting:  func(string) bool { return true },
		Classify: func(error) switchgear.Outcome { return switchgear.Success },
	}
	for name, tt := range map[string]struct {
		ends func()
		want switchgear.Operations
	}{
		"a panic":  {func() { panic("boom") }, switchgear.Operations{Successful: 1, Failed: 1}},
		"a Goexit": {runtime.Goexit, switchgear.Operations{Successful: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, switchgear.Config{})
			ends(b, o, func(s grpc.ServerStream) error {
				_ = s.SendMsg(nil)
				tt.ends()
				return nil
			})
			counts(t, b, tt.want)
		})
	}
}

func TestLastingStream_ThatFailsLateIsNoFastOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, switchgear.Config{FailureThreshold: 100, SlowCallDuration: time.Minute, SlowCallRateThreshold: 1})
		o := grpcbreaker.Options{Lasting: func(string) bool { return true }}
		for range 3 {
			ends(b, o, func(s grpc.ServerStream) error {
				time.Sleep(2 * time.Second)
				for range 2 {
					_ = s.SendMsg(nil)
					time.Sleep(10 * time.Second)
				}
				return errBoom
			})
		}
		if got := b.Snapshot(); got.Performance.Average != 2*time.Second || got.Slow != 0 {
			t.Errorf("the average is %v, and %d are slow; want 2 s, as long as the first messages took, and none", got.Performance.Average, got.Slow)
		}
		counts(t, b, switchgear.Operations{Successful: 3, Failed: 3})
	})
}

func TestClientStream_AGoexitWhileItBeginsIsIgnored(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{})
	intercept := grpcbreaker.StreamClientInterceptor(b, grpcbreaker.Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = intercept(context.Background(), &grpc.StreamDesc{}, nil, "/m", func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			runtime.Goexit()
			return nil, nil
		})
	}()
	<-done
	counts(t, b, switchgear.Operations{Ignored: 1})
}
