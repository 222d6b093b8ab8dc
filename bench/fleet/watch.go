package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/wire"
)

// watcher follows the live stream of all services.
type watcher struct {
	told            spans         // from a transition in an agent until the watcher has its event
	events, updates atomic.Int64  // messages
	bytes           atomic.Int64  // of the payloads
	first           time.Duration // until it had everything
	placed          chan struct{} // closed when it has
}

// watch connects a watcher, which stays until ctx ends; ended is called with why.
func watch(ctx context.Context, base, token string, ended func(error)) *watcher {
	w := &watcher{placed: make(chan struct{})}
	go func() {
		err := w.follow(ctx, base, token)
		if ctx.Err() == nil {
			err = fmt.Errorf("a watcher has lost the stream: %w", err)
		} else {
			err = nil
		}
		ended(err)
	}()
	return w
}

func (w *watcher) follow(ctx context.Context, base, token string) error {
	began := time.Now()
	conn, resp, err := websocket.Dial(ctx, base+"/api/v2/ws/circuit-breaker", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close() //nolint:errcheck // nothing is read of it
	}
	if err != nil {
		return err
	}
	defer conn.CloseNow() //nolint:errcheck // it may be closed already
	conn.SetReadLimit(-1)
	var message bytes.Buffer
	for whole := false; ; {
		_, r, err := conn.Reader(ctx)
		if err != nil {
			return err
		}
		message.Reset()
		if _, err := message.ReadFrom(r); err != nil {
			return err
		}
		w.bytes.Add(int64(message.Len()))
		last := w.take(message.Bytes())
		if last && !whole {
			whole, w.first = true, time.Since(began)
			close(w.placed)
		}
	}
}

// take counts a message, and reports whether it is the last page of a state.
func (w *watcher) take(m []byte) (last bool) {
	switch kind(m) {
	case wire.TypeServiceUpdate:
		w.updates.Add(1)
	case wire.TypeServiceEvent:
		w.events.Add(1)
		if _, rest, found := bytes.Cut(m, []byte(`"reason":"`+reasonMark)); found {
			digits, _, _ := bytes.Cut(rest, []byte(`"`))
			if ns, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
				w.told.add(time.Since(time.Unix(0, ns)))
			}
		}
	case wire.TypeServicesState:
		const head = 400
		return bytes.Equal(field(m[:min(len(m), head)], "page"), field(m[:min(len(m), head)], "pages"))
	}
	return false
}

// kind is the type of a message, which stands first.
func kind(m []byte) string {
	rest, _ := bytes.CutPrefix(m, []byte(`{"type":"`))
	name, _, _ := bytes.Cut(rest[:min(len(rest), 64)], []byte(`"`))
	return string(name)
}

// field is the number of the field.
func field(m []byte, name string) []byte {
	_, rest, _ := bytes.Cut(m, []byte(`"`+name+`":`))
	return rest[:max(bytes.IndexAny(rest, ",}"), 0)]
}
