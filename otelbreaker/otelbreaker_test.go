package otelbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/otelbreaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// tracing is an SDK that keeps all spans.
func tracing(t *testing.T, opts ...sdktrace.TracerProviderOption) (trace.Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(spans))...)
	return p.Tracer("test"), spans
}

func newBreaker(t *testing.T, cfg switchgear.Config) *switchgear.Breaker {
	t.Helper()
	cfg.Jitter = -1
	b, err := switchgear.New("prices", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run is an operation with a span of its own.
func run(tracer trace.Tracer, b *switchgear.Breaker, name string, result error) {
	ctx, span := tracer.Start(context.Background(), name)
	defer span.End()
	_, _ = switchgear.Do(ctx, b, func(context.Context) (struct{}, error) { return struct{}{}, result })
}

// told are the events of the spans that ended, as lines.
func told(spans *tracetest.SpanRecorder) (lines []string) {
	for _, s := range spans.Ended() {
		for _, e := range s.Events() {
			words := []string{s.Name() + ":", e.Name}
			for _, a := range e.Attributes {
				words = append(words, string(a.Key)+"="+a.Value.String())
			}
			lines = append(lines, strings.Join(words, " "))
		}
	}
	spans.Reset()
	return lines
}

func TestHooks_AddEventsToTheCallersSpan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracer, spans := tracing(t)
		b := newBreaker(t, switchgear.Config{
			FailureThreshold: 2, ResetTimeout: time.Minute, MinHealthyPeriod: time.Minute, RecoverySteps: []float64{0.25}, Hooks: otelbreaker.Hooks(),
		})
		for range 3 {
			run(tracer, b, "well", nil)
		}
		run(tracer, b, "one", errBoom)
		run(tracer, b, "two", errBoom)
		time.Sleep(15 * time.Second)
		run(tracer, b, "three", nil)
		time.Sleep(45 * time.Second)
		synctest.Wait()
		run(tracer, b, "probe", nil)
		run(tracer, b, "share", nil)
		const why = " switchgear.service=prices switchgear.rule=failure_threshold switchgear.failures=2 switchgear.successes=3 switchgear.slow=0"
		const open = why + " switchgear.state=open switchgear.mode=auto switchgear.retry_after="
		const half = why + " switchgear.state=half_open switchgear.recovery.attempt=1"
		want := []string{
			"two: switchgear.opened" + open + "60",
			"three: switchgear.rejected" + open + "45",
			"probe: switchgear.recovery" + half + " switchgear.recovery.probe=true switchgear.recovery.share=0",
			"share: switchgear.recovery" + half + " switchgear.recovery.probe=false switchgear.recovery.share=0.25",
		}
		if diff := cmp.Diff(want, told(spans)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestHooks_SayOfWhichKey(t *testing.T) {
	t.Parallel()
	tracer, spans := tracing(t)
	k, err := switchgear.NewKeyed("shards", switchgear.KeyedConfig{
		Config: switchgear.Config{FailureThreshold: 1, Hooks: otelbreaker.Hooks()}, OpenShare: 0.5, MinimumKeys: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	run(tracer, k.Breaker("eu"), "it", errBoom)
	var got []string
	for _, s := range spans.Ended() {
		for _, e := range s.Events() {
			set := attribute.NewSet(e.Attributes...)
			key, _ := set.Value("switchgear.key")
			rule, _ := set.Value("switchgear.rule")
			got = append(got, e.Name+" "+key.AsString()+" "+rule.AsString())
		}
	}
	want := []string{"switchgear.opened eu failure_threshold", "switchgear.opened  children_open"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHooks_KnowTheTracesThatAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sampler sdktrace.Sampler
		want    int
	}{"sampled": {sdktrace.AlwaysSample(), 1}, "not sampled": {sdktrace.NeverSample(), 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracer, spans := tracing(t, sdktrace.WithSampler(c.sampler))
			b := newBreaker(t, switchgear.Config{FailureThreshold: 1, Hooks: otelbreaker.Hooks()})
			run(tracer, b, "it", errBoom)
			got := b.Exemplars()
			if len(got) != c.want || len(spans.Ended()) != c.want {
				t.Fatalf("the exemplars are %+v, want %d", got, c.want)
			}
			if c.want == 1 && got[0].TraceID != spans.Ended()[0].SpanContext().TraceID().String() {
				t.Errorf("the trace is %s", got[0].TraceID)
			}
		})
	}
}

// TestHooks_AllocateNothingWhereNothingIsTraced is alone: it counts allocations.
func TestHooks_AllocateNothingWhereNothingIsTraced(t *testing.T) {
	closed := newBreaker(t, switchgear.Config{Hooks: otelbreaker.Hooks()})
	open := newBreaker(t, switchgear.Config{FailureThreshold: 1, Hooks: otelbreaker.Hooks()})
	open.HandleError(errBoom, 0)
	tracer, _ := tracing(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	unsampled, span := tracer.Start(t.Context(), "not kept")
	defer span.End()
	for name, ctx := range map[string]context.Context{"without a span": t.Context(), "with a span that is not kept": unsampled} {
		for _, b := range []*switchgear.Breaker{closed, open} {
			call := func(context.Context) (int, error) { return 0, nil }
			if n := testing.AllocsPerRun(1000, func() { _, _ = switchgear.Do(ctx, b, call) }); n != 0 {
				t.Errorf("%s, %v: %v allocations", name, b.State(), n)
			}
		}
	}
}

// collected are the points of a collection, as lines in their order.
func collected(t *testing.T, reader sdkmetric.Reader) (lines []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	add := func(m metricdata.Metrics, set attribute.Set, v any) {
		words := []string{m.Name}
		for _, a := range set.ToSlice() {
			if a.Key != "switchgear.service" {
				words = append(words, a.Value.String())
			} else if a.Value.AsString() == "" {
				t.Errorf("%s is of no service", m.Name)
			}
		}
		lines = append(lines, fmt.Sprint(strings.Join(words, " "), " = ", v))
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m, p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(m, p.Attributes, p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(m, p.Attributes, p.Value > 0)
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestObserve_ShowsWhatTheBreakerCounts(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	b := newBreaker(t, switchgear.Config{FailureThreshold: 1})
	stop, err := otelbreaker.Observe(provider, b)
	if err != nil {
		t.Fatal(err)
	}
	b.RecordSuccess(time.Second)
	b.RecordIgnored()
	b.HandleError(errBoom, time.Second)
	_, _ = b.Allow(t.Context())
	_, _ = b.Allow(t.Context())
	want := []string{
		"switchgear.circuit.state closed = 0", "switchgear.circuit.state half_open = 0", "switchgear.circuit.state open = 1",
		"switchgear.operation.duration 0.5 = true", "switchgear.operation.duration 0.95 = true", "switchgear.operation.duration 0.99 = true",
		"switchgear.operations failure = 1", "switchgear.operations ignored = 1", "switchgear.operations success = 1",
		"switchgear.override.active forced_closed = 0", "switchgear.override.active forced_open = 0",
		"switchgear.recoveries failure = 0", "switchgear.recoveries success = 0",
		"switchgear.rejections forced_open = 0", "switchgear.rejections half_open = 0", "switchgear.rejections open = 2",
		"switchgear.transitions closed half_open = 0", "switchgear.transitions closed open = 1",
		"switchgear.transitions half_open closed = 0", "switchgear.transitions half_open open = 0",
		"switchgear.transitions open closed = 0", "switchgear.transitions open half_open = 0",
	}
	if diff := cmp.Diff(want, collected(t, reader)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := collected(t, reader); got != nil {
		t.Errorf("after its end it shows %q", got)
	}
}

func TestObserveKeyed_ShowsTheSumsOfTheKeys(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	k, err := switchgear.NewKeyed("shards", switchgear.KeyedConfig{Config: switchgear.Config{FailureThreshold: 1}})
	if err != nil {
		t.Fatal(err)
	}
	stop, err := otelbreaker.ObserveKeyed(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	for _, key := range []string{"eu", "us"} {
		k.Breaker(key).HandleError(errBoom, time.Second)
		_, _ = k.Breaker(key).Allow(t.Context())
	}
	got := collected(t, reader)
	for _, want := range []string{"switchgear.operations failure = 2", "switchgear.rejections open = 2", "switchgear.circuit.state closed = 1"} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no %q in %q", want, got)
		}
	}
}
