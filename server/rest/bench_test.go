package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The secrets of the tests, by role.
var secrets = map[string]string{
	"agent":    strings.Repeat("g", 30),
	"viewer":   strings.Repeat("v", 30),
	"operator": strings.Repeat("o", 30),
	"admin":    strings.Repeat("a", 30),
}

// bench is an API over a manager that runs.
type bench struct {
	tb      testing.TB
	api     *API
	manager *fleet.Manager
	store   *memory.Store
	failing atomic.Bool // what the health checks say
}

// Check is every health check of the bench.
func (b *bench) Check(context.Context) error {
	if b.failing.Load() {
		return errors.New("upstream is down")
	}
	return nil
}

func (b *bench) Close() error { return nil }

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{tb: tb, store: memory.New()}
	var err error
	b.manager, err = fleet.New(tb.Context(), fleet.Deps{
		Store: b.store, NewProbe: func(config.HealthCheck) (fleet.Probe, error) { return b, nil },
	}, fleet.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.manager.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("the manager ended with %v", err)
		}
	})
	var tokens []fleet.Token
	for role, secret := range secrets {
		tokens = append(tokens, fleet.Token{ID: role, Name: role + "-1", Role: role, Hash: auth.Hash(secret)})
	}
	a, err := auth.New(tokens)
	if err != nil {
		tb.Fatal(err)
	}
	b.api = New(Deps{Manager: b.manager, Auth: a, Problems: problem.New(nil)})
	return b
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// fields are those that a problem names.
func (a answer) fields() []string {
	var names []string
	list, _ := a.body["errors"].([]any)
	for _, e := range list {
		names = append(names, e.(map[string]any)["field"].(string))
	}
	return names
}

// part is a value inside the answer, by its path.
func (a answer) part(path ...string) any {
	var v any = a.body
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// names are one field of each line of a list.
func (a answer) names(list, field string) []any {
	var names []any
	lines, _ := a.body[list].([]any)
	for _, e := range lines {
		names = append(names, e.(map[string]any)[field])
	}
	return names
}

// as asks with a role's token; "" is without any. Headers are names and values
// in turn.
func (b *bench) as(role, method, path, body string, headers ...string) answer {
	b.tb.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+secrets[role])
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if a.raw != "" && json.Unmarshal([]byte(a.raw), &a.body) != nil {
		b.tb.Fatalf("%s %s: %d %q is no JSON object", method, path, a.status, a.raw)
	}
	if a.status >= 400 && a.header.Get("Content-Type") != problem.ContentType {
		b.tb.Errorf("%s %s: %d is %s", method, path, a.status, a.header.Get("Content-Type"))
	}
	return a
}

// admin asks as the administrator and expects a status.
func (b *bench) admin(status int, method, path, body string, headers ...string) answer {
	b.tb.Helper()
	a := b.as("admin", method, path, body, headers...)
	if a.status != status {
		b.tb.Fatalf("%s %s %.200s: %d, want %d: %s", method, path, body, a.status, status, a.raw)
	}
	return a
}

// reported registers services that are reported.
func (b *bench) reported(names ...string) {
	b.tb.Helper()
	for _, name := range names {
		b.admin(201, "PUT", "/api/v2/services/"+name, `{"config":{"failureThreshold":2}}`)
	}
}

// embedded registers a service of this program.
func (b *bench) embedded(name string) *switchgear.Service {
	b.tb.Helper()
	s, err := switchgear.NewService(name, switchgear.ServiceConfig{})
	if err != nil {
		b.tb.Fatal(err)
	}
	if err := b.manager.Register(b.tb.Context(), s, config.Service{}); err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return s
}
