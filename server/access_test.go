package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/server/internal/openapitest"
)

// may are the roles that may do what needs one.
var may = map[string][]string{
	"none":     {"", "garbage", "expired", "agent", "viewer", "operator", "admin"},
	"viewer":   {"viewer", "operator", "admin"},
	"operator": {"operator", "admin"},
	"admin":    {"admin"},
	"agent":    {"agent", "admin"},
}

// visitor is somebody who asks, by the role and limits of the token.
type visitor struct {
	name, role string
	limited    bool
	secret     string
	by         means
}

// means is how a visitor shows who he is.
type means int

const (
	byHeader   means = iota // with the token
	byPage                  // with the cookie of a session that the token opened, from the server's own page
	byCookie                // with that cookie alone
	bySecret                // with what is in that cookie, as if it were a token
	byTorn                  // with a part of it
	byStranger              // with the cookie, from a page of another origin
)

var visitors = []visitor{
	{name: "none"},
	{name: "garbage", role: "garbage", secret: strings.Repeat("x", 43)},
	{name: "expired", role: "expired", secret: expiredSecret},
	{name: "agent", role: "agent", secret: agentSecret},
	{name: "viewer", role: "viewer", secret: viewerSecret},
	{name: "operator", role: "operator", secret: operatorSecret},
	{name: "admin", role: "admin", secret: adminSecret},
	{name: "an admin of others", role: "admin", limited: true, secret: otherAdminSecret},
	{name: "a viewer of others", role: "viewer", limited: true, secret: otherViewerSecret},
	{name: "a viewer's page", role: "viewer", secret: viewerSecret, by: byPage},
	{name: "an operator's page", role: "operator", secret: operatorSecret, by: byPage},
	{name: "an admin's page", role: "admin", secret: adminSecret, by: byPage},
	{name: "the page of an admin of others", role: "admin", limited: true, secret: otherAdminSecret, by: byPage},
	{name: "an admin's cookie without a page", role: "cookie", secret: adminSecret, by: byCookie},
	{name: "an admin's session as a token", role: "cookie", secret: adminSecret, by: bySecret},
	{name: "a part of an admin's cookie", role: "cookie", secret: adminSecret, by: byTorn},
	{name: "another page with an admin's cookie", role: "cookie", secret: adminSecret, by: byStranger},
}

// expected is the status that the document wants somebody to be refused with; 0
// is that he is let in.
func expected(o *openapitest.Operation, v *visitor) int {
	known := slices.Contains([]string{"agent", "viewer", "operator", "admin"}, v.role)
	changes := o.Method != http.MethodGet
	switch {
	case v.by == byStranger && (changes || o.Path == server.StreamPath || o.Path == server.AgentsPath):
		return http.StatusForbidden
	case o.Path == server.AgentsPath && v.by == byPage: // a page is no agent
		return http.StatusUnauthorized
	case o.Path == sessionPath && o.Method == http.MethodDelete && (v.by == byCookie || v.by == byStranger):
		return http.StatusUnauthorized
	case o.Path == sessionPath && o.Method == http.MethodPost && v.by == byHeader:
		if v.role == "agent" {
			return http.StatusForbidden
		}
		return map[bool]int{false: http.StatusUnauthorized}[known]
	case o.Role == "none":
		return 0
	case !known:
		return http.StatusUnauthorized
	case !slices.Contains(may[o.Role], v.role), v.limited && (o.Limited || strings.Contains(o.Path, "{service}")):
		return http.StatusForbidden
	}
	return 0
}

// try asks for an operation, with the document's own example, each time from
// another address.
func (b *bench) try(o *openapitest.Operation, v *visitor) (status int, body string) {
	b.t.Helper()
	b.visits++
	path := strings.NewReplacer("{service}", "market", "{id}", "4XG7QZ2NPLWKC5TDVR3MJB6YHA").Replace(o.Path)
	headers := append([]string{"Content-Type", "application/json"}, b.shows(v)...)
	sent := string(o.Body)
	if o.Path == sessionPath && v.secret != "" { // whoever logs in shows a token in the body
		sent = `{"token":"` + v.secret + `"}`
	}
	if slices.Contains(o.Headers, "If-Match") {
		headers = append(headers, "If-Match", "*")
	}
	got := b.ask(o.Method, path, fmt.Sprintf("198.18.%d.%d:1234", b.visits/200, b.visits%200), sent, headers...)
	return got.Code, got.Body.String()
}

const sessionPath = "/api/v2/session"

// shows are the headers of a visitor. A session is a new one each time, for some
// requests end it.
func (b *bench) shows(v *visitor) []string {
	b.t.Helper()
	switch {
	case v.secret == "":
		return nil
	case v.by == byHeader:
		return []string{"Authorization", "Bearer " + v.secret}
	}
	cookie := b.logIn(v.secret)
	switch v.by {
	case byPage:
		return []string{"Cookie", cookie, "Origin", "http://example.com"}
	case bySecret:
		_, secret, _ := strings.Cut(cookie, "=")
		return []string{"Authorization", "Bearer " + secret}
	case byTorn:
		return []string{"Cookie", cookie[:len(cookie)-1], "Origin", "http://example.com"}
	case byStranger:
		return []string{"Cookie", cookie, "Origin", "http://evil.example"}
	case byHeader, byCookie:
	}
	return []string{"Cookie", cookie}
}

// logIn opens a session with a token, and returns its cookie, as a browser sends
// it.
func (b *bench) logIn(secret string, headers ...string) (cookie string) {
	b.t.Helper()
	got := b.ask("POST", sessionPath, there, `{"token":"`+secret+`"}`, append(headers, "Content-Type", "application/json")...)
	cookies := got.Result().Cookies()
	if got.Code != http.StatusCreated || len(cookies) != 1 {
		b.t.Fatalf("log in: %d %s %v", got.Code, got.Body, cookies)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

func TestAccess_IsWhatTheDocumentSaysOfEveryRoute(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	all := doc.Operations()
	declare := func() {
		t.Helper()
		if got := b.ask("PUT", "/api/v2/services/market", there, `{"description":"secret of the market"}`, "Authorization", bearer); got.Code/100 != 2 {
			t.Fatal(got.Code, got.Body)
		}
	}
	declare()
	before := b.everything()
	asked, refused := 0, 0
	for i := range all {
		for j := range visitors {
			want := expected(&all[i], &visitors[j])
			if asked++; want == 0 {
				continue
			}
			refused++
			if got, body := b.try(&all[i], &visitors[j]); got != want {
				t.Errorf("%s %s as %s: %d, want %d: %s", all[i].Method, all[i].Path, visitors[j].name, got, want, body)
			}
		}
	}
	if diff := cmp.Diff(before, b.everything()); diff != "" {
		t.Errorf("what was refused has changed something (-before +after)\n%s", diff)
	}
	for i := range all {
		o := &all[i]
		for j := range visitors {
			v := &visitors[j]
			if expected(o, v) != 0 {
				continue
			}
			declare()
			got, body := b.try(o, v)
			if got == http.StatusUnauthorized || got == http.StatusForbidden || got >= 500 {
				t.Errorf("%s %s as %s: %d, want to be let in: %s", o.Method, o.Path, v.name, got, body)
			}
			if v.limited && strings.Contains(body, "secret of the market") {
				t.Errorf("%s %s tells %s of what he may not know: %s", o.Method, o.Path, v.name, body)
			}
		}
	}
	if asked != len(all)*len(visitors) || refused < asked/2 {
		t.Errorf("%d were tried, %d to be refused", asked, refused)
	}
}

// everything is what an administrator sees.
func (b *bench) everything() map[string]string {
	b.t.Helper()
	seen := make(map[string]string)
	for _, path := range []string{"services", "events", "services/market/config", "tokens"} {
		seen[path] = b.ask("GET", "/api/v2/"+path, there, "", "Authorization", bearer).Body.String()
	}
	return seen
}

func TestDocument_HasTheRoutesOfTheWholeServer(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	want := append(b.OwnPaths(), server.StreamPath, server.AgentsPath)
	var got []string
	for _, o := range doc.Operations() {
		if !strings.HasPrefix(o.Path, "/api/v2/") || o.Path == server.StreamPath || o.Path == server.AgentsPath {
			got = append(got, o.Path)
			if o.Method != http.MethodGet {
				t.Errorf("%s %s", o.Method, o.Path)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-routes +document)\n%s", diff)
	}
}

func TestMetrics_AreNotForATokenOfSomeServices(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	if got := b.ask("GET", "/metrics", there, "", "Authorization", "Bearer "+otherViewerSecret); got.Code != 403 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestServer_NotesWhatAPageOfAnotherOriginAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	got := b.ask("PUT", "/api/v2/services/market", there, `{}`, "Origin", "https://evil.example", "Authorization", bearer)
	if got.Code != 403 {
		t.Fatal(got.Code)
	}
	b.until("the refusal in the audit log", func() bool {
		log := b.store.AuditLog()
		return len(log) == 1 && log[0].Address == "192.0.2.1" && log[0].Result == "refused: 403 a page of another origin may not do this"
	})
}

func TestServer_NotesAFloodOfOtherOriginsAndNoLessOfTheRest(t *testing.T) {
	t.Parallel()
	b := newBench(t, server.Config{})
	for range 320 {
		if got := b.ask("POST", "/api/v2/tokens", there, "", "Origin", "https://evil.example"); got.Code != 403 {
			t.Fatal(got.Code)
		}
	}
	b.ask("GET", "/api/v2/tokens", there, "", "Authorization", "Bearer "+viewerSecret)
	b.ask("POST", "/api/v2/tokens", "192.0.2.2:1", "", "Origin", "https://evil.example")
	count := func(actor, address string) (n int) {
		for _, e := range b.store.AuditLog() {
			if e.Actor == actor && e.Address == address {
				n++
			}
		}
		return n
	}
	b.until("all of it in the audit log", func() bool {
		return count("board", "192.0.2.1") == 1 && count("unknown", "192.0.2.2") == 1
	})
	if n := count("unknown", "192.0.2.1"); n != 10 {
		t.Errorf("%d lines of the flood", n)
	}
}
