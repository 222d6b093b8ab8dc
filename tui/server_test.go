package tui

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/wire"
)

const (
	adminToken = "an-admin-token-of-forty-letters-or-more-12"
	patience   = 30 * time.Second
)

// manager is a manager that runs in this process, and its administrator.
type manager struct {
	*client.Client

	url string
}

// serve runs a manager until the test ends.
func serve(t *testing.T) manager {
	t.Helper()
	a, err := app.New(context.WithoutCancel(t.Context()), app.Options{
		Settings:   config.Settings{Listen: "127.0.0.1:0", Data: t.TempDir()},
		AdminToken: adminToken, Stdout: io.Discard, Stderr: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c, err := client.New(a.URL(), adminToken, client.Options{})
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return manager{c, a.URL()}
}

// viewer is a client that may only look.
func (m manager) viewer(t *testing.T) *client.Client {
	t.Helper()
	made, err := m.CreateToken(t.Context(), wire.TokenRequest{Name: "eyes", Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(m.url, made.Secret, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (m manager) declare(t *testing.T, name string, s config.Service) {
	t.Helper()
	if _, err := m.PutService(t.Context(), name, s, "it is new"); err != nil {
		t.Fatal(err)
	}
}

// fail opens a service's circuit, by what is reported.
func (m manager) fail(t *testing.T, name string) {
	t.Helper()
	failure := wire.OperationOutcome{Outcome: "failure", DurationMs: 12, Error: "connection refused"}
	if _, err := m.Report(t.Context(), name, slices.Repeat([]wire.OperationOutcome{failure}, 5)...); err != nil {
		t.Fatal(err)
	}
}

// liveStage is a model that speaks to a manager, without a terminal: it takes
// messages in as they come.
type liveStage struct {
	*stage

	msgs chan tea.Msg
	ctx  context.Context //nolint:containedctx // of the test
}

func newLiveStage(t *testing.T, c *client.Client) *liveStage {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	s := &liveStage{stage: &stage{t: t}, msgs: make(chan tea.Msg), ctx: ctx}
	var work sync.WaitGroup
	post := func(msg tea.Msg) {
		select {
		case s.msgs <- msg:
		case <-ctx.Done():
		}
	}
	s.model = newModel(&Options{Client: c, URL: "a manager"}, time.Now(), func(call func(context.Context, *client.Client) tea.Msg) tea.Cmd {
		work.Go(func() { post(call(ctx, c)) })
		return nil
	})
	f := newFeed(time.Now)
	work.Go(func() { f.pump(ctx, func(n *news) { post(n) }) })
	work.Go(func() { _ = c.Watch(ctx, f.tell) })
	t.Cleanup(func() { stop(); work.Wait() })
	s.askRole()
	s.send(tea.WindowSizeMsg{Width: 100, Height: 40})
	return s
}

// await takes messages in until the screen shows all texts.
func (s *liveStage) await(texts ...string) {
	s.t.Helper()
	for !s.shows(texts...) {
		select {
		case msg := <-s.msgs:
			if msg != nil {
				s.send(msg)
			}
		case <-s.ctx.Done():
			s.mustShow(texts...)
			s.t.FailNow()
		}
	}
}

func TestOrders_AreDoneByTheManager(t *testing.T) {
	t.Parallel()
	m := serve(t)
	m.declare(t, "postgres", config.Service{Layer: "data"})
	m.declare(t, "orders", config.Service{Layer: "core", Dependencies: []string{"postgres"}})
	s := newLiveStage(t, m.Client)
	s.await("2 unknown")
	m.fail(t, "postgres")
	s.await("■ circuit open  postgres", "Root of failure: postgres, for ", "(too many failures)")
	s.press("home", "enter")
	s.await("connection refused", "closed → open: too many failures", "registered, by admin")

	s.press("r", "right", "tab", "it is well again", "enter")
	s.await("Close the circuit of postgres?")
	s.press("y")
	s.await("postgres was reset", "circuit    closed", "by admin “it is well again”")

	s.press("esc", "o", "enter", "15m", "enter", "a migration", "enter")
	s.await("One service depends on it:", "Force open postgres for 15m00s?")
	s.press("y")
	s.await("postgres is forced open until", "override   forced open by admin: “a migration”, ends in")
	e, err := m.Service(t.Context(), "postgres")
	if o := e.CircuitBreaker.Override; err != nil || o == nil || o.Mode != forcedOpen || o.Reason != "a migration" {
		t.Fatalf("the manager has the override %+v, %v", o, err)
	}

	s.press("esc", "o", "enter", "4000d", "enter", "for ever", "enter", "y")
	s.await("Refused: ", "for ever")
	s.press("esc", "O", "it is done", "enter", "y")
	s.await("The override of postgres has ended", "override ended, by admin “it is done”")

	s.press("esc", "c")
	s.await("postgres: the health check was refused: ")

	s.press("esc", "esc")
	if err := m.DeleteService(t.Context(), "orders", "it is old"); err != nil {
		t.Fatal(err)
	}
	s.await("1–1 of 1")
}

func TestOrders_OfAViewerAreNotOffered(t *testing.T) {
	t.Parallel()
	m := serve(t)
	m.declare(t, "postgres", config.Service{})
	s := newLiveStage(t, m.viewer(t))
	s.await("postgres", "↵ open  / search  s sort  f filter  ? help")
	s.press("o")
	s.await("A token of the role viewer may only look")
}

// TestOrders_ShowTheManagersRefusal has a token whose role is not known yet: the
// manager's word counts.
func TestOrders_ShowTheManagersRefusal(t *testing.T) {
	t.Parallel()
	m := serve(t)
	m.declare(t, "postgres", config.Service{})
	s := newLiveStage(t, m.viewer(t))
	s.await("postgres", "↵ open")
	s.role = ""
	s.press("r", "tab", "why not", "enter", "y")
	s.await("Refused: the token may not do that", "why not")
}

func TestWatch_EndsWithAnUnknownToken(t *testing.T) {
	t.Parallel()
	m := serve(t)
	stranger, err := client.New(m.url, "not-a-token", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ended, _ := watch(t.Context(), stranger, func(client.Update) {}).(endedMsg)
	if e, ok := errors.AsType[*client.Error](ended.err); !ok || e.Kind != client.Unauthorized {
		t.Errorf("it ended with %v", ended.err)
	}
}
