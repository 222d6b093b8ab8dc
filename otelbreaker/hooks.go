package otelbreaker

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/degenduel/switchgear"
)

// The names of the span events.
const (
	EventRejected = "switchgear.rejected"
	EventOpened   = "switchgear.opened"
	EventRecovery = "switchgear.recovery"
)

// The attributes of span events and metrics.
const (
	keyService    = attribute.Key("switchgear.service")
	keyKey        = attribute.Key("switchgear.key")
	keyState      = attribute.Key("switchgear.state")
	keyMode       = attribute.Key("switchgear.mode")
	keyRule       = attribute.Key("switchgear.rule")
	keyFailures   = attribute.Key("switchgear.failures")
	keySuccesses  = attribute.Key("switchgear.successes")
	keySlow       = attribute.Key("switchgear.slow")
	keyRetryAfter = attribute.Key("switchgear.retry_after")
	keyAttempt    = attribute.Key("switchgear.recovery.attempt")
	keyProbe      = attribute.Key("switchgear.recovery.probe")
	keyShare      = attribute.Key("switchgear.recovery.share")
	keyOutcome    = attribute.Key("switchgear.outcome")
	keyFrom       = attribute.Key("switchgear.from")
	keyTo         = attribute.Key("switchgear.to")
	keyQuantile   = attribute.Key("switchgear.quantile")
)

// Hooks adds span events to the spans of operations, and lets the breaker keep the
// trace IDs of sampled ones as exemplars. It is for [switchgear.Config.Hooks], and
// the same will do for any number of breakers.
func Hooks() *switchgear.Hooks {
	return &switchgear.Hooks{Rejected: rejected, Opened: opened, Recovering: recovering, TraceID: traceID}
}

func rejected(ctx context.Context, e *switchgear.OpenError) { addEvent(ctx, EventRejected, e) }

func opened(ctx context.Context, e *switchgear.OpenError) { addEvent(ctx, EventOpened, e) }

func addEvent(ctx context.Context, name string, e *switchgear.OpenError) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	all := append(about(e.Service, e.Key, &e.Cause),
		keyState.String(e.State.String()), keyMode.String(e.Mode.String()), keyRetryAfter.Float64(e.RetryAfter().Seconds()))
	span.AddEvent(name, trace.WithAttributes(all...))
}

func recovering(ctx context.Context, a switchgear.Admission) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	all := append(about(a.Service, a.Key, &a.Cause),
		keyState.String(switchgear.HalfOpen.String()), keyAttempt.Int(a.Attempt), keyProbe.Bool(a.Probe), keyShare.Float64(a.Share))
	span.AddEvent(EventRecovery, trace.WithAttributes(all...))
}

// about is what all events say. There is no rule where an order did it.
func about(service, key string, cause *switchgear.Evidence) []attribute.KeyValue {
	const most = 10
	all := append(make([]attribute.KeyValue, 0, most), keyService.String(service))
	if key != "" {
		all = append(all, keyKey.String(key))
	}
	if cause.Rule != "" {
		all = append(all, keyRule.String(cause.Rule), count(keyFailures, cause.Failures),
			count(keySuccesses, cause.Successes), count(keySlow, cause.Slow))
	}
	return all
}

func count(key attribute.Key, n uint64) attribute.KeyValue { return key.Int64(int64(n)) } //nolint:gosec // a count of operations

// traceID is that of an operation whose trace is kept.
func traceID(ctx context.Context) string {
	if s := trace.SpanContextFromContext(ctx); s.IsSampled() && s.HasTraceID() {
		return s.TraceID().String()
	}
	return ""
}
