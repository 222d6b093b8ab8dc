package httpbreaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/httpbreaker"
)

func answerAsPath(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		status = http.StatusTeapot
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "said")
}

func TestTransport_JudgesByStatus(t *testing.T) {
	t.Parallel()
	ok, failed := switchgear.Operations{Successful: 1}, switchgear.Operations{Failed: 1}
	for status, want := range map[int]switchgear.Operations{
		200: ok, 204: ok, 302: ok, 304: ok, 400: ok, 401: ok, 404: ok, 409: ok, 429: failed, 500: failed, 501: failed, 503: failed, 599: failed,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			s, b := newServer(t, answerAsPath), newBreaker(t, steady)
			c, _ := newClient(t, s, b)
			resp := mustGet(t, c, s.URL+"/"+strconv.Itoa(status))
			finish(t, resp)
			if resp.StatusCode != status {
				t.Errorf("the status is %d", resp.StatusCode)
			}
			wantOperations(t, b, want)
		})
	}
}

func TestTransport_ClassifyChangesWhatAStatusMeans(t *testing.T) {
	t.Parallel()
	s, b := newServer(t, answerAsPath), newBreaker(t, steady)
	c, tr := newClient(t, s, b)
	tr.Classify = func(r *http.Response) switchgear.Outcome {
		switch r.StatusCode {
		case http.StatusNotFound:
			return switchgear.Failure
		case http.StatusBadGateway:
			return switchgear.Ignored
		}
		return httpbreaker.ByStatus(r.StatusCode)
	}
	for _, path := range []string{"/404", "/502", "/500", "/200"} {
		finish(t, mustGet(t, c, s.URL+path))
	}
	wantOperations(t, b, switchgear.Operations{Successful: 1, Failed: 2, Ignored: 1})
}

func TestTransport_RejectsWithoutSendingAndClosesTheBody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	})
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	c, _ := newClient(t, s, b)
	finish(t, mustGet(t, c, s.URL))

	sent := &closeNoted{Reader: strings.NewReader("never read")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, sent)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := do(t, c, req)
	if err == nil {
		_ = resp.Body.Close()
	}
	open, ok := errors.AsType[*switchgear.OpenError](err)
	if !errors.Is(err, switchgear.ErrOpen) || !ok || open.Service != "upstream" || open.RetryAfter() < 50*time.Second {
		t.Errorf("the error is %v", err)
	}
	if !sent.closed || sent.read {
		t.Errorf("closed %t, read %t; want the body closed unread", sent.closed, sent.read)
	}
	if asked.Load() != 1 {
		t.Errorf("the server was asked %d times", asked.Load())
	}
	wantOperations(t, b, switchgear.Operations{Failed: 1, Rejected: 1})
}

// closeNoted notes what is done to a body.
type closeNoted struct {
	io.Reader

	read, closed bool
}

func (c *closeNoted) Read(p []byte) (int, error) {
	c.read = true
	return c.Reader.Read(p)
}

func (c *closeNoted) Close() error {
	c.closed = true
	return nil
}

func TestTransport_CanAnswerARejectionWith503(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1, ResetTimeout: 90 * time.Second, Jitter: -1})
	b.HandleError(errors.New("secret of the upstream"), 0)
	c := &http.Client{Transport: &httpbreaker.Transport{Breaker: b, Reject: httpbreaker.Unavailable}}

	resp := mustGet(t, c, "http://nowhere.invalid/")
	var said struct {
		Status       int
		Service      string
		State        string
		RetryAfterMs int `json:"retry_after_ms"`
	}
	text := finish(t, resp)
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "90" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the answer is %v", resp)
	}
	if said.Status != 503 || said.Service != "upstream" || said.State != "open" || said.RetryAfterMs <= 89_000 || said.RetryAfterMs > 90_000 {
		t.Errorf("the problem is %+v", said)
	}
	if strings.Contains(text, "secret") {
		t.Errorf("the answer tells the error: %s", text)
	}
}

func TestTransport_StaysOpenForAsLongAsTheServerAsks(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) // the server's clock may be anywhere
	for name, test := range map[string]struct {
		status     int
		retryAfter string
		want       time.Duration
	}{
		"seconds":           {503, "300", 300 * time.Second},
		"429":               {429, "120", 120 * time.Second},
		"a date":            {503, at.Add(4 * time.Minute).Format(http.TimeFormat), 4 * time.Minute},
		"a date gone by":    {503, at.Add(-time.Hour).Format(http.TimeFormat), time.Minute},
		"less than it asks": {503, "2", time.Minute},
		"no more than 1 h":  {503, "99999999999999999999999999", time.Hour},
		"nonsense":          {503, "soon", time.Minute},
		"negative":          {503, "-5", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", at.Format(http.TimeFormat))
				w.Header().Set("Retry-After", test.retryAfter)
				w.WriteHeader(test.status)
			})
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1, Jitter: -1})
			c, _ := newClient(t, s, b)
			finish(t, mustGet(t, c, s.URL))
			if got := b.Snapshot().OpenTime; got != test.want {
				t.Errorf("it is open for %v, want %v", got, test.want)
			}
		})
	}
}

func TestTransport_ChoosesABreakerForEachRequest(t *testing.T) {
	t.Parallel()
	good := newServer(t, func(http.ResponseWriter, *http.Request) {})
	bad := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	other := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	breakers := map[string]*switchgear.Breaker{
		strings.TrimPrefix(good.URL, "http://"): newBreaker(t, switchgear.Config{}),
		strings.TrimPrefix(bad.URL, "http://"):  newBreaker(t, switchgear.Config{FailureThreshold: 1}),
	}
	c, tr := newClient(t, good, nil)
	tr.For = func(r *http.Request) *switchgear.Breaker { return breakers[r.URL.Host] }
	for range 2 { // the third is in no map, and so unguarded
		finish(t, mustGet(t, c, good.URL))
		finish(t, mustGet(t, c, other.URL))
	}
	finish(t, mustGet(t, c, bad.URL))
	if _, err := get(t.Context(), t, c, bad.URL); !errors.Is(err, switchgear.ErrOpen) {
		t.Errorf("the bad host answers %v", err)
	}
	wantOperations(t, breakers[strings.TrimPrefix(good.URL, "http://")], switchgear.Operations{Successful: 2})
}

func TestTransport_WithoutABreakerIsAnError(t *testing.T) {
	t.Parallel()
	sent := &closeNoted{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://nowhere.invalid/", sent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&httpbreaker.Transport{}).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "Breaker") { //nolint:bodyclose // there is no answer
		t.Errorf("the error is %v", err)
	}
	if !sent.closed {
		t.Error("the body is not closed")
	}
}

func TestTransport_LeavesTheRequestAsItIs(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	b := newBreaker(t, steady)
	c, _ := newClient(t, s, b)
	c.CheckRedirect = nil // the second request takes its body from GetBody
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/moved", strings.NewReader("again"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := do(t, c, req)
	if err != nil {
		t.Fatal(err)
	}
	if got := finish(t, resp); got != "again" {
		t.Errorf("the body came as %q", got)
	}
	wantOperations(t, b, switchgear.Operations{Successful: 2})

	piped, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, io.NopCloser(io.LimitReader(strings.NewReader("once"), 4)))
	if err != nil {
		t.Fatal(err)
	}
	body := piped.Body
	sent, err := c.Transport.RoundTrip(piped)
	if err != nil {
		t.Fatal(err)
	}
	_ = sent.Body.Close()
	if piped.Body != body || len(piped.Header) > 0 {
		t.Error("the request was changed")
	}
}

func TestTransport_TellsEachOperationOnce(t *testing.T) {
	t.Parallel()
	s, b := newServer(t, answerAsPath), newBreaker(t, steady)
	c, tr := newClient(t, s, b)
	var told []httpbreaker.Operation
	tr.Ended = func(o httpbreaker.Operation) { told = append(told, o) }
	for _, path := range []string{"/200", "/503"} {
		finish(t, mustGet(t, c, s.URL+path))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := get(ctx, t, c, s.URL+"/200"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	type brief struct {
		Path, Err string
		Status    int
		Outcome   switchgear.Outcome
	}
	var got []brief
	for _, o := range told {
		text := ""
		if o.Err != nil {
			text = o.Err.Error()
		}
		got = append(got, brief{o.Request.URL.Path, text, o.Status, o.Outcome})
		if o.Duration < 0 || o.Duration > patience {
			t.Errorf("%s took %v", o.Request.URL.Path, o.Duration)
		}
	}
	want := []brief{
		{"/200", "", 200, switchgear.Success},
		{"/503", "503 Service Unavailable", 503, switchgear.Failure},
		{"/200", "context canceled", 0, switchgear.Ignored},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestTransport_AllocatesNoMoreThanTheBody(t *testing.T) {
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}
	raw := &closeNoted{Reader: strings.NewReader("")}
	b := newBreaker(t, steady)
	tr := &httpbreaker.Transport{Breaker: b, Base: base(func(*http.Request) (*http.Response, error) {
		answer.Body = raw
		return answer, nil
	})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://nowhere.invalid/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}); n > 1 {
		t.Errorf("an allowed request allocates %v times", n)
	}
	if err := b.Override(switchgear.Override{
		Mode: switchgear.ForcedOpen, Actor: "test", Reason: "test", Until: time.Now().Add(time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := tr.RoundTrip(req); err == nil { //nolint:bodyclose // there is no answer
			t.Fatal("it was let in")
		}
	}); n > 0 {
		t.Errorf("a rejection allocates %v times", n)
	}
}
