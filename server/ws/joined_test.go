package ws

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// amid is an http.ResponseWriter to which something happens in the midst of the
// handshake: the token is known by then, and the client is not among the others.
type amid struct {
	taken

	happens func()
}

func (a *amid) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.happens()
	return a.taken.Hijack()
}

// TestToken_ThatEndsInTheHandshakeEndsTheSocketAtOnce has the token end when
// the client is no more asked for it, and not yet among those that are told. It
// is not left to the next look at the clocks of tokens.
func TestToken_ThatEndsInTheHandshakeEndsTheSocketAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t, Config{HeartbeatInterval: time.Hour}, "viewer")
		ctx, cancel := context.WithCancel(t.Context())
		var running, reading sync.WaitGroup
		running.Go(func() { _ = s.Run(ctx) })
		synctest.Wait() // Run looks at the tokens
		near, far := net.Pipe()
		began, code := time.Now(), 0
		var took time.Duration
		reading.Go(func() {
			defer far.Close() //nolint:errcheck // a pipe has none
			r := bufio.NewReader(far)
			if _, err := http.ReadResponse(r, nil); err != nil { //nolint:bodyclose // it has none
				t.Error(err)
				return
			}
			for op := byte(0); op != opClose; {
				var payload []byte
				var err error
				if op, payload, err = readFrame(r); err != nil {
					t.Error(err)
					return
				}
				if op == opClose {
					code, took = int(payload[0])<<8|int(payload[1]), time.Since(began)
				}
			}
		})
		s.ServeHTTP(&amid{taken{conn: near, header: http.Header{}}, func() {
			if err := s.auth.Set(tokens(t, "operator")); err != nil {
				t.Error(err)
			}
			synctest.Wait() // Run has looked at the clients, and this is not one
		}}, handshakeOf(t, "viewer"))
		reading.Wait()
		if code != closeAuthenticationEnded || took != 0 {
			t.Errorf("closed with %s after %v", strconv.Itoa(code), took)
		}
		cancel()
		running.Wait()
	})
}
