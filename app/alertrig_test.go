package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/alert/webhook"
	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

const hookSecret = "a secret of more than 16 bytes"

// inTime is how long anything may take on a machine that is busy.
const inTime = 60 * time.Second

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(inTime); !so(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not come to it: " + what)
		}
	}
}

// answer is how a hook answers.
type answer int

const (
	takes answer = iota
	fails        // with 500
	hangs        // takes the message, and does not say so
	moves        // sends on to another place
)

// try is one time that a message came to a hook.
type try struct {
	webhook.Payload

	at    time.Time
	taken bool // by a program that looks at what it gets before it answers
	body  string
}

// hook is a program that takes alerts. It checks each signature, and that each
// try of a message is the same.
type hook struct {
	address string
	away    string // where it sends on to

	t    *testing.T
	mu   sync.Mutex
	mode answer
	got  []try
	news chan struct{} // closed at the next change
}

// newHook is one that is down: nobody listens at its address, and nobody else
// takes its port.
func newHook(t *testing.T) *hook {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.83.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it has done nothing
	return &hook{address: l.Addr().String(), t: t, news: make(chan struct{})}
}

// runningHook is one that takes what comes.
func runningHook(t *testing.T) *hook {
	t.Helper()
	h := newHook(t)
	h.start()
	return h
}

func (h *hook) url() string { return "http://" + h.address + "/alerts" }

// start lets it listen until the test has ended.
func (h *hook) start() {
	h.t.Helper()
	l, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: inTime}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	h.t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
}

// ServeHTTP takes a message.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the manager was killed
	}
	if err := webhook.Verify(hookSecret, r.Header.Get(webhook.SignatureHeader), body, time.Now(), time.Minute); err != nil {
		h.t.Error(err)
	}
	got := try{at: time.Now(), body: string(body)}
	if err := json.Unmarshal(body, &got.Payload); err != nil {
		h.t.Error(err)
	}
	if id := r.Header.Get(webhook.DeliveryHeader); id == "" || id != got.Delivery {
		h.t.Errorf("the header has the ID %q, the body %q", id, got.Delivery)
	}
	h.mu.Lock()
	mode := h.mode
	got.taken = mode == takes || mode == hangs
	for i := range h.got {
		if h.got[i].Delivery == got.Delivery && h.got[i].body != got.body {
			h.t.Errorf("a message has changed (-before +now):\n%s", cmp.Diff(h.got[i].body, got.body))
			break
		}
	}
	h.got = append(h.got, got)
	close(h.news)
	h.news = make(chan struct{})
	h.mu.Unlock()
	switch mode {
	case takes:
	case fails:
		w.WriteHeader(http.StatusInternalServerError)
	case hangs:
		<-r.Context().Done()
	case moves:
		http.Redirect(w, r, h.away, http.StatusTemporaryRedirect)
	}
}

// set lets it answer otherwise from now on, and returns how many tries there were.
func (h *hook) set(a answer) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mode = a
	return len(h.got)
}

// await waits until the tries are as wanted, and returns them.
func (h *hook) await(what string, so func([]try) bool) []try {
	h.t.Helper()
	for late := time.After(inTime); ; {
		h.mu.Lock()
		got, news := slices.Clone(h.got), h.news
		h.mu.Unlock()
		if so(got) {
			return got
		}
		select {
		case <-news:
		case <-late:
			h.t.Fatalf("%s does not come; what came is\n%s", what, strings.Join(inWords(got), "\n"))
		}
	}
}

// after waits until there were more than so many tries.
func (h *hook) after(n int) []try {
	h.t.Helper()
	return h.await("another try", func(got []try) bool { return len(got) > n })
}

// hears waits until so many messages were taken, and returns all that were, each
// as it was taken first.
func (h *hook) hears(n int) []try {
	h.t.Helper()
	return heard(h.await("a message", func(got []try) bool { return len(heard(got)) >= n }))
}

func heard(got []try) (taken []try) {
	known := make(map[string]bool)
	for i := range got {
		if m := &got[i]; m.taken && !known[m.Delivery] {
			known[m.Delivery] = true
			taken = append(taken, *m)
		}
	}
	return taken
}

// are holds messages, in words, against those that are wanted.
func are(t *testing.T, got []try, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, inWords(got)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func inWords(got []try) []string {
	texts := make([]string, len(got))
	for i := range got {
		texts[i] = got[i].Reason + " " + *got[i].Root
	}
	return texts
}

// alertPlace is a data directory with a config file beside it.
func alertPlace(t *testing.T, file string) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	writeConfig(t, data, file)
	return data
}

func writeConfig(t *testing.T, data, file string) {
	t.Helper()
	path := filepath.Join(data, "..", "switchgear.yaml")
	if err := os.WriteFile(path+".new", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// quick are alerts that begin and end soon, with the receivers.
func quick(receivers ...string) string {
	return alerting("groupWaitMs: 100, resolveAfterMs: 100", receivers...)
}

// alerting are the sections of a config file that say who is told of what; the
// links of messages are the same wherever the manager listens.
func alerting(settings string, receivers ...string) string {
	return "server: { publicUrl: 'https://board.example.com' }\n" +
		"alerts: { " + settings + ", receivers: { " + strings.Join(receivers, ", ") + " } }\n"
}

// to is a receiver of that name.
func to(name, url string) string {
	return name + `: { webhook: { url: "` + url + `", secret: "` + hookSecret + `", timeoutMs: 3000 } }`
}

// three are services that open after three failures and stay so; job depends on
// web.
const three = `
defaults: { failureThreshold: 3, resetTimeoutMs: 600000, maxResetTimeoutMs: 600000 }
services: { db: {}, web: {}, job: { dependencies: [web] } }
`

// hangUp has the config file read again.
func (p *process) hangUp(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// open opens the circuit of a service.
func (p *process) open(ctx context.Context, service string) error {
	failure := wire.OperationOutcome{Outcome: "failure", DurationMs: 1, Error: "refused"}
	r, err := p.Report(ctx, service, failure, failure, failure)
	if err == nil && r.State != "open" {
		err = fmt.Errorf("%s is %s", service, r.State)
	}
	return err
}

// fail opens it, or ends the test.
func (p *process) fail(t *testing.T, service string) {
	t.Helper()
	if err := p.open(t.Context(), service); err != nil {
		t.Fatal(err)
	}
}

// heal closes it.
func (p *process) heal(t *testing.T, service string) {
	t.Helper()
	if r, err := p.Reset(t.Context(), service, wire.ResetRequest{Reason: "it is well"}); err != nil || !r.Success {
		t.Fatalf("%s: %+v, %v", service, r, err)
	}
}

// receiver waits until a receiver is as wanted.
func (p *process) receiver(t *testing.T, name string, so func(wire.Receiver) bool) (r wire.Receiver) {
	t.Helper()
	until(t, "the receiver "+name+" is as wanted", func() bool {
		all, err := p.Receivers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all.Receivers, func(r wire.Receiver) bool { return r.Name == name })
		if i >= 0 {
			r = all.Receivers[i]
		}
		return i >= 0 && so(r)
	})
	return r
}

// alerts waits until the alerts of a query are as wanted.
func (p *process) alerts(t *testing.T, q client.AlertQuery, so func([]wire.Alert) bool) (alerts []wire.Alert) {
	t.Helper()
	until(t, "the alerts are as wanted", func() bool {
		page, err := p.Alerts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		alerts = page.Alerts
		return so(alerts)
	})
	return alerts
}

// try sends a test to a receiver, and returns what it says.
func (p *process) try(t *testing.T, name string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), inTime)
	defer cancel()
	return p.TestReceiver(ctx, name)
}
