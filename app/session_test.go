package app_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/config"
)

// running is an app that runs over a data directory until stop.
type running struct {
	*app.App

	said strings.Builder // on stderr; to be read when it is stopped, or before it runs
	stop func()
}

func launch(t *testing.T, data, admin string) *running {
	t.Helper()
	r := &running{}
	var err error
	r.App, err = app.New(t.Context(), app.Options{
		Settings: config.Settings{Listen: "127.0.0.1:0", Data: data, LogLevel: "error"}, AdminToken: admin, Stdout: io.Discard, Stderr: &r.said,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// ask is a request of the process's own page; its answer's status, text and
// cookie.
func ask(t *testing.T, method, url, cookie, body string) (status int, text, set string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+"/api/v2/session", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Origin": {url}, "Content-Type": {"application/json"}, "Cookie": {cookie}}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		set = c.Name + "=" + c.Value
	}
	return resp.StatusCode, string(content), set
}

func TestServe_SessionSurvivesKill(t *testing.T) {
	t.Parallel()
	data := place(t, "http://127.0.0.1:1/")
	p := serve(t, data)
	status, text, cookie := ask(t, "POST", p.url, "", `{"token":"`+token+`"}`)
	if status != 201 || cookie == "" {
		t.Fatalf("%d %s", status, text)
	}
	_, _, gone := ask(t, "POST", p.url, "", `{"token":"`+token+`"}`)
	if status, text, _ := ask(t, "DELETE", p.url, gone, ""); status != 204 {
		t.Errorf("log out: %d %s", status, text)
	}
	p.kill(t)
	p = serve(t, data)
	if status, text, _ := ask(t, "GET", p.url, cookie, ""); status != 200 || !strings.Contains(text, `"role":"admin"`) {
		t.Errorf("after a kill: %d %s", status, text)
	}
	if status, _, _ := ask(t, "GET", p.url, gone, ""); status != 401 {
		t.Errorf("the one that was logged out: %d", status)
	}
	p.kill(t)
}

func TestServe_SessionEndsWithTheTokenOfTheEnvironment(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := launch(t, data, token)
	link := first.LoginLink()
	_, code, ok := strings.Cut(link, "#login=")
	if !ok || !strings.HasPrefix(link, first.URL()+"/#") {
		t.Fatalf("the link is %q", link)
	}
	status, text, cookie := ask(t, "POST", first.URL(), "", `{"code":"`+code+`"}`)
	if status != 201 {
		t.Fatalf("%d %s", status, text)
	}
	if status, _, _ := ask(t, "POST", first.URL(), "", `{"code":"`+code+`"}`); status != 401 {
		t.Errorf("the link again: %d", status)
	}
	first.stop()
	for _, tt := range []struct {
		name, admin string
		status      int
	}{{"another", "another-token-of-the-tests", 401}, {"the same", token, 200}} {
		next := launch(t, data, tt.admin)
		if status, _, _ := ask(t, "GET", next.URL(), cookie, ""); status != tt.status {
			t.Errorf("with %s: %d, want %d", tt.name, status, tt.status)
		}
		next.stop()
	}
	// A session is nobody's token: without the variable this is a first start.
	last := launch(t, data, "")
	if last.LoginLink() != "" {
		t.Error("there is a link for nobody")
	}
	if status, _, _ := ask(t, "GET", last.URL(), cookie, ""); status != 401 {
		t.Errorf("without: %d", status)
	}
	last.stop()
	if said := last.said.String(); !strings.Contains(said, "admin token") {
		t.Errorf("nobody can get in: it said %q", said)
	}
}

func TestServe_FirstStartPrintsALinkThatLogsIn(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	a := launch(t, data, "")
	link := regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/#login=([A-Z2-7]{26})\n`).FindStringSubmatch(a.said.String())
	if link == nil || link[1] != a.URL() {
		t.Fatalf("it said %q", a.said.String())
	}
	status, text, cookie := ask(t, "POST", a.URL(), "", `{"code":"`+link[2]+`"}`)
	if status != 201 || !strings.Contains(text, `"role":"admin"`) {
		t.Fatalf("%d %s", status, text)
	}
	if status, _, _ := ask(t, "GET", a.URL(), cookie, ""); status != 200 {
		t.Errorf("then: %d", status)
	}
	a.stop()
	again := launch(t, data, "")
	if status, _, _ := ask(t, "GET", again.URL(), cookie, ""); status != 200 {
		t.Errorf("after a restart: %d", status)
	}
	again.stop()
	if again.said.Len() > 0 {
		t.Errorf("a second start said %q", again.said.String())
	}
}
