package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func TestInstances_AreAskedForOverRESTAndTheStream(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/services/{service}/instances", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"service":"` + r.PathValue("service") + `","instances":[{"name":"web"}]}`)) // nobody is there to read it
	})
	mux.HandleFunc("GET /api/v2/ws/circuit-breaker", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_, data, err := conn.Read(context.WithoutCancel(r.Context()))
		if err == nil {
			asked <- string(data)
		}
		_ = conn.Write(context.WithoutCancel(r.Context()), websocket.MessageText, []byte(`{"type":"service:instances","service":"a","instances":[],"request_id":"7"}`))
		_ = conn.CloseNow()
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c, err := client.New(server.URL, "a-token-of-the-tests-00", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.Instances(t.Context(), "prices")
	if err != nil || list.Service != "prices" || len(list.Instances) != 1 || list.Instances[0].Name != "web" {
		t.Errorf("%+v, %v", list, err)
	}
	s, err := c.Stream(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it has ended
	if err := s.AskInstances(t.Context(), "a", "7"); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != `{"type":"service:instances","service":"a","request_id":"7"}` {
		t.Errorf("it asked %s", got)
	}
	if m, err := s.Next(t.Context()); err != nil || m.Type != wire.TypeInstances {
		t.Errorf("%+v, %v", m, err)
	}
}
