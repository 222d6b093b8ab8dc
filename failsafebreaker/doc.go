// Package failsafebreaker makes a breaker a policy of a failsafe-go pipeline, so
// that failsafe-go's retries, timeouts, bulkheads, hedges, rate limiters and
// fallbacks compose with it.
//
// # Use
//
//	prices, err := switchgear.New("prices", switchgear.Config{})
//	…
//	quote, err := failsafe.With[Quote](fallback, retry, failsafebreaker.New[Quote](prices), deadline).
//		WithContext(ctx).
//		GetWithExecution(func(e failsafe.Execution[Quote]) (Quote, error) {
//			return client.Quote(e.Context(), "SOL")
//		})
//
// An execution that is not let in ends with an error for which errors.Is(err,
// switchgear.ErrOpen) holds. One that is let in is counted once, whatever comes
// first of a result, an error, a panic and a runtime.Goexit. Every attempt of a
// retry or of a hedge that is composed outside asks and is counted by itself.
//
// # Order
//
// failsafe.With lists policies from the outside in. The order that works is
//
//	Fallback(RetryPolicy(Bulkhead(Breaker(Hedge(Timeout(func))))))
//
// leaving out what is not wanted:
//
//   - Fallback outside the breaker. Inside, the breaker is told of the fallback's
//     success and never opens.
//   - RetryPolicy outside, so that each attempt asks and counts. Inside, three
//     attempts that fail are one failure, and an open circuit is noticed only
//     after the retries of those that are under way. It should give up at
//     switchgear.ErrOpen (AbortOnErrors), or wait as long as the rejection says,
//     by WithDelayFunc([RetryDelay]); otherwise it spends its attempts on
//     rejections within microseconds.
//   - Bulkhead and RateLimiter outside. Inside, what they turn away counts as a
//     failure of the service, and a program that asks too much opens its own
//     circuit.
//   - HedgePolicy inside. Outside, it takes the first answer of any attempt, also
//     a rejection: during a recovery, where one operation at a time is the probe,
//     the hedge of a slow probe is rejected, that ends the execution and cancels
//     the probe, and the recovery does not get on. Where a hedge must be outside,
//     let it go on after errors: CancelIf(func(_ R, err error) bool { return err
//     == nil }).
//   - Timeout inside. Outside, it cancels the execution's context, and what its
//     own context has canceled is ignored: a service that hangs would never open
//     the circuit. (A deadline of the context given to WithContext is a failure
//     wherever it comes from.) It ends the wait of a func that heeds its context,
//     by GetWithExecution or RunWithExecution, and no other: one that does not
//     keeps its permit, and the probe's place in a recovery until ProbeTimeout,
//     for as long as it runs.
//
// # What is a failure
//
// An error is, by the rules of the package switchgear and by Config.Classify of
// the breaker. Where a result can be one too, or where the rules of this pipeline
// differ, [Options.Classify] says so.
//
// What fails after the execution's context was canceled, by the caller or by a
// policy outside, is ignored whatever the error says, such as the status Canceled
// of a gRPC call that is the loser of a hedge. switchgear.Do by itself can only go
// by errors that wrap context.Canceled: see the package grpcbreaker.
package failsafebreaker
