package httpbreaker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

func TestHandler_JudgesByWhatWasWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  switchgear.Outcome
	}{
		"nothing":   {func(http.ResponseWriter, *http.Request) {}, switchgear.Success},
		"a body":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, switchgear.Success},
		"not found": {http.NotFound, switchgear.Success},
		"too many":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, switchgear.Failure},
		"error":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, switchgear.Failure},
		"hints, then an error": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusBadGateway)
		}, switchgear.Failure},
		"an error too late": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("x"))
			w.WriteHeader(http.StatusInternalServerError)
		}, switchgear.Success},
		"an error after a flush": {func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(http.StatusInternalServerError)
		}, switchgear.Success},
		"an error after an empty copy": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader(""), 1)) // which leaves it to ReadFrom
			w.WriteHeader(http.StatusInternalServerError)
		}, switchgear.Failure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, steady)
			s := newServer(t, (&httpbreaker.Handler{Next: test.serve, Breaker: b}).ServeHTTP)
			resp := mustGet(t, s.Client(), s.URL)
			finish(t, resp)
			if got := httpbreaker.ByStatus(resp.StatusCode); got != test.want {
				t.Errorf("the client got %d", resp.StatusCode)
			}
			s.Close() // so that the handler has returned
			want := switchgear.Operations{Successful: 1}
			if test.want == switchgear.Failure {
				want = switchgear.Operations{Failed: 1}
			}
			wantOperations(t, b, want)
		})
	}
}

func TestHandler_RejectsWithATruthfulRetryAfter(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: 2500 * time.Millisecond, Jitter: -1})
	s := newServer(t, (&httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "secret of the handler", http.StatusInternalServerError)
	})}).ServeHTTP)
	opened := moves(t, b)
	finish(t, mustGet(t, s.Client(), s.URL))
	await(t, opened, switchgear.Open)

	resp := mustGet(t, s.Client(), s.URL)
	text := finish(t, resp)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "3" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer is %v", resp)
	}
	var said map[string]any
	if err := json.Unmarshal([]byte(text), &said); err != nil || said["service"] != "upstream" || strings.Contains(text, "secret") {
		t.Errorf("the problem is %s", text)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("unread"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html, text/plain")
	resp, err = do(t, s.Client(), req)
	if err != nil {
		t.Fatal(err)
	}
	if text := finish(t, resp); resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(text, "come again in") {
		t.Errorf("the answer is %v, %q", resp, text)
	}
	wantOperations(t, b, switchgear.Operations{Failed: 1, Rejected: 2})
}

func TestHandler_StaysOpenForAsLongAsTheHandlerSaid(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, Jitter: -1})
	h := &httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "200")
		w.WriteHeader(http.StatusServiceUnavailable)
	})}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if got := b.Snapshot().OpenTime; got != 200*time.Second {
		t.Errorf("it is open for %v", got)
	}
}

func TestHandler_ChoosesABreakerAndAJudge(t *testing.T) {
	t.Parallel()
	tenant := newBreaker(t, steady)
	h := &httpbreaker.Handler{
		Next: http.NotFoundHandler(),
		For: func(r *http.Request) *switchgear.Breaker {
			if r.Host == "tenant.test" {
				return tenant
			}
			return nil
		},
		Classify: func(r *http.Request, status int) switchgear.Outcome {
			if r.Method == http.MethodPost && status == http.StatusNotFound {
				return switchgear.Failure
			}
			return httpbreaker.ByStatus(status)
		},
	}
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "http://tenant.test/", http.NoBody),
		httptest.NewRequest(http.MethodPost, "http://tenant.test/", http.NoBody),
		httptest.NewRequest(http.MethodPost, "http://other.test/", http.NoBody),
	} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusNotFound {
			t.Errorf("%s %s answered %d", r.Method, r.Host, w.Code)
		}
	}
	wantOperations(t, tenant, switchgear.Operations{Successful: 1, Failed: 1})

	w := httptest.NewRecorder()
	(&httpbreaker.Handler{Next: http.NotFoundHandler()}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("without a breaker it answers %d", w.Code)
	}
}

// thrown is what comes out of f: a panic's value with its stack, or exited.
func thrown(f func()) (v any, stack string, exited bool) {
	exited = true
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			if v = recover(); v != nil {
				exited, stack = false, string(debug.Stack())
			}
		}()
		f()
		exited = false
	})
	wg.Wait()
	return v, stack, exited
}

func throwUp(v any) { panic(v) }

func TestHandler_PanicsGoOnAndExitsAreIgnored(t *testing.T) {
	t.Parallel()
	errBoom := errors.New("boom")
	for name, test := range map[string]struct {
		serve func()
		gone  bool
		value any
		exit  bool
		want  switchgear.Operations
	}{
		"panic":                      {serve: func() { throwUp(errBoom) }, value: errBoom, want: switchgear.Operations{Failed: 1}},
		"panic, the client gone":     {serve: func() { throwUp(errBoom) }, gone: true, value: errBoom, want: switchgear.Operations{Failed: 1}},
		"aborted":                    {serve: func() { throwUp(http.ErrAbortHandler) }, value: http.ErrAbortHandler, want: switchgear.Operations{Failed: 1}},
		"aborted, the client gone":   {serve: func() { throwUp(http.ErrAbortHandler) }, gone: true, value: http.ErrAbortHandler, want: switchgear.Operations{Ignored: 1}},
		"exit":                       {serve: runtime.Goexit, exit: true, want: switchgear.Operations{Ignored: 1}},
		"exit, the client gone":      {serve: runtime.Goexit, gone: true, exit: true, want: switchgear.Operations{Ignored: 1}},
		"a failure, the client gone": {serve: func() {}, gone: true, want: switchgear.Operations{Ignored: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, steady)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := &httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.gone {
					cancel()
				}
				test.serve()
				w.WriteHeader(http.StatusBadGateway)
			})}
			v, stack, exited := thrown(func() {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx))
			})
			if v != test.value || exited != test.exit {
				t.Errorf("out came %v, exited %t", v, exited)
			}
			if test.value == any(errBoom) && !strings.Contains(stack, "throwUp") {
				t.Errorf("the panic has lost its stack:\n%s", stack)
			}
			wantOperations(t, b, test.want)
		})
	}
}

func TestTransport_PanicsGoOnAndExitsAreIgnored(t *testing.T) {
	t.Parallel()
	errBoom := errors.New("boom")
	for name, test := range map[string]struct {
		trip  func()
		value any
		exit  bool
		want  switchgear.Operations
	}{
		"panic":   {func() { throwUp(errBoom) }, errBoom, false, switchgear.Operations{Failed: 1}},
		"exit":    {runtime.Goexit, nil, true, switchgear.Operations{Ignored: 1}},
		"neither": {func() {}, nil, false, switchgear.Operations{Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, steady)
			tr := &httpbreaker.Transport{Breaker: b, Base: base(func(*http.Request) (*http.Response, error) {
				test.trip()
				return nil, nil //nolint:nilnil // which is none of the things that a round tripper may return
			})}
			v, stack, exited := thrown(func() {
				_, _ = tr.RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody)) //nolint:bodyclose // there is no answer
			})
			if v != test.value || exited != test.exit {
				t.Errorf("out came %v, exited %t", v, exited)
			}
			if v != nil && !strings.Contains(stack, "throwUp") {
				t.Errorf("the panic has lost its stack:\n%s", stack)
			}
			wantOperations(t, b, test.want)
		})
	}
}

func TestHandler_KeepsWhatTheWriterCanDo(t *testing.T) {
	t.Parallel()
	type can struct{ Flush, Hijack, Push, ReadFrom bool }
	for version, want := range map[int]can{1: {Flush: true, Hijack: true, ReadFrom: true}, 2: {Flush: true, Push: true, ReadFrom: true}} {
		b := newBreaker(t, steady)
		s := httptest.NewUnstartedServer(&httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			var got can
			_, got.Flush = w.(http.Flusher)
			_, got.Hijack = w.(http.Hijacker)
			_, got.Push = w.(http.Pusher)
			_, got.ReadFrom = w.(io.ReaderFrom)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("HTTP/%d (-want +got):\n%s", version, diff)
			}
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			if p, ok := w.(http.Pusher); ok {
				if err := p.Push("/other", nil); !errors.Is(err, http.ErrNotSupported) { // Go's client takes none
					t.Errorf("pushing says %v", err)
				}
			}
			_, _ = io.Copy(w, strings.NewReader("copied, "))
			_, _ = io.WriteString(w, "written")
		})})
		s.EnableHTTP2 = version == 2
		start(t, s, (*httptest.Server).StartTLS)
		resp := mustGet(t, s.Client(), s.URL)
		if got := finish(t, resp); got != "copied, written" || resp.ProtoMajor != version {
			t.Errorf("HTTP/%d got %q", resp.ProtoMajor, got)
		}
		s.Close()
		wantOperations(t, b, switchgear.Operations{Successful: 1})
	}
}

// plain is a ResponseWriter that can do nothing else; all can do everything.
type (
	plain struct{ http.ResponseWriter }
	all   struct {
		plain
		http.Flusher
		http.Hijacker
		http.Pusher
	}
)

func TestHandler_AddsNothingThatTheWriterCannotDo(t *testing.T) {
	t.Parallel()
	serve := func(w http.ResponseWriter, look http.HandlerFunc) {
		h := &httpbreaker.Handler{Breaker: newBreaker(t, steady), Next: look}
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	}
	serve(plain{httptest.NewRecorder()}, func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Flusher); ok {
			t.Error("it says that it can flush")
		}
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("flushing says %v", err)
		}
	})
	serve(&all{plain: plain{httptest.NewRecorder()}}, func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(interface {
			http.Flusher
			http.Hijacker
			http.Pusher
		}); !ok {
			t.Errorf("%T has lost something", w)
		}
	})
}

func TestHandler_AHijackedConnectionEndsWithTheHandler(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, steady)
	hijacked := make(chan struct{})
	s := newServer(t, (&httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h, ok := w.(http.Hijacker)
		if !ok {
			t.Errorf("%T cannot be hijacked", w)
			return
		}
		conn, _, err := h.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close() //nolint:errcheck // the client may have closed it
		wantOperations(t, b, switchgear.Operations{})
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || line != "bye\n" {
			t.Errorf("the client said %q, %v", line, err)
		}
		close(hijacked)
	})}).ServeHTTP)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "x")
	resp, err := do(t, s.Client(), req)
	if err != nil {
		t.Fatal(err)
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok {
		_, _ = io.WriteString(conn, "bye\n")
		<-hijacked
		_, _ = io.ReadAll(conn) // until the handler has returned
		_ = conn.Close()
	}
	deadline := time.Now().Add(patience)
	for b.Operations().Total() == 0 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	wantOperations(t, b, switchgear.Operations{Successful: 1})
}
