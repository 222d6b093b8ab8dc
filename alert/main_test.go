package alert_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type rigConfig = alert.Config

var alice = fleet.Actor{Name: "alice", Address: "192.0.2.1", Reason: "a test"}

// rig is a manager and an engine over a store, with a receiver.
type rig struct {
	*alert.Engine

	t       rigT
	manager *fleet.Manager
	store   *memory.Store
	over    stores // what they work with
	inbox   *inbox
	cfg     alert.Config
	stop    func()
}

type stores interface {
	fleet.Store
	fleet.AlertStore
}

type messageOf = alert.Message

type rigT interface {
	Helper()
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// inbox is a receiver that keeps what it got.
type inbox struct {
	mu     sync.Mutex
	got    []alert.Message
	at     []time.Time
	answer func(m alert.Message) error // nil: it takes all
}

func (i *inbox) Send(ctx context.Context, m alert.Message) error {
	i.mu.Lock()
	answer := i.answer
	i.mu.Unlock()
	if answer != nil {
		if err := answer(m); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got, i.at = append(i.got, m), append(i.at, time.Now())
	return ctx.Err()
}

func (i *inbox) answers(f func(m alert.Message) error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

func (i *inbox) messages() []alert.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]alert.Message(nil), i.got...)
}

// reasons are those of the messages so far.
func (i *inbox) reasons() string {
	var all []string
	for _, m := range i.messages() {
		all = append(all, string(m.Reason))
	}
	return strings.Join(all, ",")
}

func (i *inbox) when(n int) time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at[n]
}

func usual(in *inbox) alert.Config {
	d := config.DefaultAlerts()
	return alert.Config{
		Receivers: []alert.Target{{Name: "ops", Kind: "webhook", Receiver: in, SendResolved: true}},
		GroupWait: d.GroupWait, ResolveAfter: d.ResolveAfter, RepeatInterval: d.RepeatInterval, Link: "https://sg.example",
	}
}

// newRig runs a manager and an engine until stop or kill.
func newRig(t rigT) *rig {
	t.Helper()
	r := &rig{t: t, store: memory.New(), inbox: &inbox{}}
	r.over, r.cfg = r.store, usual(r.inbox)
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	var err error
	if r.manager, err = fleet.New(context.Background(), fleet.Deps{Store: r.over}, fleet.Config{}); err != nil {
		r.t.Fatal(err)
	}
	if r.Engine, err = alert.New(context.Background(), alert.Deps{Manager: r.manager, Store: r.over}, r.cfg); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	inner, stopManager := context.WithCancel(context.Background())
	manager, engine := r.manager, r.Engine
	running.Go(func() { _ = manager.Run(inner) })
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Fatalf("Run: %v", err)
		}
		stopManager()
		running.Wait()
	})
}

var errGone = errors.New("the process is gone")

// kill ends all without a last write, and starts it again.
func (r *rig) kill() {
	r.t.Helper()
	r.store.Fail(errGone)
	r.stop()
	r.store.Fail(nil)
	r.start()
}

func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// reported is a service whose circuit opens after five failures.
func reported(dependencies ...string) config.Service {
	return config.Service{
		Dependencies: dependencies,
		Config: switchgear.Config{
			FailureThreshold: 5, Jitter: -1, ResetTimeout: time.Minute, MinHealthyPeriod: 10 * time.Second,
			MaxResetTimeout: time.Minute,
		},
	}
}

func (r *rig) declare(name string, dependencies ...string) {
	r.t.Helper()
	r.declareAs(name, reported(dependencies...))
}

func (r *rig) declareAs(name string, def config.Service) {
	r.t.Helper()
	if _, _, err := r.manager.Declare(context.Background(), name, def, alice); err != nil {
		r.t.Fatal(err)
	}
	r.report(name, 1, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
}

func (r *rig) report(name string, n int, o fleet.Outcome) {
	r.t.Helper()
	outcomes := make([]fleet.Outcome, n)
	for i := range outcomes {
		outcomes[i] = o
	}
	if _, err := r.manager.Report(context.Background(), name, outcomes); err != nil {
		r.t.Fatal(err)
	}
}

// fail reports failures in a row; five open the circuit.
func (r *rig) fail(name string, n int) {
	r.t.Helper()
	r.report(name, n, fleet.Outcome{Outcome: switchgear.Failure, Duration: time.Millisecond, Error: "connection refused"})
}

// heal closes the circuit.
func (r *rig) heal(name string) {
	r.t.Helper()
	if _, err := r.manager.Reset(context.Background(), name, switchgear.Closed, alice); err != nil {
		r.t.Fatal(err)
	}
	r.report(name, 1, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
}

// active are the alerts that fire, as service/kind, the oldest first.
func (r *rig) active() (out []string) {
	all := r.Active()
	for _, a := range slices.Backward(all) {
		out = append(out, a.Service+"/"+string(a.Kind))
	}
	return out
}

// bubble runs a test in a synctest bubble.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.stop() }()
		f(t, r)
	})
}

func wantReasons(t *testing.T, r *rig, want string) {
	t.Helper()
	if got := r.inbox.reasons(); got != want {
		t.Fatalf("%v: told %q, want %q; active %v", time.Now(), got, want, r.active())
	}
}

func (r *rig) ctx() context.Context { return context.Background() }
