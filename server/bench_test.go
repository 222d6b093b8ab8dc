package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/server"
	"github.com/degenduel/switchgear/server/internal/openapitest"
	"github.com/degenduel/switchgear/store/memory"
)

var (
	adminSecret       = strings.Repeat("a", 30)
	agentSecret       = strings.Repeat("g", 30)
	viewerSecret      = strings.Repeat("v", 30)
	operatorSecret    = strings.Repeat("o", 30)
	expiredSecret     = strings.Repeat("e", 30)
	otherAdminSecret  = strings.Repeat("b", 30)
	otherViewerSecret = strings.Repeat("z", 30)
)

func tokens(t *testing.T) *server.Authenticator {
	t.Helper()
	a, err := server.NewAuthenticatorWith(server.AuthOptions{
		Tokens: fixed(), JWT: &server.JWTOptions{Secret: jwtSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// jwtSecret is what the tests' JWTs are signed with.
var jwtSecret = []byte(strings.Repeat("j", 32))

// fixed are the tokens that are in no store.
func fixed() []fleet.Token {
	return []fleet.Token{
		{ID: "1", Name: "root", Role: "admin", Hash: server.HashSecret(adminSecret)},
		{ID: "2", Name: "reporter", Role: "agent", Hash: server.HashSecret(agentSecret)},
		{ID: "3", Name: "board", Role: "viewer", Hash: server.HashSecret(viewerSecret)},
		{ID: "4", Name: "duty", Role: "operator", Hash: server.HashSecret(operatorSecret)},
		{ID: "5", Name: "past", Role: "admin", Hash: server.HashSecret(expiredSecret), ExpiresAt: time.Now().Add(-time.Second)},
		{ID: "6", Name: "other", Role: "admin", Hash: server.HashSecret(otherAdminSecret), Services: []string{"other*"}},
		{ID: "7", Name: "visitor", Role: "viewer", Hash: server.HashSecret(otherViewerSecret), Services: []string{"other*"}},
	}
}

// bench is a server over a manager that runs.
type bench struct {
	*server.Server

	t       *testing.T
	manager *fleet.Manager
	auth    *server.Authenticator
	store   *memory.Store
	log     *bytes.Buffer
	visits  int // by try
}

func newBench(t *testing.T, cfg server.Config) *bench {
	t.Helper()
	b := &bench{t: t, store: memory.New(), log: &bytes.Buffer{}}
	a := tokens(t)
	b.auth = a
	m, err := fleet.New(t.Context(), fleet.Deps{Store: b.store, OnTokens: func(stored []fleet.Token) {
		if err := a.Set(append(fixed(), stored...)); err != nil {
			t.Error(err)
		}
	}}, fleet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b.manager = m
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	})
	kept, err := series.New(series.Deps{Manager: m, Store: b.store}, series.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kept.Close)
	alerts, err := alert.New(t.Context(), alert.Deps{Manager: m, Store: b.store}, alert.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alerts.Close)
	b.Server, err = server.New(server.Deps{
		Manager: m, Auth: a, Watchers: server.Watchers{Series: kept, Alerts: alerts}, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contract is the document, as it is served.
var contract = sync.OnceValues(func() (*openapitest.Document, error) {
	a, err := server.NewAuthenticator(nil)
	if err != nil {
		return nil, err
	}
	m, err := fleet.New(context.Background(), fleet.Deps{Store: memory.New()}, fleet.Config{})
	if err != nil {
		return nil, err
	}
	s, err := server.New(server.Deps{Manager: m, Auth: a}, server.Config{})
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v2/openapi.json", http.NoBody))
	return openapitest.New(w.Body.Bytes())
})

// until waits for something that happens by itself.
func (b *bench) until(what string, happened func() bool) {
	b.t.Helper()
	deadline, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("%s does not happen", what)
		}
	}
}

// ask is a request from an address, whose answer is held against the document;
// headers are names and values in turn.
func (b *bench) ask(method, path, from, body string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = from
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		return w // the document is of the API, not of the pages
	}
	doc, err := contract()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := doc.CheckAnswer(method, r.URL.Path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
		b.t.Errorf("%s %s: %d %.2000s is not as the document says: %v", method, path, w.Code, w.Body, err)
	}
	return w
}
