// Package otelbreaker shows breakers to OpenTelemetry: on the spans of those who
// call them, and as metrics. It uses the API only, so what becomes of it is the
// program's choice of an SDK.
//
//	cfg := switchgear.Config{Hooks: otelbreaker.Hooks()}
//	prices, err := switchgear.New("prices", cfg)
//	…
//	stop, err := otelbreaker.Observe(otel.GetMeterProvider(), prices)
//
// # Span events
//
// The span of an operation's context, where it is recorded, gets
//
//   - switchgear.rejected, of an operation that was not let in,
//   - switchgear.opened, of one whose outcome opened the circuit,
//   - switchgear.recovery, of one that a recovery let in,
//
// with these attributes:
//
//   - switchgear.service, and switchgear.key of a Keyed's breaker
//   - switchgear.state: closed, open or half_open; switchgear.mode: auto or
//     forced_open
//   - switchgear.rule: why the circuit had opened, or opens now
//   - switchgear.failures, switchgear.successes, switchgear.slow: what the window,
//     or the recovery, held then
//   - switchgear.retry_after: seconds, of a rejection and an opening
//   - switchgear.recovery.attempt, switchgear.recovery.probe and
//     switchgear.recovery.share (0 to 1), of a recovery
//
// Texts of errors are not among them. Nothing is made of an operation without a
// recorded span. The status of the span is left to its owner.
//
// # Metrics
//
// Those of [Observe] and [ObserveKeyed] are asynchronous: they are read when they
// are collected, and cost the operations nothing. All have switchgear.service.
//
//   - switchgear.operations, a counter of {operation}, by switchgear.outcome
//     (success, failure, ignored)
//   - switchgear.rejections, a counter of {operation}, by switchgear.state (open,
//     half_open, forced_open)
//   - switchgear.transitions, a counter of {transition}, by switchgear.from and
//     switchgear.to
//   - switchgear.recoveries, a counter of {recovery}, by switchgear.outcome
//     (success, failure)
//   - switchgear.circuit.state, a gauge that is 1 for the state that the circuit is
//     in and 0 for the others, by switchgear.state
//   - switchgear.override.active, the same for overrides, by switchgear.mode
//   - switchgear.operation.duration, a gauge in s of those that ended in the
//     monitoring window, by switchgear.quantile (0.5, 0.95, 0.99), for OpenTelemetry
//     has no asynchronous histogram; there is none while nothing ended
//
// A program with Prometheus has package metrics, with histograms and exemplars.
package otelbreaker
