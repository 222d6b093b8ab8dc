package rest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/server/internal/auth"
)

// with asks with that secret.
func (b *bench) with(secret, method, path, body string) reply {
	b.tb.Helper()
	return b.as("", method, path, body, "Authorization", "Bearer "+secret)
}

func (r reply) text(name string) string {
	s, _ := r.body[name].(string)
	return s
}

func TestTokens_AreShownOnceListedAndRevoked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:market", "us:market")
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	made := b.admin(201, "POST", "/api/v2/tokens", `{"name":"Bôard","role":"viewer","services":["eu:*"],"expires_at":"`+ends+`"}`)
	secret, id := made.text("token"), made.text("id")
	if !auth.ValidSecret(secret) || len(secret) != 43 || made.header.Get("Location") != "/api/v2/tokens/"+id || made.text("created_by") != "admin-1" {
		t.Errorf("made: %v %s", made.header, made.raw)
	}
	if other := b.admin(201, "POST", "/api/v2/tokens", `{"name":"b","role":"agent"}`); other.text("token") == secret || other.body["expires_at"] != nil {
		t.Errorf("another: %s", other.raw)
	}
	list := b.admin(200, "GET", "/api/v2/tokens", "")
	if strings.Contains(list.raw, secret) || strings.Contains(list.raw, auth.Hash(secret)) || strings.Contains(list.raw, "hash") {
		t.Errorf("the list tells a secret: %s", list.raw)
	}
	if diff := cmp.Diff([]any{"b", "Bôard"}, list.names("tokens", "name")); diff != "" {
		t.Errorf("newest first (-want +got)\n%s", diff)
	}
	if got := b.with(secret, "GET", "/api/v2/services", ""); got.status != 200 || len(got.names("services", "service")) != 1 {
		t.Errorf("with it: %d %s", got.status, got.raw)
	}
	if got := b.admin(204, "DELETE", "/api/v2/tokens/"+id+"?reason=lost", ""); got.raw != "" {
		t.Errorf("revoked: %q", got.raw)
	}
	if got := b.with(secret, "GET", "/api/v2/services", ""); got.status != 401 {
		t.Errorf("revoked, it is %d", got.status)
	}
	b.admin(404, "DELETE", "/api/v2/tokens/"+id, "")
	if names := b.admin(200, "GET", "/api/v2/tokens", "").names("tokens", "name"); len(names) != 1 {
		t.Errorf("listed still: %v", names)
	}
	for _, e := range b.store.AuditLog() {
		if line := fmt.Sprintf("%+v", e); strings.Contains(line, secret) || strings.Contains(line, auth.Hash(secret)) {
			t.Errorf("the audit log has the secret: %s", line)
		}
	}
}

func TestTokens_OfOnesOwnMayBeRevokedThatOfTheEnvironmentNot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	made := b.admin(201, "POST", "/api/v2/tokens", `{"name":"second","role":"admin"}`)
	secret := made.text("token")
	if got := b.with(secret, "DELETE", "/api/v2/tokens/"+made.text("id"), `{"reason":"done"}`); got.status != 204 {
		t.Errorf("its own: %d %s", got.status, got.raw)
	}
	if got := b.with(secret, "GET", "/api/v2/tokens", ""); got.status != 401 {
		t.Errorf("after it: %d", got.status)
	}
	if got := b.admin(409, "DELETE", "/api/v2/tokens/environment", ""); !strings.Contains(got.text("detail"), "SWITCHGEAR_ADMIN_TOKEN") {
		t.Errorf("it does not say why: %s", got.raw)
	}
}

func TestTokens_ExpireWhenTheySay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	soon := time.Now().Add(time.Second).UTC()
	made := b.admin(201, "POST", "/api/v2/tokens", `{"name":"brief","role":"viewer","expires_at":"`+soon.Format(time.RFC3339Nano)+`"}`)
	if got := b.with(made.text("token"), "GET", "/api/v2/services", ""); got.status != 200 && time.Now().Before(soon) {
		t.Errorf("before its end: %d", got.status)
	}
	b.until("the end of the token", func() bool { return time.Now().After(soon) })
	if got := b.with(made.text("token"), "GET", "/api/v2/services", ""); got.status != 401 {
		t.Errorf("after its end: %d", got.status)
	}
	if names := b.admin(200, "GET", "/api/v2/tokens", "").names("tokens", "name"); len(names) != 1 {
		t.Errorf("it is not listed any more: %v", names)
	}
}

func TestTokens_NameEveryBadField(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	patterns := `"` + strings.Repeat(`a","`, 100) + `a"`
	tests := map[string][]string{
		`{}`:                                 {"name", "role"},
		`{"name":"","role":"root"}`:          {"name", "role"},
		`{"name":"  ","role":"Admin"}`:       {"name", "role"},
		`{"name":"a\nb","role":""}`:          {"name", "role"},
		`{"name":"a\u202eb","role":"admin"}`: {"name"},
		`{"name":"` + strings.Repeat("é", 129) + `","role":"admin"}`:                  {"name"},
		`{"name":"a","role":"admin","services":["A","ok*",""]}`:                       {"services[0]", "services[2]"},
		`{"name":"a","role":"admin","services":[` + patterns + `]}`:                   {"services"},
		`{"name":"a","role":"admin","services":"*"}`:                                  {"services"},
		`{"name":"a","role":"admin","services":[]}`:                                   {"services"},
		`{"name":"Switchgear","role":"admin"}`:                                        {"name"},
		`{"name":" unknown","role":"admin"}`:                                          {"name"},
		`{"name":"a","role":"admin","services":[5]}`:                                  {"services[0]"},
		`{"name":"a","role":"admin","expires_at":"tomorrow"}`:                         {"expires_at"},
		`{"name":"a","role":"admin","expires_at":1900000000}`:                         {"expires_at"},
		`{"name":"a","role":"admin","expires_at":"2020-01-01T00:00:00Z"}`:             {"expires_at"},
		`{"name":"a","role":"admin","expires_at":"0001-01-01T00:00:00Z"}`:             {"expires_at"},
		`{"name":"a","role":"admin","token":"x","id":"1","hash":"","created_by":"x"}`: {"token", "id", "hash", "created_by"},
	}
	for body, want := range tests {
		got := b.as("admin", "POST", "/api/v2/tokens", body)
		names := got.fields()
		slices.Sort(names)
		slices.Sort(want)
		if got.status != 400 || !slices.Equal(names, want) {
			t.Errorf("%.100s: %d %v, want %v: %s", body, got.status, names, want, got.raw)
		}
	}
	if list := b.admin(200, "GET", "/api/v2/tokens", "").names("tokens", "name"); len(list) != 0 {
		t.Errorf("made all the same: %v", list)
	}
	for _, body := range []string{
		`{"name":"` + strings.Repeat("é", 128) + `","role":"admin","services":null,"expires_at":null}`,
		`{"name":"a b","role":"agent","expires_at":"2099-12-31T23:59:59.5+02:00"}`,
	} {
		if made := b.admin(201, "POST", "/api/v2/tokens", body); !strings.Contains(made.raw, `"services":null`) {
			t.Errorf("one for all services: %s", made.raw)
		}
	}
	for _, services := range b.admin(200, "GET", "/api/v2/tokens", "").names("tokens", "services") {
		if services != nil {
			t.Errorf("listed for all services as %v", services)
		}
	}
}

func TestTokens_ArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := []any{}
	for i := range 7 {
		want = append([]any{strconv.Itoa(i)}, want...)
		b.admin(201, "POST", "/api/v2/tokens", fmt.Sprintf(`{"name":"%d","role":"viewer"}`, i))
	}
	for limit := 1; limit <= 8; limit++ {
		var all []any
		for query := fmt.Sprintf("?limit=%d", limit); ; {
			page := b.admin(200, "GET", "/api/v2/tokens"+query, "")
			all = append(all, page.names("tokens", "name")...)
			if page.body["next_cursor"] == nil {
				break
			}
			query = fmt.Sprintf("?limit=%d&cursor=%s", limit, url.QueryEscape(page.text("next_cursor")))
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("pages of %d (-want +got)\n%s", limit, diff)
		}
	}
	// What a page ended with may be gone when the next is asked for.
	page := b.admin(200, "GET", "/api/v2/tokens?limit=2", "")
	b.admin(204, "DELETE", "/api/v2/tokens/"+page.names("tokens", "id")[1].(string), "")
	next := b.admin(200, "GET", "/api/v2/tokens?limit=2&cursor="+url.QueryEscape(page.text("next_cursor")), "")
	if diff := cmp.Diff([]any{"4", "3"}, next.names("tokens", "name")); diff != "" {
		t.Errorf("behind one that is gone (-want +got)\n%s", diff)
	}
}

func TestTickets_AreForViewers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, body := range []string{"", "{}"} {
		got := b.as("viewer", "POST", "/api/v2/ws/tickets", body)
		ends, err := time.Parse(time.RFC3339, got.text("expires_at"))
		if got.status != 201 || err != nil || time.Until(ends) > 30*time.Second || len(got.text("ticket")) < 40 {
			t.Errorf("%d %s", got.status, got.raw)
		}
		if as := b.with(got.text("ticket"), "GET", "/api/v2/services", ""); as.status != 401 {
			t.Errorf("a ticket is no token: %d", as.status)
		}
	}
	if got := b.as("agent", "POST", "/api/v2/ws/tickets", ""); got.status != 403 {
		t.Errorf("an agent: %d", got.status)
	}
	if got := b.as("viewer", "POST", "/api/v2/ws/tickets", `{"ttl":1}`); got.status != 400 {
		t.Errorf("with a field: %d", got.status)
	}
}

func TestLimitedTokens_SeeAndDoWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.reported("eu:a", "us:a", "eu:b", "us:b")
	b.admin(200, "POST", "/api/v2/services/us:a/reset", `{"reason":"x"}`)
	for path, list := range map[string]string{"services": "services", "state": "services", "events": "events"} {
		got := b.as("viewer-eu", "GET", "/api/v2/"+path, "")
		names := got.names(list, "service")
		if len(names) < 2 || slices.ContainsFunc(names, func(n any) bool { return !strings.HasPrefix(n.(string), "eu:") }) {
			t.Errorf("%s: %d %v", path, got.status, names)
		}
	}
	all := b.as("viewer-eu", "GET", "/api/v2/events", "").names("events", "id")
	var paged []any
	for query := "?limit=1"; ; {
		page := b.as("viewer-eu", "GET", "/api/v2/events"+query, "")
		paged = append(paged, page.names("events", "id")...)
		if page.body["next_cursor"] == nil {
			break
		}
		query = "?limit=1&cursor=" + url.QueryEscape(page.text("next_cursor"))
	}
	if diff := cmp.Diff(all, paged); diff != "" {
		t.Errorf("pages of events (-want +got)\n%s", diff)
	}
	for _, path := range []string{"services/us:a", "services/us:a/events", "services/us:a/config", "services/us:never", "events?service=us:a", "tokens", "audit"} {
		for _, role := range []string{"viewer-eu", "admin-eu"} {
			if got := b.as(role, "GET", "/api/v2/"+path, ""); got.status != 403 {
				t.Errorf("%s as %s: %d", path, role, got.status)
			}
		}
	}
	if got := b.as("admin-eu", "PUT", "/api/v2/services/us:c", `{}`); got.status != 403 {
		t.Errorf("to declare another's: %d", got.status)
	}
	if got := b.as("admin-eu", "PUT", "/api/v2/services/eu:c", `{}`); got.status != 201 {
		t.Errorf("to declare one's own: %d", got.status)
	}
	if got := b.as("admin-eu", "POST", "/api/v2/tokens", `{"name":"more","role":"admin"}`); got.status != 403 {
		t.Errorf("to make a token that may more: %d", got.status)
	}
}
