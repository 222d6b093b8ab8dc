package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func TestClient_AsksHowTheServerIsAndTriesConfigs(t *testing.T) {
	t.Parallel()
	var asked []string
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("If-Match")+string(body))
		_, _ = io.WriteString(w, `{"name":"ada","role":"admin","epoch":"E","stream":{"clients":3},"version":7}`)
	}), client.Options{})
	if s, err := c.Session(t.Context()); err != nil || s.Name != "ada" || s.Role != "admin" || s.Services != nil {
		t.Errorf("Session = %+v, %v", s, err)
	}
	try := wire.ConfigRequest{Config: json.RawMessage(`{"jitter":0}`), Reason: "r"}
	if v, err := c.TryConfig(t.Context(), "web", 6, try); err != nil || v.Version != 7 {
		t.Errorf("TryConfig = %+v, %v", v, err)
	}
	// The version of a manager is a text: such an answer is none of one.
	if _, err := c.Server(t.Context()); err == nil {
		t.Error("Server: an answer of something else is no error")
	}
	want := []string{
		"GET /api/v2/session ",
		`PUT /api/v2/services/web/config?dry_run=true "6"{"config":{"jitter":0},"reason":"r"}`,
		"GET /api/v2/server ",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
