package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// testTempo lets the whole script pass in some ten seconds.
const testTempo tempo = 150

// tale is what the manager has told.
type tale struct {
	mu     sync.Mutex
	events []fleet.Event
	more   chan struct{}
}

func (l *tale) hear(c fleet.Change) {
	if c.Event == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, *c.Event)
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// happening is an event that an act brings about.
type happening struct {
	service string
	kind    fleet.EventKind
	to      string
	says    string // is in the evidence or the reason
}

func transition(service, to, says string) happening {
	return happening{service, fleet.EventTransition, to, says}
}

func (h happening) is(e *fleet.Event) bool {
	return e.Service == h.service && e.Kind == h.kind && e.To == h.to &&
		strings.Contains(string(e.Evidence)+e.Reason, h.says)
}

// inOrder are the happenings that have been told in their order, beside others.
func (l *tale) inOrder(want []happening) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := 0
	for i := range l.events {
		if found < len(want) && want[found].is(&l.events[i]) {
			found++
		}
	}
	return found
}

// promises are all that the acts promise, act by act.
func promises() map[string][]happening {
	return map[string][]happening{
		"500s open, a recovery fails, steps close": {
			transition("market_data_service", "open", "500 Internal Server Error"),
			transition("market_data_service", "half_open", switchgear.RuleResetTimeout),
			transition("market_data_service", "open", switchgear.RuleRecoveryFailure),
			transition("market_data_service", "half_open", switchgear.RuleResetTimeout),
			transition("market_data_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
		"hanging opens by time-outs and its health check fails the recovery": {
			transition("token_sync_service", "open", "no answer within"),
			transition("token_sync_service", "half_open", switchgear.RuleResetTimeout),
			transition("token_sync_service", "open", switchgear.RuleHealthCheck),
			transition("token_sync_service", "half_open", switchgear.RuleResetTimeout),
			transition("token_sync_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
		"connections that are reset open": {
			transition("contest_evaluation_service", "open", switchgear.RuleFailureThreshold),
			transition("contest_evaluation_service", "half_open", switchgear.RuleResetTimeout),
			transition("contest_evaluation_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
		"slow calls open": {
			transition("achievement_service", "open", switchgear.RuleSlowCalls),
			transition("achievement_service", "half_open", switchgear.RuleResetTimeout),
			transition("achievement_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
		"a reset by hand closes at once": {
			transition("contest_wallet_service", "open", "500 Internal Server Error"),
			{"contest_wallet_service", fleet.EventReset, "closed", "the disk has been replaced"},
			transition("contest_wallet_service", "closed", switchgear.RuleReset),
		},
		"an override ends by itself and the service proves itself": {
			{"vanity_wallet_service", fleet.EventOverride, "forced_open", "maintenance"},
			{"vanity_wallet_service", fleet.EventOverrideExpired, "auto", "maintenance"},
			transition("vanity_wallet_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
		"the manager's probe opens and closes": {
			transition("solana_rpc_service", "open", switchgear.RuleFailureThreshold),
			transition("solana_rpc_service", "half_open", switchgear.RuleResetTimeout),
			transition("solana_rpc_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
		"reported failures open and advice closes": {
			transition("level_service", "open", "500 Internal Server Error"),
			transition("level_service", "half_open", switchgear.RuleResetTimeout),
			transition("level_service", "closed", switchgear.RuleMinHealthyPeriod),
		},
	}
}

func TestDemo_EveryActReallyHappens(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := &tale{more: make(chan struct{}, 1)}
	var out strings.Builder
	var data string
	ended := make(chan error, 1)
	go func() {
		ended <- perform(ctx, Options{Listen: "127.0.0.1:0", Stdout: &out, Stderr: io.Discard}, testTempo, func(s *stage) {
			data = s.data
			s.app.Manager().Watch(told.hear)
		})
	}()
	awaited := promises()
	for len(awaited) > 0 && ctx.Err() == nil {
		select {
		case <-told.more:
		case <-ctx.Done():
		}
		maps.DeleteFunc(awaited, func(_ string, want []happening) bool { return told.inOrder(want) == len(want) })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	for name, want := range awaited {
		t.Errorf("%s: only %d of %d have happened", name, told.inOrder(want), len(want))
	}
	for _, a := range acts(testTempo) {
		if !strings.Contains(out.String(), a.title) {
			t.Errorf("%q was not announced", a.title)
		}
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory %s is still there: %v", data, err)
	}
	if t.Failed() {
		t.Logf("it said:\n%s", &out)
	}
}

// first is a writer that hands over what has been written once it has a text.
type first struct {
	text string
	seen chan string // has room for one
	said strings.Builder
	done bool
}

func (w *first) Write(p []byte) (int, error) {
	w.said.Write(p)
	if !w.done && strings.Contains(w.said.String(), w.text) {
		w.done = true
		w.seen <- w.said.String()
	}
	return len(p), nil
}

func TestDemo_WhatItPrintsWorksInASecondTerminal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &first{text: "SWITCHGEAR_TOKEN=", seen: make(chan string, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- perform(ctx, Options{Listen: "127.0.0.1:0", Stdout: out, Stderr: io.Discard}, testTempo, nil)
	}()
	var said string
	select {
	case said = <-out.seen:
	case err := <-ended:
		t.Fatal(err)
	}
	where := regexp.MustCompile(`^listening on (http://127\.0\.0\.1:\d+)\n`).FindStringSubmatch(said)
	token := regexp.MustCompile(`SWITCHGEAR_TOKEN=(\w+)`).FindStringSubmatch(said)
	if where == nil || token == nil {
		t.Fatalf("it said:\n%s", said)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	own := &remote{client, where[1], token[1]}
	for _, p := range cast {
		var entry wire.Entry
		if err := own.call(ctx, http.MethodGet, p.name, nil, &entry); err != nil {
			t.Error(err)
		}
		got := []string{entry.Layer, entry.Description, fmt.Sprint(entry.Dependencies)}
		want := []string{p.layer, p.description, fmt.Sprint(append([]string{}, p.dependencies...))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p.name, diff)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestDemo_EndsAfterItsDuration(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), Options{Listen: "127.0.0.1:0", Stdout: io.Discard, Stderr: io.Discard, Live: true, Duration: time.Second})
	if err != nil {
		t.Error(err)
	}
}

func TestDemo_SaysThatTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	err = Run(t.Context(), Options{Listen: taken.Addr().String(), Stdout: io.Discard, Stderr: io.Discard})
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestDemo_EndsWhenNobodyReads(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), Options{Listen: "127.0.0.1:0", Stdout: broken{}, Stderr: io.Discard})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func TestProgram_IsCalledAsItCanBeAgain(t *testing.T) {
	t.Setenv("PATH", "")
	for path, want := range map[string]string{
		"/usr/local/bin/switchgear":                      "/usr/local/bin/switchgear",
		"/tmp/go-build2272539787/b001/exe/switchgear":    "go run ./cmd/switchgear",
		"/home/ada/.cache/go-build/0a/0a1b-d/switchgear": "go run ./cmd/switchgear",
	} {
		if got := program(path, nil); got != want {
			t.Errorf("%s is called %q, want %q", path, got, want)
		}
	}
	if got := program("", errors.New("no /proc")); got != "switchgear" {
		t.Errorf("one that does not know its file is called %q", got)
	}
}
