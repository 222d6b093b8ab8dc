package alert_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert"
)

// answering is a server that counts requests to its paths.
func answering(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

func post(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// client is a client whose connections end with the test.
func client(t *testing.T, control func(network, address string, c syscall.RawConn) error) *http.Client {
	t.Helper()
	c := alert.NewClient(control)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestDo_TellsWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status  int
		after   string
		err     string
		refused bool
		wait    time.Duration // at least; and at most a minute more
	}{
		{200, "", "", false, 0},
		{202, "", "", false, 0},
		{204, "", "", false, 0},
		{299, "5", "", false, 0},
		{301, "", "answered with the redirect 301 Moved Permanently, which is not followed", false, 0},
		{307, "", "answered with the redirect 307 Temporary Redirect, which is not followed", false, 0},
		{304, "", "answered with the redirect 304 Not Modified, which is not followed", false, 0},
		{400, "", "answered with 400 Bad Request", true, 0},
		{401, "", "answered with 401 Unauthorized", true, 0},
		{404, "", "answered with 404 Not Found", true, 0},
		{410, "7", "answered with 410 Gone", true, 7 * time.Second},
		{413, "", "answered with 413 Request Entity Too Large", true, 0},
		{422, "", "answered with 422 Unprocessable Entity", true, 0},
		{499, "", "answered with 499", true, 0},
		{408, "", "answered with 408 Request Timeout", false, 0},
		{425, "", "answered with 425 Too Early", false, 0},
		{429, "", "answered with 429 Too Many Requests", false, 0},
		{429, "3", "answered with 429 Too Many Requests", true, 3 * time.Second},
		{429, "soon", "answered with 429 Too Many Requests", false, 0},
		{429, "-3", "answered with 429 Too Many Requests", false, 0},
		{429, "99999999999999", "answered with 429 Too Many Requests", true, 24 * time.Hour},
		{500, "", "answered with 500 Internal Server Error", false, 0},
		{502, "", "answered with 502 Bad Gateway", false, 0},
		{503, "", "answered with 503 Service Unavailable", false, 0},
		{503, "120", "answered with 503 Service Unavailable", true, 2 * time.Minute},
		{503, "in an hour", "answered with 503 Service Unavailable", true, 59 * time.Minute},
		{503, "Mon, 01 Jan 2001 00:00:00 GMT", "answered with 503 Service Unavailable", false, 0},
		{599, "", "answered with 599", false, 0},
	} {
		s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			if tc.after == "in an hour" {
				tc.after = time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
			}
			if tc.after != "" {
				w.Header().Set("Retry-After", tc.after)
			}
			w.WriteHeader(tc.status)
		})
		err := alert.Do(client(t, nil), post(t, s.URL+"/secret?key=secret"))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.err {
			t.Errorf("%d: got %q, want %q", tc.status, got, tc.err)
		}
		refused, ok := errors.AsType[*alert.RefusedError](err)
		if ok != tc.refused {
			t.Errorf("%d %q: a refusal: %v, want %v", tc.status, tc.after, ok, tc.refused)
		}
		if ok && (refused.RetryAfter < tc.wait || refused.RetryAfter > tc.wait+time.Minute) {
			t.Errorf("%d %q: again after %v, want %v", tc.status, tc.after, refused.RetryAfter, tc.wait)
		}
	}
}

func TestDo_NeverFollowsARedirectWhateverTheClient(t *testing.T) {
	t.Parallel()
	followed := make(chan struct{}, 10)
	elsewhere := answering(t, func(http.ResponseWriter, *http.Request) { followed <- struct{}{} })
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/?key=secret", http.StatusTemporaryRedirect)
	})
	for name, c := range map[string]*http.Client{"ours": client(t, nil), "another": {}} {
		err := alert.Do(c, post(t, s.URL))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want an error that does not say where to", name, err)
		}
		c.CloseIdleConnections()
	}
	if len(followed) > 0 {
		t.Error("a redirect was followed")
	}
}

func TestDo_ErrorsHaveNoURL(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	notAllowed := errors.New("this address is not allowed")
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the client goes
		<-r.Context().Done()
	})
	inTime, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, tc := range []struct {
		name   string
		client *http.Client
		req    *http.Request
		want   string
		is     error
	}{
		{"nobody listens", client(t, nil), post(t, gone.URL), "connection refused", syscall.ECONNREFUSED},
		{"not allowed", client(t, func(string, string, syscall.RawConn) error { return notAllowed }), post(t, gone.URL), notAllowed.Error(), notAllowed},
		{"no host", client(t, nil), post(t, "http://no-such-host.invalid"), "no-such-host.invalid", nil},
		{"another protocol", client(t, nil), post(t, strings.Replace(s.URL, "http:", "https:", 1)), "HTTPS", nil},
		{"late", client(t, nil), post(t, s.URL).WithContext(inTime), "no answer in time", context.DeadlineExceeded},
	} {
		tc.req.URL.Path, tc.req.URL.RawQuery = "/hooks/hidden", "key=hidden"
		tc.req.SetBasicAuth("user", "hidden")
		err := alert.Do(tc.client, tc.req)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v, want an error with %q and nothing of the URL", tc.name, err, tc.want)
		}
		if tc.is != nil && !errors.Is(err, tc.is) {
			t.Errorf("%s: got %v, which is not %v", tc.name, err, tc.is)
		}
		if _, ok := errors.AsType[*alert.RefusedError](err); ok {
			t.Errorf("%s: is a refusal", tc.name)
		}
	}
}

func TestDo_DoesNotWaitForTheRestOfAnAnswer(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("wait"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	if err := alert.Do(client(t, nil), post(t, s.URL)); err != nil {
		t.Errorf("got %v for 200", err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestClient_UsesConnectionsAgainAndNoProxyOfTheEnvironment(t *testing.T) {
	connections := make(chan string, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1000))
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections <- c.RemoteAddr().String()
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t, func(_, address string, _ syscall.RawConn) error {
		if address != s.Listener.Addr().String() {
			return errors.New("dialled " + address)
		}
		return nil
	})
	for range 3 {
		if err := alert.Do(c, post(t, s.URL)); err != nil {
			t.Error(err)
		}
	}
	if n := len(connections); n != 1 {
		t.Errorf("%d connections for three requests", n)
	}
	if c.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy may be taken from the environment")
	}
}
