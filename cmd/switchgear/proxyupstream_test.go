package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
)

// hungUpstream takes connections and reads nothing.
func hungUpstream(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	var all []net.Conn
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all = append(all, c)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
		for _, c := range all {
			_ = c.Close()
		}
	})
	return "http://" + l.Addr().String()
}

// dial connects to the proxy, to say what no http.Client says.
func (p *runningProxy) dial() net.Conn {
	p.t.Helper()
	c, err := new(net.Dialer).DialContext(p.t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patient))
	return c
}

// wellTaken is larger than what sockets take by themselves.
const wellTaken = 64 << 20

func TestProxy_AnUploadThatTheUpstreamDoesNotTakeIsAFailure(t *testing.T) {
	t.Parallel()
	p := startProxy(t, hungUpstream(t), switchgear.Config{FailureThreshold: 1}, func(s *sidecar) { s.timeout = 100 * time.Millisecond })
	c := p.dial()
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", wellTaken)
		_, _ = c.Write(make([]byte, wellTaken)) // as far as it goes
	})
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var said map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || resp.StatusCode != http.StatusGatewayTimeout || said["service"] != "prices" {
		t.Errorf("it answers %s, %v, %v", resp.Status, said, err)
	}
	if id, ok := said["request_id"]; ok {
		t.Errorf("it gives the request the number %q, which nobody knows", id)
	}
	_ = c.Close()
	sending.Wait()
	if got := p.breaker.Operations(); got != (switchgear.Operations{Failed: 1}) {
		t.Errorf("its breaker counted %+v", got)
	}
}

func TestProxy_NoticesThatTheClientOfAnUploadHasGone(t *testing.T) {
	t.Parallel()
	p := startProxy(t, hungUpstream(t), switchgear.Config{}, func(s *sidecar) { s.timeout = 300 * time.Millisecond })
	for range 3 {
		c := p.dial()
		_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", wellTaken)
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = c.Write(make([]byte, wellTaken)) // until nobody takes more
		_ = c.Close()
	}
	eventually(t, func() bool { return p.flights.now() == 0 })
	if got := p.breaker.Operations(); got.Failed+got.Ignored != 3 || got.Successful != 0 {
		t.Errorf("its breaker counted %+v", got)
	}
}

// tripper is a round tripper of the tests.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answered(body io.ReadCloser) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}, nil
}

// takeAll reads the body, a byte at a time, and takes that long for each piece of it.
func takeAll(r *http.Request, pause time.Duration) error {
	for {
		if _, err := r.Body.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// closeNoted is a body that notes that it was closed.
type closeNoted struct {
	io.Reader

	closed bool
}

func (c *closeNoted) Close() error {
	c.closed = true
	return nil
}

func TestUpstream_AnUploadHasAsMuchTimeForEachPiece(t *testing.T) {
	t.Parallel()
	const timeout = 10 * time.Second
	late := &closeNoted{}
	hundred := func() io.Reader { return strings.NewReader(strings.Repeat("x", 100)) }
	for name, test := range map[string]struct {
		base    tripper
		body    func() io.Reader
		stalled bool
		took    time.Duration
	}{
		"a slow upstream": {func(r *http.Request) (*http.Response, error) {
			if err := takeAll(r, timeout-time.Second); err != nil {
				return nil, err
			}
			return answered(http.NoBody)
		}, hundred, false, 100 * (timeout - time.Second)},
		"a slow client": {func(r *http.Request) (*http.Response, error) {
			if err := takeAll(r, 0); err != nil {
				return nil, err
			}
			return answered(http.NoBody)
		}, func() io.Reader {
			from, to := io.Pipe()
			go func() {
				for range 3 {
					time.Sleep(time.Hour)
					_, _ = to.Write([]byte("x"))
				}
				_ = to.Close()
			}()
			return from
		}, false, 3 * time.Hour},
		"an upstream that stalls": {func(r *http.Request) (*http.Response, error) {
			return nil, takeAll(r, time.Hour)
		}, hundred, true, timeout},
		"one that does not answer": {func(r *http.Request) (*http.Response, error) {
			if err := takeAll(r, 0); err != nil {
				return nil, err
			}
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		}, hundred, true, timeout},
		"one that does not begin": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, hundred, true, timeout + 2*connectTimeout},
		"one that answers too late": {func(r *http.Request) (*http.Response, error) {
			_, _ = r.Body.Read(make([]byte, 1))
			<-r.Context().Done()
			return answered(late)
		}, hundred, true, timeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				resp, err := (&upstream{base: test.base, timeout: timeout}).RoundTrip(httptest.NewRequest(http.MethodPost, "/", test.body()))
				if err == nil {
					_ = resp.Body.Close()
				}
				if timeout, ok := errors.AsType[net.Error](err); (ok && timeout.Timeout()) != test.stalled || !test.stalled && err != nil {
					t.Errorf("it ends with %v", err)
				}
				if got := time.Since(begun); got != test.took {
					t.Errorf("it took %v, want %v", got, test.took)
				}
				if name == "one that answers too late" && !late.closed {
					t.Error("an answer that nobody gets is left open")
				}
			})
		})
	}
}

func TestUpstream_NothingIsBoundedOnceItHasAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		u := &upstream{timeout: time.Second, base: tripper(func(r *http.Request) (*http.Response, error) {
			go func() { ended <- takeAll(r, time.Hour) }()
			return answered(io.NopCloser(strings.NewReader("both ways")))
		})}
		ctx, cancel := context.WithCancel(t.Context()) // as a server's requests have it
		defer cancel()
		resp, err := u.RoundTrip(httptest.NewRequest(http.MethodPost, "/", strings.NewReader("both ways")).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // it is a text
		if err := <-ended; err != nil {
			t.Errorf("the upload ends with %v", err)
		}
	})
}
