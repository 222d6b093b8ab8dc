package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long the end of the process waits for a collector to take
// the last spans and metrics.
const flushTimeout = 3 * time.Second

// telemetry sends spans and metrics to an OpenTelemetry collector, where the
// environment names one. Otherwise nothing of it runs.
type telemetry struct {
	complaints *complaints
	failures   *prometheus.CounterVec
	tracer     trace.Tracer // nil: no spans
	stop       []func(context.Context) error
}

// startTelemetry begins to send what the environment asks for: spans, and what the
// registry shows. A bad environment is complained of, and ends nothing.
func startTelemetry(ctx context.Context, log *slog.Logger, registry *prometheus.Registry, version string) (*telemetry, error) {
	t := &telemetry{complaints: newComplaints(log)}
	traces, err := wanted(signalTraces)
	t.complaints.always(err)
	metrics, err := wanted(signalMetrics)
	t.complaints.always(err)
	if !traces && !metrics {
		return t, nil
	}
	// The SDK's own complaints quote what they complain of, headers with secrets
	// among it, and go to stderr unless the process says otherwise.
	otel.SetLogger(logr.FromSlogHandler(terse{complaints: t.complaints}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.complaints.of))
	t.failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchgear_otlp_export_failures_total",
		Help: "How often the OpenTelemetry collector did not take what it was sent, by signal.",
	}, []string{"signal"})
	if err := registry.Register(t.failures); err != nil {
		return nil, err
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "switchgear"), attribute.String("service.version", version)),
		resource.WithFromEnv())
	t.complaints.always(err) // what of it is good is there all the same
	if traces {
		t.complaints.always(t.startTraces(ctx, about))
	}
	if metrics {
		t.complaints.always(t.startMetrics(ctx, about, registry))
	}
	return t, nil
}

func (t *telemetry) startTraces(ctx context.Context, about *resource.Resource) error {
	to, err := otlptracehttp.New(ctx)
	if err != nil {
		return fmt.Errorf("no spans are sent: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(&spanExporter{to, t}))
	t.tracer = provider.Tracer("github.com/degenduel/switchgear/app")
	t.stop = append(t.stop, func(ctx context.Context) error {
		err := provider.Shutdown(ctx)
		if ctx.Err() != nil { // what is under way is to end too
			err = errors.Join(err, to.Shutdown(context.WithoutCancel(ctx)))
		}
		return err
	})
	return nil
}

func (t *telemetry) startMetrics(ctx context.Context, about *resource.Resource, registry *prometheus.Registry) error {
	to, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return fmt.Errorf("no metrics are sent: %w", err)
	}
	produced := bridge.NewMetricProducer(bridge.WithGatherer(classic{registry, t.complaints}))
	provider := metric.NewMeterProvider(metric.WithResource(about),
		metric.WithReader(metric.NewPeriodicReader(&metricExporter{to, t}, metric.WithProducer(produced))))
	t.stop = append(t.stop, provider.Shutdown)
	return nil
}

// Close sends what is not sent yet, for flushTimeout at most.
func (t *telemetry) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var stopping sync.WaitGroup
	for _, stop := range t.stop {
		stopping.Go(func() {
			if err := stop(ctx); err != nil {
				t.complaints.always(fmt.Errorf("the last spans or metrics were not taken: %w", err))
			}
		})
	}
	stopping.Wait()
	return nil // a collector that is away is no failure of the process
}

// failed counts and tells that the collector did not take something.
func (t *telemetry) failed(signal string, err error) {
	t.failures.WithLabelValues(signal).Inc()
	t.complaints.of(fmt.Errorf("%s were not taken: %w", signal, err))
}

// spanExporter and metricExporter keep the errors of theirs.
type (
	spanExporter struct {
		sdktrace.SpanExporter

		of *telemetry
	}
	metricExporter struct {
		metric.Exporter

		of *telemetry
	}
)

// ExportSpans implements sdktrace.SpanExporter.
func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.of.failed("traces", err)
	}
	return nil
}

// Export implements metric.Exporter.
func (e *metricExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	if err := e.Exporter.Export(ctx, all); err != nil {
		e.of.failed("metrics", err)
	}
	return nil
}

// classic shows histograms by their classic buckets only, which are exact and have
// the exemplars: what has native ones too would be sent by these.
type classic struct {
	from       prometheus.Gatherer
	complaints *complaints
}

// Gather implements prometheus.Gatherer. What the metrics lack that could not be
// gathered is complained of.
func (c classic) Gather() ([]*dto.MetricFamily, error) {
	all, err := c.from.Gather()
	c.complaints.of(err)
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); len(h.GetBucket()) > 0 {
				h.Schema, h.ZeroThreshold, h.ZeroCount, h.PositiveSpan, h.PositiveDelta, h.NegativeSpan, h.NegativeDelta = nil, nil, nil, nil, nil, nil, nil
			}
		}
	}
	return all, nil
}

// aroundCheck makes every health check a span, with its error.
func (t *telemetry) aroundCheck(service string, check func(context.Context) error) func(context.Context) error {
	if t.tracer == nil {
		return check
	}
	about := trace.WithAttributes(attribute.String("switchgear.service", service))
	return func(ctx context.Context) error {
		ctx, span := t.tracer.Start(ctx, "health check", trace.WithSpanKind(trace.SpanKindClient), about)
		defer span.End()
		err := check(ctx)
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		return err
	}
}

// inject tells the service that is checked of the check's span.
func (t *telemetry) inject(ctx context.Context, h http.Header) {
	if t.tracer != nil {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	}
}
