package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

const status = `{"type":"connection:status","timestamp":"2026-11-23T08:00:00.000Z","epoch":"e","seq":1,"heartbeat_ms":5000}`

// stream opens a stream to a manager that speaks as it is told. The manager
// reads until the client is gone, after it has spoken.
func stream(t *testing.T, opts client.Options, speak func(ctx context.Context, conn *websocket.Conn)) *client.Stream {
	t.Helper()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow() //nolint:errcheck // the client may have closed it
		speak(r.Context(), conn)
		_, _, _ = conn.Read(r.Context()) // until the client is gone
	}), opts)
	s, err := c.Stream(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a stream that ended is closed already
	return s
}

func say(ctx context.Context, t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Error(err)
	}
}

func TestStream_GivesEachMessage(t *testing.T) {
	t.Parallel()
	s := stream(t, client.Options{}, func(ctx context.Context, conn *websocket.Conn) {
		say(ctx, t, conn, status)
		say(ctx, t, conn, `{"type":"services:heartbeat","seq":2}`)
	})
	for _, want := range []string{wire.TypeConnectionStatus, wire.TypeHeartbeat} {
		m, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != want || !strings.Contains(string(m.Data), want) {
			t.Errorf("message %s: %s; want %s", m.Type, m.Data, want)
		}
	}
}

func TestStream_GoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 1)
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		http.Error(w, "", http.StatusUnauthorized)
	}), client.Options{})
	_, err := c.Stream(t.Context(), &wire.Since{Epoch: "e&f", Seq: 9})
	if kind, ok := client.KindOf(err); kind != client.Unauthorized || !ok {
		t.Errorf("Stream returned %v", err)
	}
	r := <-asked
	if want := "/api/v2/ws/circuit-breaker?epoch=e%26f&seq=9"; r.RequestURI != want {
		t.Errorf("it asked for %s, want %s", r.RequestURI, want)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("Authorization is %q", got)
	}
}

func TestStream_TellsTheManagersProblem(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"detail":"20 sockets are open"}`)
	}), client.Options{})
	_, err := c.Stream(t.Context(), nil)
	if kind, _ := client.KindOf(err); kind != client.Exhausted || err.Error() != "20 sockets are open" {
		t.Errorf("Stream returned %v", err)
	}
}

func TestStream_TellsTheCodeOfItsEnd(t *testing.T) {
	t.Parallel()
	s := stream(t, client.Options{}, func(_ context.Context, conn *websocket.Conn) {
		_ = conn.Close(wire.CodeAuthenticationEnded, "the token ended") // it says how the other side took it
	})
	_, err := s.Next(t.Context())
	var closed *client.CloseError
	if !errors.As(err, &closed) || *closed != (client.CloseError{Code: 4001, Reason: "the token ended"}) {
		t.Errorf("Next returned %v", err)
	}
}

func TestStream_EndsWhenItGoesSilent(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"before its first message": "",
		"after it":                 `{"type":"connection:status","heartbeat_ms":5}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := client.Options{Timeout: time.Minute}
			if first == "" {
				opts.Timeout = 500 * time.Millisecond // the dial needs some of it
			}
			s := stream(t, opts, func(ctx context.Context, conn *websocket.Conn) {
				if first != "" {
					say(ctx, t, conn, first)
				}
			})
			if first != "" {
				if _, err := s.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Next(t.Context()); !errors.Is(err, client.ErrSilent) {
				t.Errorf("Next returned %v", err)
			}
		})
	}
}

func TestStream_EndsWithItsContextOrByClose(t *testing.T) {
	t.Parallel()
	s := stream(t, client.Options{}, func(context.Context, *websocket.Conn) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next returned %v", err)
	}
	s = stream(t, client.Options{}, func(context.Context, *websocket.Conn) {})
	ended := make(chan error)
	go func() {
		_, err := s.Next(context.WithoutCancel(t.Context()))
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("Next returned no error after Close")
	}
}

func TestStream_RefusesAMessageThatIsTooLarge(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow() //nolint:errcheck // the client may have closed it
		say(r.Context(), t, conn, `{"type":"`+strings.Repeat("x", 100)+`"}`)
		_, _, _ = conn.Read(r.Context()) // until the client is gone
	}), client.Options{})
	c.LimitAnswers(100)
	s, err := c.Stream(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a stream that ended is closed already
	if m, err := s.Next(t.Context()); err == nil {
		t.Errorf("Next returned %s", m.Data)
	}
}
