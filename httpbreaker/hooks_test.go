package httpbreaker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

func (c *closeNoted) answer() (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: c}, nil
}

func TestTransport_AHookThatDoesNotReturnLeavesNoBodyOpen(t *testing.T) {
	t.Parallel()
	errBoom := errors.New("boom")
	for name, test := range map[string]struct {
		classify func(*http.Response) switchgear.Outcome
		ends     func(*http.Response) bool
		value    any
		exit     bool
		want     switchgear.Operations
	}{
		"Classify panics":     {func(*http.Response) switchgear.Outcome { panic(errBoom) }, nil, errBoom, false, switchgear.Operations{Failed: 1}},
		"EndsAtHeader panics": {nil, func(*http.Response) bool { panic(errBoom) }, errBoom, false, switchgear.Operations{Failed: 1}},
		"EndsAtHeader exits":  {nil, func(*http.Response) bool { runtime.Goexit(); return true }, nil, true, switchgear.Operations{Ignored: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, steady)
			body := &closeNoted{Reader: strings.NewReader("never read")}
			tr := &httpbreaker.Transport{
				Breaker: b, Classify: test.classify, EndsAtHeader: test.ends,
				Base: base(func(*http.Request) (*http.Response, error) { return body.answer() }),
			}
			v, _, exited := thrown(func() {
				_, _ = tr.RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody)) //nolint:bodyclose // nobody gets the answer
			})
			if v != test.value || exited != test.exit {
				t.Errorf("out came %v, exited %t", v, exited)
			}
			if !body.closed || body.read {
				t.Errorf("closed %t, read %t", body.closed, body.read)
			}
			if got := b.Snapshot().LastError; v != nil && !strings.Contains(got, "Classify or EndsAtHeader panicked") {
				t.Errorf("the last error is %q", got)
			}
			wantOperations(t, b, test.want)
		})
	}
}

func TestTransport_TheAnswersRequestIsTheCallers(t *testing.T) {
	t.Parallel()
	s, b := newServer(t, answerAsPath), newBreaker(t, steady)
	_, tr := newClient(t, s, b)
	body, sent := io.Pipe()
	_ = sent.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req) //nolint:bodyclose // finish does
	if err != nil {
		t.Fatal(err)
	}
	finish(t, answer{resp})
	if resp.Request != req {
		t.Error("it is another one")
	}
}

func TestTransport_AFailureByItsStatusIsOneWhateverBecomesOfItsBody(t *testing.T) {
	t.Parallel()
	versions(t, func() http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
	}, func(t *testing.T, s *httptest.Server, b *switchgear.Breaker, c *http.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := get(ctx, t, c, s.URL)
		if err != nil {
			t.Fatal(err)
		}
		wantOperations(t, b, switchgear.Operations{Failed: 1})
		cancel()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("the body ended with %v", err)
		}
		wantOperations(t, b, switchgear.Operations{Failed: 1})
		if got := b.Snapshot().LastError; got != "500 Internal Server Error" {
			t.Errorf("the last error is %q", got)
		}
	})
}

func TestTransport_AProbeThatFailsByItsStatusIsNotExcusedByItsCaller(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	b, moved := sick(t, time.Hour)
	c, _ := newClient(t, s, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := get(ctx, t, c, s.URL); err != nil {
		t.Fatal(err)
	}
	cancel()
	if tr := await(t, moved, switchgear.Open); tr.Evidence.Rule != switchgear.RuleRecoveryFailure {
		t.Errorf("it opened by %+v", tr.Evidence)
	}
}

func TestTransport_ASwitchThatNobodyAskedForIsAFailure(t *testing.T) {
	t.Parallel()
	failed, ok := switchgear.Operations{Failed: 1}, switchgear.Operations{Successful: 1}
	for name, test := range map[string]struct {
		asked, answered string
		classify        func(*http.Response) switchgear.Outcome
		want            switchgear.Operations
	}{
		"not asked":        {"", "evil", nil, failed},
		"asked for other":  {"websocket", "evil", nil, failed},
		"to nothing":       {"websocket", "", nil, failed},
		"asked":            {"websocket", "WebSocket", nil, ok},
		"asked for either": {"h2c, websocket", "websocket", nil, ok},
		"judged by others": {"", "evil", func(*http.Response) switchgear.Outcome { return switchgear.Success }, ok},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, steady)
			tr := &httpbreaker.Transport{Breaker: b, Classify: test.classify, Base: base(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{"Upgrade": {test.answered}}, Body: http.NoBody}, nil
			})}
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header.Set("Upgrade", test.asked)
			if _, err := tr.RoundTrip(r); err != nil { //nolint:bodyclose // it is empty
				t.Fatal(err)
			}
			wantOperations(t, b, test.want)
			if got := b.Snapshot().LastError; test.want == failed && !strings.Contains(got, "not asked for") {
				t.Errorf("the last error is %q", got)
			}
		})
	}
}

// TestTransport_TheClientsTimeoutIsCalledSo is for the way of http.Client to
// cancel a request, which says only that it was cancelled.
func TestTransport_TheClientsTimeoutIsCalledSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		left time.Duration // to the deadline, when it is cancelled
		want switchgear.Operations
		says string
	}{
		"its time is over": {-time.Millisecond, switchgear.Operations{Failed: 1}, context.DeadlineExceeded.Error()},
		"by hand":          {time.Hour, switchgear.Operations{Ignored: 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, steady)
			cancelled := make(chan struct{})
			tr := &httpbreaker.Transport{Breaker: b, Base: base(func(*http.Request) (*http.Response, error) {
				close(cancelled)
				return nil, errors.New("net/http: request canceled")
			})}
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(unaware{t.Context(), time.Now().Add(test.left)})
			r.Cancel = cancelled                       //nolint:staticcheck // http.Client uses it
			if _, err := tr.RoundTrip(r); err == nil { //nolint:bodyclose // there is no answer
				t.Error("it answered")
			}
			wantOperations(t, b, test.want)
			if got := b.Snapshot().LastError; got != test.says {
				t.Errorf("the last error is %q", got)
			}
		})
	}
}

// unaware is a context that does not know yet that its time is over.
type unaware struct {
	context.Context //nolint:containedctx // it is one

	until time.Time
}

func (u unaware) Deadline() (time.Time, bool) { return u.until, true }
