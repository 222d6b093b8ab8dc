package tui

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

var update = flag.Bool("update", false, "write what the screens show into testdata")

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// stage is a model and what it has asked for, which is never answered by itself.
type stage struct {
	*model

	t     *testing.T
	asked int
	quit  bool
}

func newStage(t *testing.T, width, height int) *stage {
	t.Helper()
	s := &stage{t: t}
	s.model = newModel(&Options{URL: "http://127.0.0.1:8080"}, testNow, func(func(context.Context, *client.Client) tea.Msg) tea.Cmd {
		s.asked++
		return nil
	})
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

func (s *stage) send(msgs ...tea.Msg) {
	s.t.Helper()
	for _, msg := range msgs {
		_, cmd := s.Update(msg)
		if cmd == nil {
			continue
		}
		if _, timer := msg.(tickMsg); !timer { // which waits a second
			_, s.quit = cmd().(tea.QuitMsg)
		}
	}
}

// keys are what their names say, or typed.
func (s *stage) press(keys ...string) {
	s.t.Helper()
	named := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
		"pgdown": {Code: tea.KeyPgDown}, "pgup": {Code: tea.KeyPgUp}, "backspace": {Code: tea.KeyBackspace}, "space": {Code: ' ', Text: " "},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+w": {Code: 'w', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	}
	for _, key := range keys {
		if k, ok := named[key]; ok {
			s.send(k)
			continue
		}
		for _, r := range key {
			s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

func (s *stage) pass(d time.Duration) { s.t.Helper(); s.send(tickMsg{s.now.Add(d)}) }

// snapshot is the whole fleet.
func (s *stage) snapshot(entries ...wire.Entry) {
	s.t.Helper()
	f := newFeed(func() time.Time { return s.now })
	f.tell(client.Update{Live: true, Whole: true, Changed: entries})
	s.send(f.pending)
}

func (s *stage) update(updates ...client.Update) {
	s.t.Helper()
	f := newFeed(func() time.Time { return s.now })
	for _, u := range updates {
		f.tell(u)
	}
	s.send(f.pending)
}

func (s *stage) screen() string { return s.View().Content }

var decoration = regexp.MustCompile("\x1b\\[[0-9;]*m")

// plainScreen is what a terminal without colours and fonts shows.
func (s *stage) plainScreen() string { return decoration.ReplaceAllString(s.screen(), "") }

func (s *stage) shows(texts ...string) bool {
	screen := s.plainScreen()
	return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
}

func (s *stage) mustShow(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.plainScreen(), text) {
			s.t.Errorf("the screen does not show %q:\n%s", text, s.plainScreen())
		}
	}
}

// golden compares a screen, and holds it to the size of the terminal and to
// nothing that a terminal obeys but colours and fonts.
func (s *stage) golden(name string) {
	s.t.Helper()
	got := s.plainScreen()
	if s.colourful() {
		got = strings.ReplaceAll(s.screen(), "\x1b", "␛")
	}
	s.mustFit()
	got = trimLines(got)
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func (s *stage) mustFit() {
	s.t.Helper()
	lines := strings.Split(s.plainScreen(), "\n")
	if len(lines) > s.height {
		s.t.Errorf("the screen has %d lines, more than %d", len(lines), s.height)
	}
	for _, line := range lines {
		if w := width(line); w > s.width {
			s.t.Errorf("a line has %d columns, more than %d: %q", w, s.width, line)
		}
		if strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x9b || r == 0x202e || r == 0x200d }) >= 0 {
			s.t.Errorf("a line has something that a terminal obeys: %q", line)
		}
	}
}

func (s *stage) colourful() bool { return s.palette.paint(good, "x") != "x" }

func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// service is a service that is well, as others begin.
func service(name string, change ...func(*wire.Entry)) wire.Entry {
	e := wire.Entry{
		Service: name, Status: healthy, Running: true, Source: "file", ConfigVersion: 1,
		CircuitBreaker: wire.CircuitBreaker{State: closed, Mode: auto, AdmittedShare: 1},
		Config:         json.RawMessage(`{"enabled":true,"failureThreshold":5,"resetTimeoutMs":60000,"jitter":0.1,"slowCallDurationMs":0,"recoverySteps":[0.05,0.5]}`),
		HealthCheck:    json.RawMessage("null"), Instances: wire.Instances{Total: 1}, Dependencies: []string{},
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func needs(names ...string) func(*wire.Entry) {
	return func(e *wire.Entry) { e.Dependencies = names }
}

func inLayer(layer string) func(*wire.Entry) { return func(e *wire.Entry) { e.Layer = layer } }

func at(d time.Duration) wire.Time { return wire.Time{Time: testNow.Add(d)} }

func opened(lastError string) func(*wire.Entry) {
	return func(e *wire.Entry) {
		b := &e.CircuitBreaker
		e.Status, b.State, b.IsOpen, b.AdmittedShare, b.Failures, b.ConsecutiveFailures = circuitOpen, open, true, 0, 5, 5
		b.OpenedAt, b.NextAttemptAt = at(-90*time.Second), at(30*time.Second)
		b.Trip = &wire.Trip{Rule: "failure_threshold", Failures: 5, Successes: 12, LastError: &lastError}
	}
}

func recoveringAt(share float64) func(*wire.Entry) {
	return func(e *wire.Entry) {
		b := &e.CircuitBreaker
		e.Status, b.State, b.AdmittedShare, b.ClosesAt, b.RecoveryAttempts = degraded, halfOpen, share, at(65*time.Second), 2
		b.OpenedAt, b.LastRecoveryAttempt = at(-time.Hour), at(-10*time.Second)
	}
}

func overridden(mode string) func(*wire.Entry) {
	return func(e *wire.Entry) {
		b := &e.CircuitBreaker
		b.Mode = mode
		b.Override = &wire.Override{Mode: mode, Reason: "the upstream is being moved", Actor: "alice", ExpiresAt: at(14*time.Minute + 20*time.Second)}
		if mode == forcedOpen {
			e.Status, b.IsOpen, b.AdmittedShare = circuitOpen, true, 0
		}
	}
}

func sick(text string) func(*wire.Entry) {
	return func(e *wire.Entry) {
		no := false
		e.Status = unhealthy
		e.Health = wire.Health{Healthy: &no, CheckedAt: at(-3 * time.Second), DurationMs: 12, Error: &text, ConsecutiveFailures: 4}
	}
}

func measured(successful, failed uint64, p95 float64) func(*wire.Entry) {
	return func(e *wire.Entry) {
		e.Operations.Successful, e.Operations.Failed, e.Operations.Total = successful, failed, successful+failed
		e.Performance = wire.Performance{AverageOperationTimeMs: p95 / 3, P50OperationTimeMs: p95 / 4, P95OperationTimeMs: p95, P99OperationTimeMs: 2 * p95}
	}
}

// busy is a fleet with one of each kind, a minute after it was first seen.
func busy(s *stage) {
	s.t.Helper()
	yes := true
	make := func(n uint64) []wire.Entry {
		return []wire.Entry{
			service("web_gateway", inLayer("edge"), needs("orders", "prices"), measured(1200*n, 3*n, 41)),
			service("orders", inLayer("core"), needs("postgres_main"), measured(600*n, 0, 12.4), func(e *wire.Entry) { e.Status = degraded }),
			service("prices", inLayer("core"), recoveringAt(0.2), measured(90*n, 0, 3.2)),
			service("postgres_main", inLayer("data"), opened("dial tcp 10.0.0.7:5432: connection refused"), measured(10*n, 40*n, 1250)),
			service("mailer", inLayer("edge"), overridden(forcedOpen)),
			service("search", inLayer("core"), overridden(forcedClosed), measured(33*n, 2*n, 88)),
			service("avatars", inLayer("edge"), sick("GET http://avatars/health: 500"), measured(9*n, 0, 20)),
			service("brand_new", func(e *wire.Entry) { e.Status = unknown }),
			service("sessions", inLayer("data"), measured(60*n, 0, 0.42), func(e *wire.Entry) { e.Health = wire.Health{Healthy: &yes, CheckedAt: at(-time.Second), DurationMs: 2} }),
		}
	}
	s.now = testNow.Add(-time.Minute)
	s.snapshot(make(0)...)
	for i := range 6 {
		s.now = testNow.Add(time.Duration(i-5) * 10 * time.Second)
		for _, e := range make(uint64(i + 1)) {
			s.update(client.Update{Live: true, Changed: []wire.Entry{e}})
		}
	}
	s.pass(0)
}
