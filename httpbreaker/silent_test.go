package httpbreaker_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

func TestHandler_ReturningWithoutAnAnswerIsNoSuccessOnceTheContextHasEnded(t *testing.T) {
	t.Parallel()
	ok, failed, ignored := switchgear.Operations{Successful: 1}, switchgear.Operations{Failed: 1}, switchgear.Operations{Ignored: 1}
	for name, test := range map[string]struct {
		serve  http.HandlerFunc
		cancel bool // the client goes; else a deadline passes
		want   switchgear.Operations
	}{
		"silent, a deadline":     {func(http.ResponseWriter, *http.Request) {}, false, failed},
		"silent, the client":     {func(http.ResponseWriter, *http.Request) {}, true, ignored},
		"answered, the client":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, true, ok},
		"answered, a deadline":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, false, ok},
		"flushed, a deadline":    {func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }, false, ok},
		"hijacked, the client":   {hijack, true, ok},
		"hijacked, a deadline":   {hijack, false, ok},
		"a failure, a deadline":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, false, failed},
		"a failure, the client":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, true, ignored},
		"not modified, a client": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, true, ok},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, steady)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if test.cancel {
					time.AfterFunc(time.Minute, cancel)
				}
				h := &httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					test.serve(w, r)
				})}
				h.ServeHTTP(hijackable{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx))
				wantOperations(t, b, test.want)
			})
		})
	}
}

func hijack(w http.ResponseWriter, _ *http.Request) {
	_, _, _ = http.NewResponseController(w).Hijack()
}

// hijackable is a recorder that can also be hijacked.
type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func TestHandler_AnAnswerThatComesAfterTheTimeoutIsAFailure(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(w http.ResponseWriter){
		"written":           func(w http.ResponseWriter) { _, _ = w.Write([]byte("x")) },
		"with a status":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); _, _ = w.Write([]byte("x")) },
		"written as a text": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") },
		"copied":            func(w http.ResponseWriter) { _, _ = io.Copy(w, io.LimitReader(strings.NewReader("x"), 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, steady)
				w := httptest.NewRecorder()
				http.TimeoutHandler(&httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(time.Hour)
					write(w)
				})}, time.Minute, "").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
				if w.Code != http.StatusServiceUnavailable {
					t.Errorf("the client got %d", w.Code)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				wantOperations(t, b, switchgear.Operations{Failed: 1})
				if got := b.Snapshot().LastError; got != context.DeadlineExceeded.Error() {
					t.Errorf("the last error is %q", got)
				}
			})
		})
	}
}

func TestHandler_AProbeWhoseClientGoesBeforeAnAnswerDoesNotClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := recovering(t, switchgear.Config{MinHealthyPeriod: -1})
		h := &httpbreaker.Handler{Breaker: b, Next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx))
		if got := b.State(); got != switchgear.HalfOpen {
			t.Errorf("it is %v", got)
		}
	})
}

func TestHandler_ARejectionTakesNoHeaderOfAnotherAnswer(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	b.HandleError(errors.New("down"), 0)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{"Content-Length": "3", "Etag": `"x"`, "Last-Modified": "yesterday", "X-Kept": "y"} {
			w.Header().Set(name, value)
		}
		(&httpbreaker.Handler{Breaker: b, Next: http.NotFoundHandler()}).ServeHTTP(w, r)
	})
	resp := mustGet(t, s.Client(), s.URL)
	if text := finish(t, resp); !strings.HasSuffix(text, "}") || resp.ContentLength != int64(len(text)) {
		t.Errorf("the body is %q of %d", text, resp.ContentLength)
	}
	if resp.Header.Get("Etag")+resp.Header.Get("Last-Modified") != "" || resp.Header.Get("X-Kept") != "y" {
		t.Errorf("the header is %v", resp.Header)
	}
}
