package httpbreaker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
)

// stream answers with as many chunks as come over the channel, each flushed.
func stream(chunks <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Sum")
		w.WriteHeader(http.StatusOK)
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case chunk, more := <-chunks:
				if !more {
					w.Header().Set("Sum", "42")
					return
				}
				if chunk == "break" {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, chunk)
			case <-r.Context().Done():
				panic(http.ErrAbortHandler) // a return would end the body, and the client might still hear of it
			}
		}
	}
}

// versions runs a test with a server of each version of HTTP.
func versions(t *testing.T, h func() http.Handler, test func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client)) {
	t.Helper()
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP/%d", version), func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(h())
			s.EnableHTTP2 = version == 2
			start(t, s, (*httptest.Server).StartTLS)
			b := newBreaker(t, steady)
			c, _ := newClient(t, s, b)
			test(t, s, b, c)
		})
	}
}

func TestTransport_TheOperationLastsAsLongAsTheBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(t *testing.T, chunks chan string, resp answer)
		want switchgear.Operations
	}{
		"read to its end": {func(t *testing.T, chunks chan string, resp answer) {
			t.Helper()
			chunks <- "two"
			close(chunks)
			if got := finish(t, resp); got != "two" {
				t.Errorf("the rest is %q", got)
			}
			if got := resp.Trailer.Get("Sum"); got != "42" {
				t.Errorf("the trailer is %q", got)
			}
		}, switchgear.Operations{Successful: 1}},
		"closed early": {func(t *testing.T, _ chan string, resp answer) {
			t.Helper()
			for range 2 {
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		}, switchgear.Operations{Successful: 1}},
		"closed while it is read": {func(t *testing.T, _ chan string, resp answer) {
			t.Helper()
			var reading sync.WaitGroup
			reading.Go(func() { _, _ = io.ReadAll(resp.Body) })
			_ = resp.Body.Close()
			reading.Wait()
		}, switchgear.Operations{Successful: 1}},
		"broken off": {func(t *testing.T, chunks chan string, resp answer) {
			t.Helper()
			chunks <- "break"
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("the body ended well")
			}
			_ = resp.Body.Close()
		}, switchgear.Operations{Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			streams := map[string]chan string{}
			var mu sync.Mutex
			versions(t, func() http.Handler {
				chunks := make(chan string)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					streams[r.Host] = chunks
					mu.Unlock()
					stream(chunks)(w, r)
				})
			}, func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client) {
				resp := mustGet(t, c, s.URL)
				mu.Lock()
				chunks := streams[strings.TrimPrefix(s.URL, "https://")]
				mu.Unlock()
				chunks <- "one"
				first := make([]byte, 3)
				if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "one" {
					t.Errorf("the first chunk is %q, %v", first, err)
				}
				wantOperations(t, b, switchgear.Operations{}) // it goes on
				test.end(t, chunks, resp)
				wantOperations(t, b, test.want)
			})
		})
	}
}

func TestTransport_AnAnswerWithoutBodyEndsAtOnce(t *testing.T) {
	t.Parallel()
	versions(t, func() http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Length", "1000")
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}, func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client) {
		mustGet(t, c, s.URL)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := do(t, c, req); err != nil {
			t.Error(err)
		}
		wantOperations(t, b, switchgear.Operations{Successful: 2})
	})
}

func TestTransport_EndsAtHeaderWhereAsked(t *testing.T) {
	t.Parallel()
	chunks := make(chan string)
	s, b := newServer(t, stream(chunks)), newBreaker(t, steady)
	c, tr := newClient(t, s, b)
	tr.EndsAtHeader = func(r *http.Response) bool { return r.StatusCode == http.StatusOK }
	resp := mustGet(t, c, s.URL)
	wantOperations(t, b, switchgear.Operations{Successful: 1})
	close(chunks)
	finish(t, resp)
	wantOperations(t, b, switchgear.Operations{Successful: 1})
}

// hang never answers.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestTransport_ADeadlineIsAFailureAndACancellationIsIgnored(t *testing.T) {
	t.Parallel()
	errCause := errors.New("we have another answer")
	for name, test := range map[string]struct {
		ctx     func(context.Context) (context.Context, func())
		timeout time.Duration
		want    switchgear.Operations
	}{
		"the client's timeout": {
			func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
			20 * time.Millisecond,
			switchgear.Operations{Failed: 1},
		},
		"the context's deadline": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			return ctx, sync.OnceFunc(func() { context.AfterFunc(ctx, cancel) })
		}, 0, switchgear.Operations{Failed: 1}},
		"cancelled": {func(ctx context.Context) (context.Context, func()) {
			return context.WithCancel(ctx)
		}, 0, switchgear.Operations{Ignored: 1}},
		"cancelled with a cause": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(errCause) }
		}, 0, switchgear.Operations{Ignored: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("before the answer", func(t *testing.T) {
				t.Parallel()
				versions(t, func() http.Handler { return http.HandlerFunc(hang) }, func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client) {
					c.Timeout = test.timeout
					ctx, end := test.ctx(t.Context())
					time.AfterFunc(20*time.Millisecond, end)
					if resp, err := get(ctx, t, c, s.URL); err == nil {
						_ = resp.Body.Close()
						t.Error("it answered")
					}
					wantOperations(t, b, test.want)
				})
			})
			t.Run("in the body", func(t *testing.T) {
				t.Parallel()
				versions(t, func() http.Handler { return stream(nil) }, func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client) {
					c.Timeout = 100 * test.timeout // the answer must come before
					ctx, end := test.ctx(t.Context())
					if name == "the context's deadline" {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
						defer cancel()
					}
					resp, err := get(ctx, t, c, s.URL)
					if err != nil {
						t.Fatal(err)
					}
					end()
					if _, err := io.ReadAll(resp.Body); err == nil {
						t.Error("the body ended well")
					}
					_ = resp.Body.Close()
					wantOperations(t, b, test.want)
				})
			})
		})
	}
}

func TestTransport_KilledServersAreFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close() //nolint:errcheck // that is the point
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
		}
	})
	b := newBreaker(t, steady)
	c, _ := newClient(t, s, b)
	if _, err := get(t.Context(), t, c, s.URL+"/header"); err == nil {
		t.Error("it answered")
	}
	resp := mustGet(t, c, s.URL+"/body")
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the body ended with %v", err)
	}
	s.Close()
	if _, err := get(t.Context(), t, c, s.URL); err == nil {
		t.Error("it answered after its end")
	}
	wantOperations(t, b, switchgear.Operations{Failed: 3})
}

// broken is a body of the caller's that cannot be read to its end.
type broken struct{ at io.Reader }

var errBroken = errors.New("the disk is gone")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.at.Read(p)
	if errors.Is(err, io.EOF) {
		err = errBroken
	}
	return n, err
}

func TestTransport_ARequestBodyThatBreaksIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	versions(t, func() http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	}, func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, broken{strings.NewReader("some of it")})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := do(t, c, req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("the error is %v", err)
		}
		wantOperations(t, b, switchgear.Operations{Ignored: 1})
	})
}

func TestTransport_AServerThatDiesUnderAnUploadIsAFailure(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	})
	b := newBreaker(t, steady)
	c, _ := newClient(t, s, b)
	const tries = 20 // what is noticed first, the answer or the upload, is chance
	for range tries {
		endless, write := io.Pipe()
		var writing sync.WaitGroup
		writing.Go(func() {
			for block := make([]byte, 64<<10); ; {
				if _, err := write.Write(block); err != nil {
					return
				}
			}
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, endless)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := do(t, c, req); err == nil {
			_ = resp.Body.Close()
			t.Error("it answered")
		}
		_ = endless.Close()
		writing.Wait()
	}
	wantOperations(t, b, switchgear.Operations{Failed: tries})
}

func TestTransport_SwitchedProtocolsKeepTheirConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close() //nolint:errcheck // the client may have closed it
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, err := rw.ReadString('\n')
		if err == nil {
			_, _ = io.WriteString(conn, "you said "+line)
		}
	})
	b := newBreaker(t, steady)
	c, _ := newClient(t, s, b)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := do(t, c, req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	wantOperations(t, b, switchgear.Operations{Successful: 1})
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T", resp.Body)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "you said hello\n" {
		t.Errorf("it says %q, %v", line, err)
	}
}
