// Package switchgear guards units of work with circuit breakers. When a service
// that a program depends on keeps failing, its breaker opens: calls are turned
// away at once instead of waiting for what will fail. After a while the breaker
// tries again, gently, and closes when the service has stayed well for a time.
//
// # Use
//
// Make one [Breaker] for each thing that can fail on its own, keep it, and run
// every operation through it:
//
//	prices, err := switchgear.New("prices", switchgear.Config{})
//	…
//	quote, err := switchgear.Do(ctx, prices, func(ctx context.Context) (Quote, error) {
//		return client.Quote(ctx, "SOL")
//	})
//	if open, ok := errors.AsType[*switchgear.OpenError](err); ok { // it was not asked
//		w.Header().Set("Retry-After", strconv.Itoa(int(open.RetryAfter().Seconds())+1))
//	}
//
// The zero [Config] is a good breaker: 5 failures within 5 minutes open it, it
// stays open for a minute, and recovers over two. A rejection is an [OpenError],
// for which errors.Is(err, [ErrOpen]) holds; it says why the circuit opened and,
// by RetryAfter, how long it makes sense to wait.
//
// There are three ways to run work, and all count the same:
//
//   - [Do] wraps a function and hands its result through.
//   - [Breaker.Allow] and [Permit.Done] are its two halves, for work that does not
//     begin and end in one function. Whoever gets a permit calls Done once with
//     the error, nil for a success.
//   - [Breaker.RecordSuccess] and [Breaker.HandleError] take the outcome of work
//     that ran elsewhere and had not asked, or had only asked [Breaker.Advise].
//
// # Outcomes
//
// nil is a success, an error is a failure. A panic is a failure and goes on to
// the caller, the same value with its own stack. Ignored, that is counted apart
// and moving nothing, are: an error marked by [Ignore], one that
// [Config.Classify] calls ignored, context.Canceled while the caller's own
// context is done, and a runtime.Goexit. context.DeadlineExceeded is a failure.
// Where the error of the failure that opens the circuit has a method
// RetryAfter() time.Duration, the circuit stays open for at least that long, up
// to an hour or, if that is more, [Config.MaxResetTimeout].
//
// # States
//
// Closed: operations run and failures are counted in a sliding window. Open:
// nothing runs, until the open time is over; each failed recovery makes the next
// open time longer, by BackoffMultiplier up to MaxResetTimeout. HalfOpen: a
// recovery. One operation at a time is its probe; after the first success a
// growing share of the traffic is admitted, by RecoverySteps, and one operation
// a second besides; when MinHealthyPeriod has passed since that success the
// circuit closes. A failure in between opens it again. All of this happens by
// the clock, without traffic and without anybody asking.
//
// A [Mode] can stand above the state. [Breaker.Override] forces a circuit open or
// closed for a time: it needs a reason, an actor and an end.
//
//	err := prices.Override(switchgear.Override{
//		Mode: switchgear.ForcedOpen, Actor: "ada", Reason: "exchange maintenance",
//		Until: time.Now().Add(2 * time.Hour),
//	})
//	…
//	err = prices.EndOverride(switchgear.Order{Actor: "ada", Reason: "it is over"})
//
// [Breaker.Reset] closes the circuit by hand, or begins a recovery now.
// [Breaker.Configure] changes the rules and keeps state and counts.
// [Breaker.Snapshot] is all that is known, and [Breaker.Restore] puts it back
// after a restart; a Snapshot is plain data and survives encoding/json.
// [Breaker.Observe] tells every transition with its number and its [Evidence].
//
// [Hooks] of the [Config] are told of single operations, each with its caller's
// context: those that were rejected, that opened the circuit, and that a recovery
// let in. With them the breaker is seen on the caller's trace, and
// [Breaker.Exemplars] are traces of operations by how long they took.
//
// # Service
//
// A [Service] is a breaker with a health check and, where wanted, a periodic
// operation and a fallback:
//
//	prices, err := switchgear.NewService("prices", switchgear.ServiceConfig{
//		Config:       switchgear.Config{HealthCheckInterval: 10 * time.Second},
//		Check:        client.Ping,
//		CheckTimeout: 2 * time.Second,
//		Fallback:     func(ctx context.Context, cause error) error { return cache.Use(ctx) },
//	})
//	…
//	prices.Start()
//	defer prices.Stop(ctx)
//	err = prices.Do(ctx, refresh)
//
// Where there is a check, a recovery begins with it and nothing is admitted
// before it has passed. [Service.Health] is the latest result and
// [Service.CheckHealth] asks now. For functions with a result use the function
// Do with [Service.Breaker]; the fallback is then the caller's.
//
// # Many of a kind
//
// A [Keyed] has a breaker for each host, shard or tenant, all of one config, and a
// parent above them:
//
//	upstreams, err := switchgear.NewKeyed("upstreams", switchgear.KeyedConfig{
//		Config: switchgear.Config{FailureThreshold: 10}, OpenShare: 0.5,
//	})
//	…
//	body, err := switchgear.Do(ctx, upstreams.Breaker(httpbreaker.HostKey(req)), fetch)
//
// [Keyed.Breaker] is a [Breaker] like others, made when its key is first asked for;
// for a known key of up to 256 bytes it takes no lock and allocates nothing. There
// are MaxKeys at most. Then the least recently used closed ones make room, a
// sixteenth of all at a time; half-open ones only where none is closed; and an open
// one, or one under an override, not before that is over. Where none can go, the
// keys that find no room share a breaker that counts, never opens and takes no
// orders. Up to 4 096 keys the order is that of their use; of more, it is that among
// the one to two thousand with which a new key shares a part of the table.
//
// Each breaker asks the parent too, by one atomic load while that is closed. It
// opens when one of the breakers does and then more than OpenShare of them, and
// at least MinimumKeys, are open, by the rule children_open; keys that go do not
// open it, though the share grows. It is half-open by the clock, and recovers by the
// operations of whichever key, which must get past both. What a key's breaker
// rejects is nothing of the parent's. A forced_closed key does not ask.
// [Keyed.Parent] is there for overrides and resets of the whole service,
// [Keyed.Snapshot] has the sums, with those of keys that went.
//
// # Promises
//
//  1. The states are closed, open and half-open. A mode stands above them and
//     does not change the state below it.
//  2. A permit settles once, whatever comes first of Done, a panic, a
//     runtime.Goexit and, for the probe of a recovery, the end of its context
//     and ProbeTimeout. Settling again does nothing. A permit of a closed
//     circuit holds nothing: one that is lost costs one missing outcome. An
//     operation whose context is done already is never the probe: it is rejected.
//  3. A result that began before a transition counts in the totals and moves
//     nothing.
//  4. The circuit opens within the call that records the outcome which makes the
//     rule true, and once, however many fail at the same time. A fast success
//     never opens it. Operations that have been running for SlowCallDuration
//     are slow before they end, and open it by the clock.
//  5. A failure that is older than the window does not count; one that is younger
//     than nine tenths of it does. The wall clock may jump: time is monotonic.
//  6. An open circuit admits nothing for its open time, which jitter and a
//     RetryAfter only lengthen.
//  7. Half-open comes when the open time is over, without traffic, and is one
//     recovery attempt.
//  8. A recovery of a service with a check begins with the check, which then runs
//     at its interval and at least once in ResetTimeout; passing is a success of
//     the recovery.
//  9. After the first success the admitted share follows RecoverySteps, and one
//     operation a second is admitted besides.
//  10. The circuit closes when MinHealthyPeriod has passed since the first success
//     of a recovery without reopening. Silence is not failure; an operation that
//     has not ended within ProbeTimeout is. The window is then empty.
//  11. HalfOpenFailureThreshold failures of a recovery open it again. Where a
//     FailureRateThreshold is set, failures after the first success must also be
//     that share of the recovery's latest outcomes.
//  12. Nothing wedges it: no history of panics, hangs and lost goroutines keeps a
//     service that works again from closing.
//  13. Outcomes mean what stands above under that name.
//  14. Under an override the state stands still and counting goes on. At its end,
//     by time or by hand, what was forced open begins a recovery and what was
//     forced closed is closed with an empty window.
//  15. Configure keeps state, totals, window and the moment of opening. Nothing
//     opens by it; an open circuit's time left is reckoned anew.
//  16. Transitions are numbered without gaps and reach each observer in order,
//     outside every lock, with evidence taken before anything was cleared. An
//     observer that is 1 024 transitions behind loses the oldest, and the
//     numbers show the hole. Until the circuit closes they tell the outage too: the
//     first opening since it was closed, and how often it has opened.
//  17. Restore gives an open circuit the time it had left and never more than its
//     open time; what was half-open begins its recovery anew, in the same outage.
//  18. A breaker has no goroutine, an idle closed one no timer, and its memory does
//     not grow with use. Admission while closed or open allocates nothing and
//     waits for no lock, but for the first after an idle time and, under a
//     slow-call rule, the first of each eighth of SlowCallDuration; no code of the
//     user's runs under a lock.
//
// All methods of Breaker and Service are safe for concurrent use.
//
// # What callers owe
//
//   - One breaker for one thing that fails on its own, made once: a breaker made
//     for each call has seen nothing.
//   - Done for every permit, from one goroutine at a time, and no copies of it.
//   - Functions that end: give them a context with a timeout, shorter than
//     ProbeTimeout. The breaker abandons nobody's goroutine.
//   - Checks that heed their context, and a call of Stop for a Service that was
//     started.
//   - Errors that mean it: mark with [Ignore], or tell in Classify, what says
//     nothing about the service's health, such as an answer that blames the caller.
//   - A look at [Config.Lint]: it finds the config that can never open.
//
// # Composition
//
// Policies compose as functions, from the outside in. What is outside sees what
// is inside as one operation:
//
//	retry(ctx, func(ctx context.Context) (Quote, error) {
//		return switchgear.Do(ctx, prices, func(ctx context.Context) (Quote, error) {
//			ctx, cancel := context.WithTimeout(ctx, time.Second)
//			defer cancel()
//			return client.Quote(ctx, "SOL")
//		})
//	})
//
// is Retry(Breaker(Timeout(call))): each attempt asks the breaker and counts, a
// timeout is a failure, and the retry should stop at ErrOpen or wait for
// RetryAfter. Breaker(Retry(call)) would count one failure after all attempts.
// A Service puts its fallback outside: Fallback(Breaker(call)). A breaker around
// a breaker, Outer(Inner(call)), takes the inner rejection as a failure, and its
// RetryAfter counts.
//
// # Testing
//
// There is no clock to inject: time is the time package's, so testing/synctest
// moves it. In a bubble a minute takes no time and the breaker's timers fire
// exactly:
//
//	synctest.Test(t, func(t *testing.T) {
//		b, err := switchgear.New("x", switchgear.Config{FailureThreshold: 1, Jitter: -1})
//		…
//		b.HandleError(errors.New("boom"), 0)
//		time.Sleep(time.Minute) // the open time
//		synctest.Wait()         // until the timer has been served
//		if b.State() != switchgear.HalfOpen { … }
//	})
//
// Make the breaker inside the bubble, for it keeps to the clock that it was made
// by: one that was made outside, such as a package variable's, goes on working in a
// bubble, but its window and its timers wait for a time that does not come there.
//
// Jitter is random; a negative one is none. Observers run in goroutines of their
// own: call synctest.Wait before looking at what they have seen. Stop a Service
// before its bubble ends.
package switchgear
