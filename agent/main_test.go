package agent_test

import (
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/agent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newService(t *testing.T, name string, cfg switchgear.ServiceConfig) *switchgear.Service {
	t.Helper()
	s, err := switchgear.NewService(name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// join makes an agent that ends with the test.
func (m *manager) join(opts agent.Options, members ...agent.Member) *agent.Agent {
	m.t.Helper()
	return joinAt(m.t, m.url(), "token", opts, members...)
}

func joinAt(t *testing.T, url, token string, opts agent.Options, members ...agent.Member) *agent.Agent {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	a, err := agent.JoinWith(context.WithoutCancel(t.Context()), url, token, opts, members...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	return a
}

func connected(t *testing.T, a *agent.Agent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Connected(ctx); err != nil {
		t.Fatal(err)
	}
}
