package faultproxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/internal/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long what does not come is waited for.
const soon = 50 * time.Millisecond

// echo is a proxy before a server that answers with what it gets.
func echo(t *testing.T) *faultproxy.Proxy {
	t.Helper()
	l, err := faultproxy.Listen()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	p, err := faultproxy.New(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		_ = l.Close()
		<-done
	})
	return p
}

func dial(t *testing.T, p *faultproxy.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func receive(c net.Conn, within time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

func wantEcho(t *testing.T, c net.Conn, want string) {
	t.Helper()
	if got, err := receive(c, 10*time.Second); got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestProxy_HoldsBackWhatABlackholeSwallows(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]faultproxy.Mode{
		"both": faultproxy.Blackhole, "up": faultproxy.BlackholeUp, "down": faultproxy.BlackholeDown,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := echo(t)
			old := dial(t, p)
			send(t, old, "one")
			wantEcho(t, old, "one")
			p.Set(mode)
			fresh := dial(t, p)
			for _, c := range []net.Conn{old, fresh} {
				send(t, c, "two")
				if got, err := receive(c, soon); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %q, %v, want nothing", got, err)
				}
			}
			p.Set(faultproxy.Forward)
			wantEcho(t, old, "two")
			wantEcho(t, fresh, "two")
		})
	}
}

func TestProxy_EndsConnectionsAsItIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode faultproxy.Mode
		want error
	}{
		"close": {faultproxy.Close, io.EOF},
		"reset": {faultproxy.Reset, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := echo(t)
			old := dial(t, p)
			send(t, old, "one")
			wantEcho(t, old, "one")
			p.Set(c.mode)
			if _, err := receive(old, 10*time.Second); !errors.Is(err, c.want) {
				t.Errorf("old: %v, want %v", err, c.want)
			}
			if fresh, err := net.Dial("tcp", p.Addr()); err == nil { // a reset may come before
				if _, err := receive(fresh, 10*time.Second); !errors.Is(err, c.want) {
					t.Errorf("fresh: %v, want %v", err, c.want)
				}
				_ = fresh.Close()
			}
			p.Set(faultproxy.Forward)
			again := dial(t, p)
			send(t, again, "two")
			wantEcho(t, again, "two")
		})
	}
}

func TestProxy_PassesTheEndOn(t *testing.T) {
	t.Parallel()
	c := dial(t, echo(t))
	send(t, c, "last")
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", c)
	}
	if err := tcp.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if string(got) != "last" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestProxy_EndsAClientWhoseServerIsNotThere(t *testing.T) {
	t.Parallel()
	l, err := faultproxy.Listen()
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	p, err := faultproxy.New(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if _, err := receive(dial(t, p), 10*time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
}
