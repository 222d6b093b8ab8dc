package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear"
)

func TestProxy_TheLastWordsOfAWebSocketReachAClientThatStillWrites(t *testing.T) {
	t.Parallel()
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(1000)
		_, _, _ = c.Read(r.Context()) // closes with 1009
		_ = c.CloseNow()
	}), switchgear.Config{}, nil)
	for range 5 { // what is noticed first is chance
		c, resp, err := websocket.Dial(t.Context(), p.url, nil) //nolint:bodyclose // it has become the connection
		if err != nil {
			t.Fatal(resp, err)
		}
		_ = c.Write(t.Context(), websocket.MessageBinary, make([]byte, 4<<20))
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("the client is told %v", err)
		}
		_ = c.CloseNow()
	}
	eventually(t, func() bool { return p.flights.now() == 0 })
	if got := p.breaker.Operations(); got != (switchgear.Operations{Successful: 5}) {
		t.Errorf("its breaker counted %+v", got)
	}
}

func TestProxy_CutsOffAClientThatOutlivesItsUpstreamsConnection(t *testing.T) {
	t.Parallel()
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nlast words")
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close() // with what it has not read: a reset
	}), switchgear.Config{}, nil)
	c := p.dial()
	_, _ = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	from := bufio.NewReader(c)
	resp, err := http.ReadResponse(from, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is the connection
	_, _ = c.Write(make([]byte, 1000))
	if words, err := io.ReadAll(from); string(words) != "last words" || err != nil {
		t.Errorf("the client is told %q, %v", words, err)
	}
	p.stop() // and the client has not closed its side
	if err := <-p.ended; err != nil || p.flights.now() != 0 {
		t.Errorf("it ends with %v and %d requests under way", err, p.flights.now())
	}
	p.ended <- nil // for the clean-up
}

// brokenPipe is a connection to an upstream that has said its last words, and
// that takes no more.
type brokenPipe struct {
	words  io.Reader
	closed chan struct{}
	close  sync.Once
}

var errReset = errors.New("connection reset by peer")

func (b *brokenPipe) Read(p []byte) (int, error) {
	if n, err := b.words.Read(p); err == nil {
		return n, nil
	}
	return 0, errReset
}

func (b *brokenPipe) Write([]byte) (int, error) { return 0, errReset }

func (b *brokenPipe) Close() error {
	b.close.Do(func() { close(b.closed) })
	return nil
}

func TestSwitched_ABrokenConnectionIsCutInTime(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*switched){
		"writing": func(s *switched) {
			for range 3 {
				if n, err := s.Write([]byte("more")); n != 4 || err != nil {
					t.Errorf("the client is told %d, %v", n, err)
				}
			}
		},
		"reading": func(s *switched) {
			if words, err := io.ReadAll(s); string(words) != "last words" || err != nil {
				t.Errorf("the last words are %q, %v", words, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				near, client := net.Pipe()
				l := &line{}
				l.set(near)
				b := &brokenPipe{words: strings.NewReader("last words"), closed: make(chan struct{})}
				begun := time.Now()
				breaks(&switched{ReadWriteCloser: b, line: l})
				if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("the client is told %v", err)
				}
				<-b.closed
				if got := time.Since(begun); got != lastWordsTimeout {
					t.Errorf("after %v", got)
				}
			})
		})
	}
}

func TestSwitched_ClosingItCutsTheClientThatIsStillWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, client := net.Pipe()
		l := &line{}
		l.set(near)
		s := &switched{ReadWriteCloser: &brokenPipe{words: strings.NewReader(""), closed: make(chan struct{})}, line: l}
		_, _ = s.Write([]byte("more"))
		_ = s.Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the client is told %v", err)
		}
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, errReset) {
			t.Errorf("a closed one reads %v", err)
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, errReset) {
			t.Errorf("a closed one writes %v", err)
		}
	})
}

func TestProxy_ASwitchThatNobodyAskedForIsAFailure(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 2)
	p := startProxy(t, newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close() //nolint:errcheck // the proxy has closed it
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: evil\r\n\r\n")
		_, _ = io.Copy(io.Discard, rw) // until the proxy closes it
		closed <- struct{}{}
	}), switchgear.Config{}, nil)
	for i, upgrade := range []string{"", "Connection: Upgrade\r\nUpgrade: websocket\r\n"} {
		c := p.dial()
		_, _ = fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", upgrade)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadGateway {
			t.Errorf("it answers %s", resp.Status)
		}
		select {
		case <-closed:
		case <-time.After(patient):
			t.Error("it leaves the connection open")
		}
		if got := p.breaker.Operations(); got.Failed != uint64(i)+1 || got.Successful != 0 {
			t.Errorf("its breaker counted %+v", got)
		}
	}
}
