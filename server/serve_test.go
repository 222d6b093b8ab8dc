package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/server"
)

func listen(t *testing.T) (l net.Listener, url string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, "http://" + l.Addr().String()
}

// pipes is a listener in memory, so that what waits on a line can be waited for
// in a bubble.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.accept <- far
	return near
}

// serving is a server that serves over pipes, in a bubble.
type serving struct {
	*bench
	*pipes

	stop  func()
	ended func() error // waits for what Serve returns
}

// inBubble serves until the test ends.
func inBubble(t *testing.T, test func(s *serving)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s := &serving{bench: newBench(t, server.Config{}), pipes: newPipes(), stop: stop}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, s.pipes) }()
		s.ended = sync.OnceValue(func() error { return <-ended })
		test(s)
		stop()
		_ = s.ended()
	})
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// untilCut reads until the other end is gone, and says how long that took.
func untilCut(c net.Conn) (said string, after time.Duration) {
	began := time.Now()
	data, _ := io.ReadAll(c)
	return string(data), time.Since(began)
}

const putService = "PUT /api/v2/services/market HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: Bearer "

func TestServe_CutsOffWhoIsSlowToSayWhatHeWants(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, said string
		after      time.Duration
	}{
		{"nothing at all", "", 5 * time.Second},
		{"half a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", 5 * time.Second},
		{"idle after an answer", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 2 * time.Minute},
		{"half a body", putService + adminSecret + "\r\n\r\n{", 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(s *serving) {
				c := s.dial()
				defer c.Close() //nolint:errcheck // a pipe
				send(t, c, tt.said)
				if _, after := untilCut(c); after < tt.after || after > tt.after+time.Second {
					t.Errorf("cut off after %v, want %v", after, tt.after)
				}
			})
		})
	}
}

func TestServe_CutsOffWhoDoesNotTakeTheAnswer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(s *serving) {
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} { // more than the server's buffer of 4 KiB
			if got := s.ask("PUT", "/api/v2/services/"+name, there, `{}`, "Authorization", bearer); got.Code != 201 {
				t.Fatal(got.Code)
			}
		}
		c := s.dial()
		defer c.Close() //nolint:errcheck // a pipe
		send(t, c, "GET /api/v2/state HTTP/1.1\r\nHost: x\r\nAuthorization: "+bearer+"\r\n\r\n")
		time.Sleep(61 * time.Second)
		if said, _ := untilCut(c); len(said) > 0 {
			t.Errorf("a minute later it was told %d bytes", len(said))
		}
	})
}

func TestServe_RefusesALargeHeader(t *testing.T) {
	t.Parallel()
	inBubble(t, func(s *serving) {
		c := s.dial()
		defer c.Close() //nolint:errcheck // a pipe
		go func() {
			// It is cut off before it has said all.
			_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
		}()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d, want 431", resp.StatusCode)
		}
	})
}

func TestServe_AnswersWhatIsUnderWayWhenItStops(t *testing.T) {
	t.Parallel()
	inBubble(t, func(s *serving) {
		c := s.dial()
		defer c.Close() //nolint:errcheck // a pipe
		send(t, c, putService+adminSecret+"\r\n\r\n{")
		synctest.Wait()
		s.stop()
		time.Sleep(8 * time.Second)
		go func() { _, _ = io.WriteString(c, "}") }()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Errorf("%d, want 201", resp.StatusCode)
		}
		if err := s.ended(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestServe_StopsWithinTenSeconds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(s *serving) {
		c := s.dial()
		defer c.Close() //nolint:errcheck // a pipe
		send(t, c, putService+adminSecret+"\r\n\r\n{")
		synctest.Wait()
		began := time.Now()
		s.stop()
		if err := s.ended(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(began); took > 10*time.Second+time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// broken is a listener that does not listen.
type broken struct{ net.Listener }

var errBroken = errors.New("broken")

func (broken) Accept() (net.Conn, error) { return nil, errBroken }
func (broken) Close() error              { return nil }

func TestServe_EndsWithItsListener(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	if err := b.Serve(t.Context(), broken{}); !errors.Is(err, errBroken) {
		t.Errorf("Serve: %v", err)
	}
}
