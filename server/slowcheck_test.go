package server_test

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

func TestServe_WaitsForAHealthCheckThatTakesItsTime(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"without a body": "Content-Length: 0\r\n\r\n",
		"with a body":    "Content-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(s *serving) {
				slow, err := switchgear.NewService("slow", switchgear.ServiceConfig{
					CheckTimeout: 10 * time.Minute,
					Check: func(context.Context) error {
						time.Sleep(5 * time.Minute)
						return nil
					},
				})
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.manager.Register(s.t.Context(), slow, config.Service{}); err != nil {
					t.Error(err)
					return
				}
				defer slow.Stop(context.WithoutCancel(s.t.Context())) //nolint:errcheck // it has no operations
				c := s.dial()
				defer c.Close() //nolint:errcheck // a pipe
				send(t, c, "POST /api/v2/services/slow/health-check HTTP/1.1\r\nHost: x\r\nAuthorization: "+bearer+"\r\n"+body)
				answer, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer answer.Body.Close() //nolint:errcheck // a pipe
				if answer.StatusCode != http.StatusOK {
					t.Errorf("it is answered with %s", answer.Status)
				}
			})
		})
	}
}
