package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/openapitest"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The secrets of the tests, by role, and by role and what it is limited to.
var secrets = map[string]string{
	"agent":     strings.Repeat("g", 30),
	"viewer":    strings.Repeat("v", 30),
	"operator":  strings.Repeat("o", 30),
	"admin":     strings.Repeat("a", 30),
	"viewer-eu": strings.Repeat("w", 30),
	"admin-eu":  strings.Repeat("b", 30),
}

// fixed are the tokens of the secrets.
func fixed() []fleet.Token {
	var tokens []fleet.Token
	for name, secret := range secrets {
		role, services, limited := strings.Cut(name, "-")
		t := fleet.Token{ID: name, Name: name + "-1", Role: role, Hash: auth.Hash(secret)}
		if limited {
			t.Services = []string{services + ":*"}
		}
		tokens = append(tokens, t)
	}
	return tokens
}

// bench is an API over a manager that runs.
type bench struct {
	tb      testing.TB
	api     *API
	manager *fleet.Manager
	stop    func()
	limits  fleet.Config
	store   *memory.Store
	through fleet.Store       // what the manager asks; nil: the store
	past    fleet.SeriesStore // what the recorder asks; nil: the store
	failing atomic.Bool       // what the health checks say
	gate    chan struct{}     // what they wait for; nil: nothing

	alerts   *alert.Engine
	receiver receiver
}

// Check is every health check of the bench.
func (b *bench) Check(ctx context.Context) error {
	if b.gate != nil {
		select {
		case <-b.gate:
		case <-ctx.Done():
		}
	}
	if b.failing.Load() {
		return errors.New("upstream is down")
	}
	return nil
}

func (b *bench) Close() error { return nil }

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{tb: tb, store: memory.New()}
	b.start()
	tb.Cleanup(func() { b.stop() })
	return b
}

// start runs a manager over the store, and the API over that.
func (b *bench) start() {
	b.tb.Helper()
	a, err := auth.New(nil)
	if err != nil {
		b.tb.Fatal(err)
	}
	var store fleet.Store = b.store
	if b.through != nil {
		store = b.through
	}
	b.manager, err = fleet.New(b.tb.Context(), fleet.Deps{
		Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return b, nil },
		OnTokens: func(made []fleet.Token) {
			if err := a.Set(append(fixed(), made...)); err != nil {
				b.tb.Error(err)
			}
		},
	}, b.limits)
	if err != nil {
		b.tb.Fatal(err)
	}
	var past fleet.SeriesStore = b.store
	if b.past != nil {
		past = b.past
	}
	manager := b.manager
	recorder, err := series.New(series.Deps{Manager: manager, Store: past}, series.Config{})
	if err != nil {
		b.tb.Fatal(err)
	}
	if b.alerts, err = alert.New(b.tb.Context(), alert.Deps{Manager: manager, Store: b.store}, alert.Config{
		Receivers: []alert.Target{{Name: "ops", Kind: "webhook", Receiver: &b.receiver, SendResolved: true}},
	}); err != nil {
		b.tb.Fatal(err)
	}
	var recording errgroup.Group
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Run(ctx) }()
	recording.Go(func() error { return recorder.Run(ctx) })
	alerting := b.alerts
	recording.Go(func() error { return alerting.Run(ctx) })
	b.stop = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			b.tb.Errorf("the manager ended with %v", err)
		}
		if err := recording.Wait(); err != nil {
			b.tb.Errorf("the recorder or the alerts ended with %v", err)
		}
	})
	b.api = New(Deps{Manager: b.manager, Auth: a, Series: func() *series.Recorder { return recorder }, Alerts: func() Alerts { return b.alerts }, Problems: problem.New(nil)})
}

// restart ends the manager and begins anew with the same store.
func (b *bench) restart() {
	b.tb.Helper()
	b.stop()
	b.start()
}

// until waits for something that happens by itself.
func (b *bench) until(what string, happened func() bool) {
	b.tb.Helper()
	deadline, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			b.tb.Fatalf("%s does not happen", what)
		}
	}
}

// the document, as it is served.
var contract = sync.OnceValues(func() (*openapitest.Document, error) {
	data, err := documentJSON()
	if err != nil {
		return nil, err
	}
	return openapitest.New(data)
})

// hold holds what was asked, if it was accepted, and what was said against the
// document.
func (b *bench) hold(r *http.Request, body string, w *httptest.ResponseRecorder) {
	b.tb.Helper()
	if _, measured := b.tb.(*testing.B); measured {
		return
	}
	doc, err := contract()
	if err != nil {
		b.tb.Fatal(err)
	}
	if err := doc.CheckAnswer(r.Method, r.URL.EscapedPath(), w.Code, w.Header(), w.Body.Bytes()); err != nil {
		b.tb.Errorf("%s %s: %d %.2000s is not as the document says: %v", r.Method, r.URL, w.Code, w.Body, err)
	}
	if w.Code >= 300 || body == "" || w.Header().Get(replayedHeader) != "" {
		return
	}
	if err := doc.CheckBody(r.Method, r.URL.EscapedPath(), []byte(body)); err != nil {
		b.tb.Errorf("%s %s: %.2000s is accepted, against the document: %v", r.Method, r.URL, body, err)
	}
}

// reply is what a request got.
type reply struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// fields are those that a problem names.
func (a reply) fields() []string {
	var names []string
	list, _ := a.body["errors"].([]any)
	for _, e := range list {
		names = append(names, e.(map[string]any)["field"].(string))
	}
	return names
}

// part is a value inside the answer, by its path.
func (a reply) part(path ...string) any {
	var v any = a.body
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// names are one field of each line of a list.
func (a reply) names(list, field string) []any {
	var names []any
	lines, _ := a.body[list].([]any)
	for _, e := range lines {
		names = append(names, e.(map[string]any)[field])
	}
	return names
}

// as asks with a role's token; "" is without any. Headers are names and values
// in turn.
func (b *bench) as(role, method, path, body string, headers ...string) reply {
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
	b.hold(r, body, w)
	a := reply{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if a.raw != "" && json.Unmarshal([]byte(a.raw), &a.body) != nil {
		b.tb.Fatalf("%s %s: %d %q is no JSON object", method, path, a.status, a.raw)
	}
	if a.status >= 400 && a.header.Get("Content-Type") != problem.ContentType {
		b.tb.Errorf("%s %s: %d is %s", method, path, a.status, a.header.Get("Content-Type"))
	}
	return a
}

// admin asks as the administrator and expects a status.
func (b *bench) admin(status int, method, path, body string, headers ...string) reply {
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
