package probe_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/probe"
)

func httpCheck(url string) config.HealthCheck {
	return config.HealthCheck{HTTP: &config.HTTPCheck{URL: url}}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// upstream is a service in every condition that there is a path for.
func upstream(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, code := range map[string]int{"/200": 200, "/204": 204, "/299": 299, "/300": 300, "/404": 404, "/500": 500, "/503": 503} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	text := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { say(w, body) })
	}
	text("/ready", `{"status":"ready"}`)
	text("/long", strings.Repeat("x", 64<<10)+"ready")
	text("/edge", strings.Repeat("x", 64<<10-5)+"ready")
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for chunk := bytes.Repeat([]byte("x"), 32<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow-body", func(w http.ResponseWriter, r *http.Request) {
		say(w, "re")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		say(w, "re")
	})
	take := func(path string, end func(net.Conn)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			end(conn)
		})
	}
	take("/reset", reset)
	take("/close", func(c net.Conn) { hangUp(c) })
	take("/garbage", func(c net.Conn) {
		say(c, "secret garbage\r\n\r\n")
		hangUp(c)
	})
	take("/bad-header", func(c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\nsecret header\r\n\r\n")
		hangUp(c)
	})
	take("/huge-header", func(c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("secret", 20_000)+"\r\n\r\n")
		hangUp(c)
	})
	mux.Handle("/moved", http.RedirectHandler("/ready", http.StatusFound))
	mux.Handle("/moved-to-500", http.RedirectHandler("/500", http.StatusTemporaryRedirect))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestProbe_HTTP(t *testing.T) {
	t.Parallel()
	up := upstream(t)
	statuses := func(codes ...int) func(*config.HTTPCheck) {
		return func(c *config.HTTPCheck) { c.ExpectStatus = codes }
	}
	body := func(text string) func(*config.HTTPCheck) {
		return func(c *config.HTTPCheck) { c.ExpectBody = text }
	}
	for _, tc := range []struct {
		path string
		set  func(*config.HTTPCheck)
		want string
	}{
		{"/200", nil, ""},
		{"/204", nil, ""},
		{"/299", nil, ""},
		{"/300", nil, "status 300, want 2xx"},
		{"/404", nil, "status 404, want 2xx"},
		{"/500", nil, "status 500, want 2xx"},
		{"/503", statuses(200), "status 503, want 200"},
		{"/503", statuses(200, 204), "status 503, want 200 or 204"},
		{"/503", statuses(200, 503), ""},
		{"/204", statuses(200), "status 204, want 200"},
		{"/ready", body(`"ready"`), ""},
		{"/ready", body("steady"), `the body does not contain "steady"`},
		{"/edge", body("ready"), ""},
		{"/long", body("ready"), `the first 64 KiB of the body do not contain "ready"`},
		{"/long", nil, ""},
		{"/endless", nil, ""},
		{"/slow-body", body("ready"), "timed out after 150ms"},
		{"/hang", nil, "timed out after 150ms"},
		{"/cut", nil, "connection closed before the end of the answer"},
		{"/reset", nil, "connection reset"},
		{"/close", nil, "connection closed without an answer"},
		{"/garbage", nil, "the answer makes no sense"},
		{"/bad-header", nil, "the answer makes no sense"},
		{"/huge-header", nil, "the answer makes no sense"},
		{"/moved", body("ready"), ""},
		{"/moved", statuses(302), ""},
		{"/moved-to-500", nil, "status 500, want 2xx"},
		{"/loop", nil, "status 302, a redirect that is not followed, want 2xx"},
	} {
		hc := httpCheck(up.URL + tc.path)
		if tc.set != nil {
			tc.set(hc.HTTP)
		}
		t.Run(fmt.Sprint(tc.path, " ", hc.HTTP.ExpectStatus, " ", hc.HTTP.ExpectBody), func(t *testing.T) {
			t.Parallel()
			timeout := long
			if strings.HasPrefix(tc.want, "timed out") {
				timeout = brief
			}
			got, want := check(t, newProbe(t, hc, probe.Options{}), timeout), ""
			if tc.want != "" {
				want = "GET " + up.URL + tc.path + ": " + tc.want
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestProbe_HTTPFollowsNoRedirectToAnotherHost(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/?secret", http.StatusFound)
	})
	got := check(t, newProbe(t, httpCheck(up.URL), probe.Options{}), long)
	if want := "GET " + up.URL + ": status 302, a redirect that is not followed, want 2xx"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if asked.Load() {
		t.Error("the other host was asked")
	}
}

func TestProbe_HTTPTellsWhyItCannotConnect(t *testing.T) {
	t.Parallel()
	up := upstream(t)
	gone := nobody(t)
	for _, tc := range []struct {
		name, url, want string
		opts            probe.Options
	}{
		{name: "refused", url: "http://" + gone + "/x", want: "GET http://" + gone + "/x: connection refused"},
		{name: "with secrets", url: "http://user:secret@" + gone + "/x?token=secret", want: "GET http://" + gone + "/x?…: connection refused"},
		{name: "forbidden", url: up.URL, want: "GET " + up.URL + ": dial: the address is not allowed", opts: probe.Options{Control: forbid}},
		{name: "https of http", url: strings.Replace(up.URL, "http", "https", 1), want: "GET https" + up.URL[4:] + ": the server speaks HTTP, not HTTPS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := check(t, newProbe(t, httpCheck(tc.url), tc.opts), long); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestProbe_HTTPSVerifiesTheServer(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	got := check(t, newProbe(t, httpCheck(s.URL), probe.Options{}), long)
	if want := "GET " + s.URL + ": tls: failed to verify certificate: x509: "; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	if got := check(t, newProbe(t, httpCheck(s.URL), probe.Options{RootCAs: pool}), long); got != "" {
		t.Errorf("with the right authority: %s", got)
	}
}

func TestProbe_HTTPSendsWhatTheSectionSays(t *testing.T) {
	t.Parallel()
	var got string
	up := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got = fmt.Sprint(r.Method, " ", r.Host, " ", r.URL, " ", r.UserAgent(), " ", r.Header.Get("X-Key"), " ", user, ":", password)
	})
	hc := httpCheck(strings.Replace(up.URL, "http://", "http://user:pass@", 1) + "/x?y=z")
	hc.HTTP.Method = "POST"
	hc.HTTP.Headers = map[string]string{"x-key": "k", "host": "shop.example"}
	if failed := check(t, newProbe(t, hc, probe.Options{Version: "1.2.3"}), long); failed != "" {
		t.Fatal(failed)
	}
	if want := "POST shop.example /x?y=z switchgear/1.2.3 k user:pass"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestProbe_HTTPKeepsItsConnection(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, "fine") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	var dialled atomic.Int64
	control := func(string, string, syscall.RawConn) error {
		dialled.Add(1)
		return nil
	}
	p := newProbe(t, httpCheck(s.URL), probe.Options{Control: control})
	for range 5 {
		if failed := check(t, p, long); failed != "" {
			t.Fatal(failed)
		}
	}
	if connections.Load() != 1 || dialled.Load() != 1 {
		t.Errorf("%d connections came, %d were dialled, want 1", connections.Load(), dialled.Load())
	}
}

func TestProbe_CanBeUsedByManyAndClosedMeanwhile(t *testing.T) {
	t.Parallel()
	up := upstream(t)
	p := newProbe(t, httpCheck(up.URL+"/ready"), probe.Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				err := p.Check(context.WithoutCancel(t.Context()))
				if err != nil && !strings.HasSuffix(err.Error(), ": the probe is closed") {
					t.Error(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := check(t, p, long), "GET "+up.URL+"/ready: the probe is closed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProbe_ErrorsWrapTheirCause(t *testing.T) {
	t.Parallel()
	p := newProbe(t, httpCheck("http://"+nobody(t)), probe.Options{})
	if err := p.Check(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want an error that is ECONNREFUSED", err)
	}
}

func TestHTTP_InjectsHeadersIntoEveryRequest(t *testing.T) {
	t.Parallel()
	var got []string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Traceparent")+r.Header.Get("X-Own"))
	})
	check := httpCheck(s.URL)
	check.HTTP.Headers = map[string]string{"X-Own": "!"}
	p, err := probe.New(check, probe.Options{Inject: func(ctx context.Context, h http.Header) {
		h.Set("Traceparent", fmt.Sprint(ctx.Value(injected{})))
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	for _, trace := range []string{"one", "two"} {
		if err := p.Check(context.WithValue(t.Context(), injected{}, trace)); err != nil {
			t.Error(err)
		}
	}
	if len(got) != 2 || got[0] != "one!" || got[1] != "two!" {
		t.Errorf("the requests have %q", got)
	}
}

// injected is the key of what a check is to inject.
type injected struct{}
