package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream is a health check that takes three milliseconds.
type upstream struct{ failing atomic.Bool }

func (u *upstream) Check(context.Context) error {
	time.Sleep(3 * time.Millisecond)
	if u.failing.Load() {
		return errors.New("down")
	}
	return nil
}

func (u *upstream) Close() error { return nil }

var actor = fleet.Actor{Name: "alice", Reason: "a test"}

// bench is a manager that runs, and what Prometheus sees of it. It lives in a
// bubble.
type bench struct {
	*fleet.Manager

	registry *prometheus.Registry
	upstream upstream
	stop     func()
}

func newBench(t *testing.T, store fleet.Store, cap int) *bench {
	t.Helper()
	b := &bench{registry: prometheus.NewPedanticRegistry()}
	var err error
	b.Manager, err = fleet.New(t.Context(), fleet.Deps{
		Store: store, NewProbe: func(config.HealthCheck, fleet.Source) (fleet.Probe, error) { return &b.upstream, nil },
	}, fleet.Config{MaxServices: cap})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	}
	b.registry.MustRegister(metrics.New(metrics.Deps{
		Manager: b.Manager, Stream: func() metrics.Stream { return metrics.Stream{Clients: 3} }, Version: wire.Version{Version: "v1.2.3", Commit: "abc"},
	}))
	return b
}

func (b *bench) declare(t *testing.T, name string, cfg switchgear.Config, check *config.HealthCheck) {
	t.Helper()
	if _, _, err := b.Declare(t.Context(), name, config.Service{Config: cfg, HealthCheck: check}, actor); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) report(t *testing.T, name string, outcomes ...fleet.Outcome) {
	t.Helper()
	if _, err := b.Report(t.Context(), name, outcomes); err != nil {
		t.Fatal(err)
	}
}

// scrape is what Prometheus reads.
func (b *bench) scrape(t *testing.T) string {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// value is that of one series, or empty.
func value(text, series string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// lively is a fleet with something of everything.
func lively(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, memory.New(), 3)
	cfg := switchgear.Config{
		FailureThreshold: 2, ResetTimeout: 10 * time.Second, MinHealthyPeriod: -1, Jitter: -1, HealthCheckInterval: 20 * time.Second,
	}
	b.declare(t, "idle", cfg, nil)
	b.declare(t, "market", cfg, nil)
	b.declare(t, "wallet", cfg, &config.HealthCheck{TCP: &config.TCPCheck{Address: "127.0.0.1:1"}, Timeout: time.Second})
	if _, _, err := b.Declare(t.Context(), "one_too_many", config.Service{}, actor); fleet.KindOf(err) != fleet.Exhausted {
		t.Fatalf("over the cap: %v", err)
	}
	failure := fleet.Outcome{Outcome: switchgear.Failure, Duration: 30 * time.Millisecond, Error: "down"}
	success := fleet.Outcome{Outcome: switchgear.Success, Duration: 1500 * time.Microsecond}
	b.report(t, "market", success, success, fleet.Outcome{Outcome: switchgear.Ignored}, failure, failure) // opens
	time.Sleep(11 * time.Second)
	b.report(t, "market", failure) // opens again, for 20 s
	time.Sleep(21 * time.Second)
	b.report(t, "market", success) // closes
	if _, err := b.Override(t.Context(), "wallet", switchgear.ForcedOpen, time.Hour, actor); err != nil {
		t.Fatal(err)
	}
	b.upstream.failing.Store(true)
	time.Sleep(20 * time.Second)
	synctest.Wait()
	return b
}

func TestCollector_ShowsWhatTheContractNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := lively(t)
		defer b.stop()
		got := withoutChance(b.scrape(t))
		const golden = "testdata/metrics.txt"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got), -update writes it anew\n%s", golden, diff)
		}
	})
}

var commits = regexp.MustCompile(`(?m)^(switchgear_store_commit_duration_seconds.*) \S+$`)

// withoutChance leaves out which Go built the test, and how the manager put its
// writes together.
func withoutChance(text string) string {
	text = commits.ReplaceAllString(text, "$1 n")
	before, rest, _ := strings.Cut(text, `goversion="`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + `goversion=""` + after
}

func TestCollector_PassesPromtool(t *testing.T) {
	t.Parallel()
	var text string
	synctest.Test(t, func(t *testing.T) {
		b := lively(t)
		defer b.stop()
		text = b.scrape(t)
	})
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
			t.Fatal("promtool is not there: apt-get install prometheus")
		}
		return // its rules are those of promlint
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestCollector_ForgetsAServiceThatWent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := lively(t)
		defer b.stop()
		if !strings.Contains(b.scrape(t), `service="market"`) {
			t.Fatal("there is nothing of market")
		}
		if err := b.Remove(t.Context(), "market", actor); err != nil {
			t.Fatal(err)
		}
		text := b.scrape(t)
		if strings.Contains(text, `service="market"`) || value(text, "switchgear_services") != "2" {
			t.Errorf("after it went:\n%s", text)
		}
	})
}

func TestCollector_TellsThatTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		b := newBench(t, store, 10)
		defer b.stop()
		b.declare(t, "market", switchgear.Config{}, nil)
		if v := value(b.scrape(t), "switchgear_store_available"); v != "1" {
			t.Errorf("available is %q", v)
		}
		store.Fail(errors.New("gone"))
		if _, err := b.Reset(t.Context(), "market", switchgear.Closed, actor); fleet.KindOf(err) != fleet.Unavailable {
			t.Fatal(err)
		}
		if v := value(b.scrape(t), "switchgear_store_available"); v != "0" {
			t.Errorf("available is %q while it is away", v)
		}
		store.Fail(nil)
	})
}

func BenchmarkCollector_TwentyThousandServices(b *testing.B) {
	m, err := fleet.New(b.Context(), fleet.Deps{Store: memory.New()}, fleet.Config{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	services := make(map[string]config.Service)
	for i := range 20_000 {
		services["s"+strconv.Itoa(i)] = config.Service{}
	}
	if err := m.ApplyFile(ctx, services); err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(metrics.Deps{Manager: m}))
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
