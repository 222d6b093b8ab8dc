package otelbreaker

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/degenduel/switchgear"
)

// scope is what the instruments are made by.
const scope = "github.com/degenduel/switchgear/otelbreaker"

// Observe lets the provider's readers collect the metrics of the breakers, until
// stop is called. Names of breakers must not be the same. The error is the
// provider's.
func Observe(provider metric.MeterProvider, breakers ...*switchgear.Breaker) (stop func() error, err error) {
	breakers = slices.Clone(breakers)
	return register(provider, func(yield func(reading)) {
		for _, b := range breakers {
			yield(read(b))
		}
	})
}

// ObserveKeyed is Observe for breakers of many keys. Operations and rejections are
// the sums over all keys, the rest is the parent's, and there are no durations: the
// number of series does not depend on the keys. To collect them asks every key's
// breaker.
func ObserveKeyed(provider metric.MeterProvider, all ...*switchgear.Keyed) (stop func() error, err error) {
	all = slices.Clone(all)
	return register(provider, func(yield func(reading)) {
		for _, k := range all {
			r, sum := read(k.Parent()), k.Snapshot()
			r.snapshot.Operations, r.counts.Rejections = sum.Operations, sum.Rejections
			r.snapshot.Performance = switchgear.Performance{} // of its recoveries
			yield(r)
		}
	})
}

// reading is a breaker at one moment.
type reading struct {
	snapshot switchgear.Snapshot
	counts   switchgear.Counts
}

func read(b *switchgear.Breaker) reading { return reading{b.Snapshot(), b.Counts()} }

// instruments are what a breaker is shown by.
type instruments struct {
	operations, rejections, transitions, recoveries metric.Int64ObservableCounter
	state, override                                 metric.Int64ObservableGauge
	duration                                        metric.Float64ObservableGauge
}

func register(provider metric.MeterProvider, each func(yield func(reading))) (stop func() error, err error) {
	meter := provider.Meter(scope)
	counter := func(name, unit, what string) (c metric.Int64ObservableCounter) {
		if err == nil {
			c, err = meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
		}
		return c
	}
	gauge := func(name, what string) (g metric.Int64ObservableGauge) {
		if err == nil {
			g, err = meter.Int64ObservableGauge(name, metric.WithUnit("1"), metric.WithDescription(what))
		}
		return g
	}
	is := instruments{
		operations:  counter("switchgear.operations", "{operation}", "Operations that ended, by outcome."),
		rejections:  counter("switchgear.rejections", "{operation}", "Operations that were not let in, by what rejected them."),
		transitions: counter("switchgear.transitions", "{transition}", "Changes of the circuit's state."),
		recoveries:  counter("switchgear.recoveries", "{recovery}", "Recoveries that ended, by closing the circuit or by opening it again."),
		state:       gauge("switchgear.circuit.state", "1 for the state that the circuit is in, 0 for the others."),
		override:    gauge("switchgear.override.active", "1 for the override that is active, 0 for the others."),
	}
	if err != nil {
		return nil, err
	}
	is.duration, err = meter.Float64ObservableGauge("switchgear.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long operations took that ended in the monitoring window, by quantile."))
	if err != nil {
		return nil, err
	}
	registered, err := meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		each(func(r reading) { is.observe(to, r) })
		return nil
	}, is.operations, is.rejections, is.transitions, is.recoveries, is.state, is.override, is.duration)
	if err != nil {
		return nil, err
	}
	return registered.Unregister, nil
}

var states = [...]switchgear.State{switchgear.Closed, switchgear.Open, switchgear.HalfOpen}

func (is *instruments) observe(to metric.Observer, r reading) {
	with := func(all ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributes(append(all, keyService.String(r.snapshot.Service))...)
	}
	count := func(c metric.Int64ObservableCounter, n uint64, all ...attribute.KeyValue) {
		to.ObserveInt64(c, int64(n), with(all...)) //nolint:gosec // a count of operations
	}
	is.traffic(count, r)
	for _, from := range states {
		for _, next := range states {
			if n := r.counts.Edges[from][next]; n > 0 || from != next { // a recovery can begin again
				count(is.transitions, uint64(n), keyFrom.String(from.String()), keyTo.String(next.String()))
			}
		}
		to.ObserveInt64(is.state, number(from == r.snapshot.State), with(keyState.String(from.String())))
	}
	for _, mode := range []switchgear.Mode{switchgear.ForcedOpen, switchgear.ForcedClosed} {
		to.ObserveInt64(is.override, number(mode == r.snapshot.Mode), with(keyMode.String(mode.String())))
	}
	p := r.snapshot.Performance
	if p.P99 == 0 { // nothing ended
		return
	}
	to.ObserveFloat64(is.duration, p.P50.Seconds(), with(keyQuantile.Float64(0.50)))
	to.ObserveFloat64(is.duration, p.P95.Seconds(), with(keyQuantile.Float64(0.95)))
	to.ObserveFloat64(is.duration, p.P99.Seconds(), with(keyQuantile.Float64(0.99)))
}

func (is *instruments) traffic(count func(metric.Int64ObservableCounter, uint64, ...attribute.KeyValue), r reading) {
	o, refused, edges := r.snapshot.Operations, r.counts.Rejections, &r.counts.Edges
	count(is.operations, o.Successful, keyOutcome.String(switchgear.Success.String()))
	count(is.operations, o.Failed, keyOutcome.String(switchgear.Failure.String()))
	count(is.operations, o.Ignored, keyOutcome.String(switchgear.Ignored.String()))
	count(is.rejections, refused.Open, keyState.String(switchgear.Open.String()))
	count(is.rejections, refused.HalfOpen, keyState.String(switchgear.HalfOpen.String()))
	count(is.rejections, refused.Forced, keyState.String(switchgear.ForcedOpen.String()))
	count(is.recoveries, uint64(edges[switchgear.HalfOpen][switchgear.Closed]), keyOutcome.String(switchgear.Success.String()))
	count(is.recoveries, uint64(edges[switchgear.HalfOpen][switchgear.Open]), keyOutcome.String(switchgear.Failure.String()))
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
