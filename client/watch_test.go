package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
)

// told is what a test compares of an Update.
type told struct {
	Live, Whole, Failed bool
	Changed             []string
	Event               string
}

func summary(u client.Update) told {
	t := told{Live: u.Live, Whole: u.Whole, Failed: u.Err != nil}
	for _, e := range u.Changed {
		t.Changed = append(t.Changed, e.Service+" "+e.Status)
	}
	if u.Event != nil {
		t.Event = u.Event.Kind
	}
	return t
}

// TestWatch_StaysTrueAcrossALostConnection scripts a manager whose first
// connection breaks, and which then does not know the token any more.
func TestWatch_StaysTrueAcrossALostConnection(t *testing.T) {
	t.Parallel()
	connections := [][]string{
		{
			status,
			`{"type":"services:state","epoch":"e","seq":5,"page":1,"pages":2,"services":[{"service":"a","status":"healthy"}]}`,
			`{"type":"services:state","epoch":"e","seq":5,"page":2,"pages":2,"services":[{"service":"b","status":"healthy"}]}`,
			`{"type":"something:new","epoch":7}`,
			`{"type":"service:update","epoch":"e","seq":6,"service":"b","status":"circuit_open"}`,
		},
		{
			status,
			`{"type":"service:event","epoch":"e","seq":8,"event":{"kind":"removed","service":"b"}}`,
			`{"type":"services:heartbeat","epoch":"e","seq":9}`,
		},
	}
	asked := make(chan string, 3)
	served := 0
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		if served == len(connections) {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		script := connections[served]
		served++ // one connection at a time
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for _, text := range script {
			say(r.Context(), t, conn, text)
		}
		_ = conn.Close(websocket.StatusGoingAway, "") // what the client says to it is its own affair
	}), client.Options{})
	var got []told
	err := c.Watch(t.Context(), func(u client.Update) { got = append(got, summary(u)) })
	if kind, refused := client.KindOf(err); !refused || kind != client.Unauthorized {
		t.Errorf("Watch returned %v", err)
	}
	want := []told{
		{Live: true},
		{Live: true, Whole: true, Changed: []string{"a healthy", "b healthy"}},
		{Live: true, Changed: []string{"b circuit_open"}},
		{Failed: true},
		{Live: true},
		{Live: true, Event: "removed"},
		{Live: true},
		{Failed: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	close(asked)
	var places []string
	for query := range asked {
		places = append(places, query)
	}
	if diff := cmp.Diff([]string{"", "epoch=e&seq=6", "epoch=e&seq=9"}, places); diff != "" {
		t.Errorf("where it went on (-want +got)\n%s", diff)
	}
}

func TestWatch_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := connect(t, http.NotFoundHandler(), client.Options{})
	err := c.Watch(ctx, func(u client.Update) {
		if u.Err == nil {
			t.Error("it is told that what is not there is live")
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v", err)
	}
}

func TestWatch_RefusesPagesOutOfOrder(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // the client has gone
		}
		defer conn.CloseNow() //nolint:errcheck // the client may have closed it
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"services:state","epoch":"e","seq":5,"page":3,"pages":2,"services":[]}`))
		_, _, _ = conn.Read(r.Context()) // until the client is gone
	}), client.Options{})
	_ = c.Watch(ctx, func(u client.Update) {
		if u.Whole {
			t.Error("a board that nobody knows whole is told")
		}
		if u.Err != nil {
			cancel()
		}
	})
}
