package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/degenduel/switchgear/server"
)

// drip opens a connection, begins with a text, and then says a little again and
// again, until it is cut off. It returns how long that took.
func drip(ctx context.Context, address, begin, little string) (time.Duration, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close() //nolint:errcheck // it is read to its end
	if _, err := io.WriteString(c, begin); err != nil {
		return 0, err
	}
	began, cut := time.Now(), make(chan struct{})
	go func() {
		defer close(cut)
		_, _ = io.Copy(io.Discard, c) // to its end, or to its reset
	}()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			_, _ = io.WriteString(c, little) // that it is cut off, the reader sees
		case <-cut:
			return time.Since(began), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func TestServe_GoesOnAnsweringAmongHundredsOfSlowClients(t *testing.T) {
	t.Parallel()
	const each, allowed, margin = 150, 500 * time.Millisecond, 3 * time.Second
	b := newBench(t, server.Config{})
	b.SetTimeouts(allowed, allowed)
	ctx, stop := context.WithCancel(t.Context())
	l, url := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()

	within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var slow sync.WaitGroup
	var left atomic.Int64
	for kind, said := range map[string][2]string{
		"header": {"GET /healthz HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n"},
		"body": {
			fmt.Sprintf("PUT /api/v2/services/market HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nAuthorization: %s\r\n\r\n{", bearer), " ",
		},
		"body of a handshake": {
			"GET /api/v2/ws/circuit-breaker HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", " ",
		},
	} {
		for range each {
			left.Add(1)
			slow.Go(func() {
				defer left.Add(-1)
				after, err := drip(within, l.Addr().String(), said[0], said[1])
				if err != nil || after > allowed+margin {
					t.Errorf("a slow %s is cut off after %v, want %v: %v", kind, after, allowed, err)
				}
			})
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: margin}
	answered := 0
	for left.Load() > 0 {
		req, err := http.NewRequestWithContext(within, http.MethodGet, url+"/readyz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("after %d answers: %v", answered, err)
			break
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("after %d answers: %s", answered, resp.Status)
		}
		answered++
	}
	slow.Wait()
	if answered < 2 { // of a busy machine no more can be asked
		t.Errorf("%d answers among slow clients", answered)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
