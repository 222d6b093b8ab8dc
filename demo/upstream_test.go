package demo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestUpstream_MisbehavesAsItIsTold(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	for _, test := range []struct {
		name         string
		fault        fault
		work, health string // what the caller is told; "" is nothing
	}{
		{"well", well, "", ""},
		{"failing work", failingWork, "500", ""},
		{"failing", failing, "500", "500"},
		{"hanging", hanging, "no answer within 300ms", "no answer within 300ms"},
		{"resetting", resetting, "reset by peer", "reset by peer"},
		{"slow", slow, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u, err := newUpstream(t.Context(), time.Millisecond, timeout/3)
			if err != nil {
				t.Fatal(err)
			}
			client := newClient()
			u.inflict(test.fault)
			began := time.Now()
			for path, want := range map[string]string{workPath: test.work, healthPath: test.health} {
				err := u.get(t.Context(), client, path, timeout)
				switch {
				case want == "" && err != nil:
					t.Errorf("%s: %v", path, err)
				case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
					t.Errorf("%s: got %v, want %q in it", path, err, want)
				}
			}
			if took := time.Since(began); test.fault == slow && took < 2*timeout/3 {
				t.Errorf("two slow answers came within %v", took)
			}
			client.CloseIdleConnections()
			if err := u.close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUpstream_CloseEndsWhatHangs(t *testing.T) {
	t.Parallel()
	u, err := newUpstream(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	u.inflict(hanging)
	client := newClient()
	defer client.CloseIdleConnections()
	asked, answered := make(chan struct{}), make(chan error, 1)
	ctx := t.Context()
	go func() {
		close(asked)
		answered <- u.get(ctx, client, workPath, time.Minute)
	}()
	<-asked
	for u.answers.Load() == 0 {
		select {
		case err := <-answered:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	if err := u.close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("what hung has been answered")
	}
}

func TestUpstream_ACallerThatLeavesIsNotATimeOut(t *testing.T) {
	t.Parallel()
	u, err := newUpstream(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.close(t.Context()) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.get(ctx, http.DefaultClient, workPath, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
