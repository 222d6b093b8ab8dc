package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

const token = "a-token-of-the-tests-00"

// connect makes a client of a manager that answers with h.
func connect(t *testing.T, h http.Handler, opts client.Options) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, token, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// request is what a manager was asked.
type request struct {
	Method, URI, IfMatch, Body, Key string
}

func TestClient_AsksAsTheContractSays(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.FixedZone("", 3600))
	set := wire.ConfigRequest{Config: json.RawMessage(`{"jitter":0}`), Reason: "r"}
	for name, test := range map[string]struct {
		call func(ctx context.Context, c *client.Client) error
		want request
	}{
		"services": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Services(ctx, client.ServiceQuery{
					Page: client.Page{Limit: 7, Cursor: "c="}, Status: "circuit_open", Layer: "data", Q: "a b",
				})
				return err
			},
			request{Method: "GET", URI: "/api/v2/services?cursor=c%3D&layer=data&limit=7&q=a+b&status=circuit_open"},
		},
		"tokens": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Tokens(ctx, client.Page{Limit: 2})
				return err
			},
			request{Method: "GET", URI: "/api/v2/tokens?limit=2"},
		},
		"create token": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.CreateToken(ctx, wire.TokenRequest{Name: "n", Role: "agent", Services: []string{"a*"}, ExpiresAt: &wire.Time{Time: at}})
				return err
			},
			request{Method: "POST", URI: "/api/v2/tokens", Body: `{"name":"n","role":"agent","services":["a*"],"expires_at":"2026-11-23T08:00:00.000Z"}`},
		},
		"create token for no service": { // which the manager refuses: it would be for all
			func(ctx context.Context, c *client.Client) error {
				_, err := c.CreateToken(ctx, wire.TokenRequest{Name: "n", Role: "agent", Services: []string{}})
				return err
			},
			request{Method: "POST", URI: "/api/v2/tokens", Body: `{"name":"n","role":"agent","services":[]}`},
		},
		"revoke token": {
			func(ctx context.Context, c *client.Client) error { return c.RevokeToken(ctx, "id", "lost") },
			request{Method: "DELETE", URI: "/api/v2/tokens/id?reason=lost"},
		},
		"audit": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Audit(ctx, client.AuditQuery{Service: "s", Actor: "a", Action: "end override", Since: at, Until: at})
				return err
			},
			request{Method: "GET", URI: "/api/v2/audit?action=end+override&actor=a&service=s&since=2026-11-23T08%3A00%3A00Z&until=2026-11-23T08%3A00%3A00Z"},
		},
		"ticket": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Ticket(ctx)
				return err
			},
			request{Method: "POST", URI: "/api/v2/ws/tickets"},
		},
		"services, all": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Services(ctx, client.ServiceQuery{})
				return err
			},
			request{Method: "GET", URI: "/api/v2/services"},
		},
		"service": {
			func(ctx context.Context, c *client.Client) error { _, err := c.Service(ctx, "a:b.c_d"); return err },
			request{Method: "GET", URI: "/api/v2/services/a:b.c_d"},
		},
		"put service": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.PutService(ctx, "web", config.Service{Layer: "edge"}, "it is new")
				return err
			},
			request{Method: "PUT", URI: "/api/v2/services/web?reason=it+is+new", Body: marshal(t, config.Service{Layer: "edge"})},
		},
		"delete service": {
			func(ctx context.Context, c *client.Client) error { return c.DeleteService(ctx, "web", "") },
			request{Method: "DELETE", URI: "/api/v2/services/web"},
		},
		"events": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Events(ctx, client.EventQuery{Kind: "transition", Since: at, Until: at.Add(time.Millisecond)})
				return err
			},
			request{Method: "GET", URI: "/api/v2/events?kind=transition&since=2026-11-23T08%3A00%3A00Z&until=2026-11-23T08%3A00%3A00.001Z"},
		},
		"events of a service": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Events(ctx, client.EventQuery{Service: "web"})
				return err
			},
			request{Method: "GET", URI: "/api/v2/services/web/events"},
		},
		"state": {
			func(ctx context.Context, c *client.Client) error { _, err := c.State(ctx); return err },
			request{Method: "GET", URI: "/api/v2/state"},
		},
		"health check": {
			func(ctx context.Context, c *client.Client) error { _, err := c.CheckHealth(ctx, "web"); return err },
			request{Method: "POST", URI: "/api/v2/services/web/health-check"},
		},
		"reset": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Reset(ctx, "web", wire.ResetRequest{Reason: "r", To: "half_open"})
				return err
			},
			request{Method: "POST", URI: "/api/v2/services/web/reset", Body: `{"reason":"r","to":"half_open"}`},
		},
		"override": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Override(ctx, "web", wire.OverrideRequest{Mode: "forced_open", Reason: "r", TTLMs: 1500})
				return err
			},
			request{Method: "PUT", URI: "/api/v2/services/web/override", Body: `{"mode":"forced_open","reason":"r","ttl_ms":1500}`},
		},
		"end override": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.EndOverride(ctx, "web", "r")
				return err
			},
			request{Method: "DELETE", URI: "/api/v2/services/web/override?reason=r"},
		},
		"config": {
			func(ctx context.Context, c *client.Client) error { _, err := c.Config(ctx, "web"); return err },
			request{Method: "GET", URI: "/api/v2/services/web/config"},
		},
		"set config": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.SetConfig(ctx, "web", 3, set)
				return err
			},
			request{"PUT", "/api/v2/services/web/config", `"3"`, `{"config":{"jitter":0},"reason":"r"}`, ""},
		},
		"patch config": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.PatchConfig(ctx, "web", 3, set)
				return err
			},
			request{"PATCH", "/api/v2/services/web/config", `"3"`, `{"config":{"jitter":0},"reason":"r"}`, ""},
		},
		"config versions": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.ConfigVersions(ctx, "web", client.Page{Limit: 2})
				return err
			},
			request{Method: "GET", URI: "/api/v2/services/web/config/versions?limit=2"},
		},
		"rollback": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Rollback(ctx, "web", 3, wire.RollbackRequest{Version: 1, Reason: "r"})
				return err
			},
			request{"POST", "/api/v2/services/web/config/rollback", `"3"`, `{"version":1,"reason":"r"}`, ""},
		},
		"report": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.Report(ctx, "web", wire.OperationOutcome{Outcome: "failure", DurationMs: 1.5, Error: "e"})
				return err
			},
			request{
				Method: "POST", URI: "/api/v2/services/web/operations",
				Body: `{"outcomes":[{"outcome":"failure","duration_ms":1.5,"error":"e"}]}`,
			},
		},
		"report, once": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.ReportOnce(ctx, "web", "k 1", wire.OperationOutcome{Outcome: "ignored"})
				return err
			},
			request{
				Method: "POST", URI: "/api/v2/services/web/operations", Key: "k 1",
				Body: `{"outcomes":[{"outcome":"ignored","duration_ms":0,"error":""}]}`,
			},
		},
		"question": {
			func(ctx context.Context, c *client.Client) error { _, err := c.Report(ctx, "web"); return err },
			request{Method: "POST", URI: "/api/v2/services/web/operations", Body: `{"outcomes":[]}`},
		},
		"ready": {
			func(ctx context.Context, c *client.Client) error { return c.Ready(ctx) },
			request{Method: "GET", URI: "/readyz"},
		},
		"version": {
			func(ctx context.Context, c *client.Client) error { _, err := c.Version(ctx); return err },
			request{Method: "GET", URI: "/version"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got request
			c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+token {
					t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
				}
				if r.ContentLength > 0 && r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("Content-Type is %q", r.Header.Get("Content-Type"))
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got = request{r.Method, r.RequestURI, r.Header.Get("If-Match"), string(body), r.Header.Get("Idempotency-Key")}
				_, _ = io.WriteString(w, `{"unknown_to_this_version": 1}`)
			}), client.Options{})
			if err := test.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestClient_ReadsTheAnswer(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"services":[{"service":"web","circuit_breaker":{"state":"open","next_attempt_at":"2026-11-23T08:00:30.000Z"}}],"next_cursor":"x"}`)
	}), client.Options{})
	got, err := c.Services(t.Context(), client.ServiceQuery{})
	if err != nil {
		t.Fatal(err)
	}
	next := "x"
	want := wire.Services{NextCursor: &next, Services: []wire.Entry{{Service: "web", CircuitBreaker: wire.CircuitBreaker{
		State: "open", NextAttemptAt: wire.Time{Time: time.Date(2026, 11, 23, 8, 0, 30, 0, time.UTC)},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestClient_KeepsThePathOfItsURL(t *testing.T) {
	t.Parallel()
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.RequestURI
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(s.Close)
	for _, base := range []string{"/board", "/board/"} {
		c, err := client.New(s.URL+base, "", client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if _, err := c.Service(t.Context(), "a/../../b?c"); err != nil {
			t.Fatal(err)
		}
		if want := "/board/api/v2/services/a%2F..%2F..%2Fb%3Fc"; got != want {
			t.Errorf("from %s it asked for %s, want %s", base, got, want)
		}
	}
}

func TestClient_RefusesNamesThatAreOtherPaths(t *testing.T) {
	t.Parallel()
	c := connect(t, http.NotFoundHandler(), client.Options{})
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.Service(t.Context(), name); err == nil || !strings.Contains(err.Error(), "no name of a service") {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

func TestClient_GivesUpASlowManager(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		client.Options{Timeout: 20 * time.Millisecond})
	if _, err := c.State(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("State returned %v", err)
	}
	if _, err := c.Stream(t.Context(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stream returned %v", err)
	}
}

func TestClient_ObeysTheDeadlineOfItsContext(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.State(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("State returned %v", err)
	}
}

func TestClient_ReadsNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"services":[]}`)
	}), client.Options{})
	c.LimitAnswers(15)
	if _, err := c.State(t.Context()); err != nil {
		t.Errorf("an answer of the limit: %v", err)
	}
	c.LimitAnswers(14)
	if _, err := c.State(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 14 bytes") {
		t.Errorf("an answer above the limit: %v", err)
	}
}

func TestClient_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	t.Cleanup(other.Close)
	c := connect(t, http.RedirectHandler(other.URL, http.StatusTemporaryRedirect), client.Options{})
	_, err := c.State(t.Context())
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusTemporaryRedirect {
		t.Errorf("State returned %v", err)
	}
	if _, err = c.Stream(t.Context(), nil); !errors.As(err, &refused) {
		t.Errorf("Stream returned %v", err)
	}
}

func TestClient_TellsAnAnswerOfSomethingElse(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<html>`)
	}), client.Options{})
	if _, err := c.State(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer as a manager does") {
		t.Errorf("State returned %v", err)
	}
}

func TestNew_RefusesWhatIsNoManager(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"", "127.0.0.1:8080", "//host", "ftp://host", "http://", "http://:80", "http://u:p@host", "http://host?x=1", "http://host#x", "http://[::1",
	} {
		if _, err := client.New(base, token, client.Options{}); err == nil {
			t.Errorf("New(%q) returned no error", base)
		}
	}
	if _, err := client.New("http://host", "to\nken", client.Options{}); err == nil {
		t.Error("a token with a line end: no error")
	}
	if _, err := client.New("http://host", token, client.Options{Timeout: -1}); err == nil {
		t.Error("a negative timeout: no error")
	}
}
