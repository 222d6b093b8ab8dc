package httpbreaker_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/httpbreaker"
)

// flushes, hijacks and pushes are what a ResponseWriter can do, which note that
// they were asked.
type (
	flushes struct{ asked *[]string }
	hijacks struct{ asked *[]string }
	pushes  struct{ asked *[]string }
)

func (f flushes) Flush() { *f.asked = append(*f.asked, "flush") }

func (h hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	*h.asked = append(*h.asked, "hijack")
	return nil, nil, nil
}

func (p pushes) Push(string, *http.PushOptions) error {
	*p.asked = append(*p.asked, "push")
	return nil
}

func TestHandler_KeepsEachThingThatTheWriterCanDo(t *testing.T) {
	t.Parallel()
	var asked []string
	w, f, h, p := plain{httptest.NewRecorder()}, flushes{&asked}, hijacks{&asked}, pushes{&asked}
	for _, test := range []struct {
		w    http.ResponseWriter
		want []string
	}{
		{w, nil},
		{struct {
			plain
			flushes
		}{w, f}, []string{"flush"}},
		{struct {
			plain
			hijacks
		}{w, h}, []string{"hijack"}},
		{struct {
			plain
			pushes
		}{w, p}, []string{"push"}},
		{struct {
			plain
			flushes
			hijacks
		}{w, f, h}, []string{"flush", "hijack"}},
		{struct {
			plain
			flushes
			pushes
		}{w, f, p}, []string{"flush", "push"}},
		{struct {
			plain
			hijacks
			pushes
		}{w, h, p}, []string{"hijack", "push"}},
		{struct {
			plain
			flushes
			hijacks
			pushes
		}{w, f, h, p}, []string{"flush", "hijack", "push"}},
	} {
		asked = nil
		handler := &httpbreaker.Handler{Breaker: newBreaker(t, steady), Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			if h, ok := w.(http.Hijacker); ok {
				_, _, _ = h.Hijack()
			}
			if p, ok := w.(http.Pusher); ok {
				_ = p.Push("/other", nil)
			}
		})}
		handler.ServeHTTP(test.w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		if diff := cmp.Diff(test.want, asked); diff != "" {
			t.Errorf("%T was asked for (-want +got):\n%s", test.w, diff)
		}
	}
}
