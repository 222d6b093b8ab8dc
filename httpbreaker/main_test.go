package httpbreaker_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// steady never opens within a test.
var steady = switchgear.Config{FailureThreshold: 1_000_000}

func newBreaker(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	b, err := switchgear.New("upstream", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newServer runs a server until the test ends. A handler may hang until then,
// or until its request's context ends.
func newServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	return start(t, httptest.NewUnstartedServer(h), (*httptest.Server).Start)
}

func start(t *testing.T, s *httptest.Server, run func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // what the tests do to it is no news
	run(s)
	t.Cleanup(s.Close)
	return s
}

// newClient makes a client of the server, through a Transport that the test can
// change before it is used.
func newClient(t *testing.T, s *httptest.Server, b *switchgear.Breaker) (*http.Client, *httpbreaker.Transport) {
	t.Helper()
	tr := &httpbreaker.Transport{Base: s.Client().Transport, Breaker: b}
	c := &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(c.CloseIdleConnections)
	return c, tr
}

// answer is one whose body nobody need close.
type answer struct{ *http.Response }

func get(ctx context.Context, t *testing.T, c *http.Client, url string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, c, req)
}

func do(t *testing.T, c *http.Client, req *http.Request) (answer, error) {
	t.Helper()
	resp, err := c.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return answer{resp}, err
}

// mustGet gets the answer and leaves its body to the test.
func mustGet(t *testing.T, c *http.Client, url string) answer {
	t.Helper()
	resp, err := get(t.Context(), t, c, url)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// finish reads the body to its end and closes it.
func finish(t *testing.T, resp answer) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Error(err)
	}
	return string(text)
}

func wantOperations(t *testing.T, b *switchgear.Breaker, want switchgear.Operations) {
	t.Helper()
	if diff := cmp.Diff(want, b.Operations()); diff != "" {
		t.Errorf("the breaker counted (-want +got):\n%s", diff)
	}
}

// moves are the transitions of a breaker, as they come.
func moves(t *testing.T, b *switchgear.Breaker) <-chan switchgear.Transition {
	t.Helper()
	c := make(chan switchgear.Transition, 100)
	t.Cleanup(b.Observe(func(tr switchgear.Transition) { c <- tr }))
	return c
}

// await waits for the breaker to come into a state.
func await(t *testing.T, moves <-chan switchgear.Transition, to switchgear.State) switchgear.Transition {
	t.Helper()
	for {
		select {
		case tr := <-moves:
			if tr.To == to {
				return tr
			}
		case <-time.After(patience):
			t.Fatalf("it does not become %v", to)
		}
	}
}

// base is a round tripper of the tests.
type base func(*http.Request) (*http.Response, error)

func (f base) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
