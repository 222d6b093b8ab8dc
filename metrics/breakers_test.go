package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/metrics"
)

func TestOfBreakers_ShowsThemAsAManagerShowsServices(t *testing.T) {
	t.Parallel()
	b, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.RecordSuccess(time.Millisecond)
	b.HandleError(errors.New("down"), time.Millisecond)
	if _, err := b.Allow(t.Context()); !errors.Is(err, switchgear.ErrOpen) {
		t.Fatalf("it answers %v", err)
	}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(metrics.OfBreakers(b)); err != nil {
		t.Fatal(err)
	}
	want := `# HELP switchgear_circuit_state 1 for the state that the circuit is in, 0 for the others.
# TYPE switchgear_circuit_state gauge
switchgear_circuit_state{service="prices",state="closed"} 0
switchgear_circuit_state{service="prices",state="half_open"} 0
switchgear_circuit_state{service="prices",state="open"} 1
# HELP switchgear_operations_total Operations that ended, by outcome.
# TYPE switchgear_operations_total counter
switchgear_operations_total{outcome="failure",service="prices"} 1
switchgear_operations_total{outcome="ignored",service="prices"} 0
switchgear_operations_total{outcome="success",service="prices"} 1
# HELP switchgear_rejections_total Operations that were not let in, by what rejected them.
# TYPE switchgear_rejections_total counter
switchgear_rejections_total{service="prices",state="forced_open"} 0
switchgear_rejections_total{service="prices",state="half_open"} 0
switchgear_rejections_total{service="prices",state="open"} 1
`
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all, got bytes.Buffer
	for _, f := range families {
		_, _ = expfmt.MetricFamilyToText(&all, f)
		if strings.Contains(want, "# TYPE "+f.GetName()+" ") {
			_, _ = expfmt.MetricFamilyToText(&got, f)
		}
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("it shows (-want +got):\n%s", diff)
	}
	if problems, err := promlint.New(&all).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("the lint says %v, %v", problems, err)
	}
}

func TestOfBreakers_ShowsTheTracesThatHooksKnow(t *testing.T) {
	t.Parallel()
	hooks := &switchgear.Hooks{TraceID: func(context.Context) string { return "0af7651916cd43dd8448eb211c80319c" }}
	b, err := switchgear.New("prices", switchgear.Config{Hooks: hooks})
	if err != nil {
		t.Fatal(err)
	}
	k, err := switchgear.NewKeyed("shards", switchgear.KeyedConfig{Config: switchgear.Config{Hooks: hooks}})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []*switchgear.Breaker{b, k.Breaker("eu")} {
		if _, err := switchgear.Do(t.Context(), of, func(context.Context) (int, error) { return 0, nil }); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]prometheus.Collector{"prices": metrics.OfBreakers(b), "shards": metrics.NewKeyed(k, metrics.KeyedConfig{})} {
		if text := scrapeOf(t, c, openMetrics).Body.String(); !strings.Contains(text, `service="`+name+`",le="0.001"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"} `) {
			t.Errorf("%s has no exemplar:\n%s", name, text)
		}
	}
}
