package metrics_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/store/memory"
)

var errDown = errors.New("down")

// plain is a program without a manager.
func plain(t *testing.T, all ...prometheus.Collector) *bench {
	t.Helper()
	b := &bench{registry: prometheus.NewPedanticRegistry()}
	for _, c := range all {
		if err := b.registry.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func wantValues(t *testing.T, text string, want map[string]string) {
	t.Helper()
	for series, v := range want {
		if got := value(text, series); got != v {
			t.Errorf("%s is %q, want %q", series, got, v)
		}
	}
}

func newKeyed(t *testing.T, cfg switchgear.KeyedConfig) *switchgear.Keyed {
	t.Helper()
	cfg.Config.FailureThreshold, cfg.Config.Jitter = 1, -1
	k, err := switchgear.NewKeyed("upstreams", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOfBreakers_ShowsWhatAManagerShowsOfThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, err := switchgear.New("a", switchgear.Config{FailureThreshold: 1, Jitter: -1})
		if err != nil {
			t.Fatal(err)
		}
		other, err := switchgear.New("b", switchgear.Config{})
		if err != nil {
			t.Fatal(err)
		}
		a.RecordSuccess(3 * time.Millisecond)
		a.HandleError(errDown, 0)
		if _, err := a.Allow(t.Context()); !errors.Is(err, switchgear.ErrOpen) {
			t.Fatal(err)
		}
		fleet := newBench(t, memory.New(), 3)
		defer fleet.stop()
		fleet.declare(t, "market", switchgear.Config{}, nil)
		fleet.registry.MustRegister(metrics.OfBreakers(a, other))
		text := fleet.scrape(t)
		wantValues(t, text, map[string]string{
			`switchgear_operations_total{outcome="success",service="a"}`:                   "1",
			`switchgear_operations_total{outcome="failure",service="a"}`:                   "1",
			`switchgear_rejections_total{service="a",state="open"}`:                        "1",
			`switchgear_circuit_state{service="a",state="open"}`:                           "1",
			`switchgear_circuit_state{service="b",state="closed"}`:                         "1",
			`switchgear_circuit_state{service="market",state="closed"}`:                    "1",
			`switchgear_circuit_transitions_total{from="closed",service="a",to="open"}`:    "1",
			`switchgear_operation_duration_seconds_count{service="a"}`:                     "2",
			`switchgear_operation_duration_seconds_bucket{service="a",le="0.002"}`:         "1",
			`switchgear_health_checks_total{result="success",service="a"}`:                 "",
			`switchgear_override_active{mode="forced_open",service="b"}`:                   "0",
			`switchgear_recovery_attempts_total{result="success",service="a"}`:             "0",
			`switchgear_operation_duration_seconds_count{service="b"}`:                     "",
			`switchgear_circuit_transitions_total{from="open",service="b",to="half_open"}`: "0",
		})
	})
}

func TestNewKeyed_ShowsTheSumsTheParentAndEachKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, switchgear.KeyedConfig{MaxKeys: 4, OpenShare: 0.5})
		b := plain(t, metrics.NewKeyed(k, metrics.KeyedConfig{}))
		for i := range 5 {
			k.Breaker(fmt.Sprint("host", i)).RecordSuccess(3 * time.Millisecond)
		}
		for i := 1; i < 4; i++ {
			k.Breaker(fmt.Sprint("host", i)).HandleError(errDown, 3*time.Millisecond)
		}
		for _, key := range []string{"host4", "host4", "host1"} {
			if _, err := k.Breaker(key).Allow(t.Context()); !errors.Is(err, switchgear.ErrOpen) {
				t.Fatal(err)
			}
		}
		text := b.scrape(t)
		wantValues(t, text, map[string]string{
			`switchgear_operations_total{outcome="success",service="upstreams"}`:                   "5",
			`switchgear_operations_total{outcome="failure",service="upstreams"}`:                   "3",
			`switchgear_rejections_total{service="upstreams",state="open"}`:                        "3",
			`switchgear_operation_duration_seconds_count{service="upstreams"}`:                     "8",
			`switchgear_circuit_state{service="upstreams",state="open"}`:                           "1",
			`switchgear_circuit_transitions_total{from="closed",service="upstreams",to="open"}`:    "1",
			`switchgear_keys{service="upstreams",state="closed"}`:                                  "1",
			`switchgear_keys{service="upstreams",state="open"}`:                                    "3",
			`switchgear_keys{service="upstreams",state="half_open"}`:                               "0",
			`switchgear_keys_gone_total{how="evicted",service="upstreams"}`:                        "1",
			`switchgear_keys_gone_total{how="removed",service="upstreams"}`:                        "0",
			`switchgear_keys_overflowed_total{service="upstreams"}`:                                "0",
			`switchgear_keys_transitions_total{from="closed",service="upstreams",to="open"}`:       "3",
			`switchgear_key_circuit_state{key="host1",service="upstreams",state="open"}`:           "1",
			`switchgear_key_circuit_state{key="host4",service="upstreams",state="open"}`:           "0",
			`switchgear_key_operations_total{key="host1",outcome="failure",service="upstreams"}`:   "1",
			`switchgear_key_rejections_total{key="host1",service="upstreams"}`:                     "1",
			`switchgear_key_rejections_total{key="host4",service="upstreams"}`:                     "0",
			`switchgear_key_operations_total{key="host0",outcome="success",service="upstreams"}`:   "",
			`switchgear_key_operations_total{key="host4",outcome="ignored",service="upstreams"}`:   "0",
			`switchgear_key_circuit_state{key="host0",service="upstreams",state="closed"}`:         "",
			`switchgear_keys_transitions_total{from="open",service="upstreams",to="half_open"}`:    "0",
			`switchgear_recovery_attempts_total{result="failure",service="upstreams"}`:             "0",
			`switchgear_override_active{mode="forced_closed",service="upstreams"}`:                 "0",
			`switchgear_circuit_transitions_total{from="open",service="upstreams",to="half_open"}`: "0",
		})
		if n := strings.Count(text, `key="host1"`); n != 7 {
			t.Errorf("a key has %d series", n)
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v %v", problems, err)
		}
		k.Remove("host1")
		if text := b.scrape(t); strings.Contains(text, "host1") || !strings.Contains(text, "host2") ||
			value(text, `switchgear_operations_total{outcome="failure",service="upstreams"}`) != "3" {
			t.Errorf("after host1 went:\n%s", text)
		}
	})
}

func TestNewKeyed_CanLeaveTheKeysOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, switchgear.KeyedConfig{})
		b := plain(t, metrics.NewKeyed(k, metrics.KeyedConfig{WithoutKeys: true}))
		k.Breaker("a").RecordSuccess(time.Millisecond)
		few := b.scrape(t)
		for i := range 100 {
			k.Breaker(strconv.Itoa(i))
		}
		if text := b.scrape(t); strings.Count(text, "\n") != strings.Count(few, "\n") || value(text, `switchgear_keys{service="upstreams",state="closed"}`) != "101" {
			t.Errorf("with more keys:\n%s", text)
		}
	})
}

func TestNewKeyed_ShowsKeysOfAnyText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(t, switchgear.KeyedConfig{})
		b := plain(t, metrics.NewKeyed(k, metrics.KeyedConfig{}))
		for _, key := range []string{"", "a\"b\\c\n", "\xff", "\xfe", "0xfe", strings.Repeat("x", 9999)} {
			k.Breaker(key)
		}
		text := b.scrape(t)
		for _, label := range []string{`""`, `"a\"b\\c\n"`, `"0xff"`, `"0xfe"`} {
			if n := strings.Count(text, "key="+label+","); n != 7 {
				t.Errorf("%s has %d series", label, n)
			}
		}
	})
}
