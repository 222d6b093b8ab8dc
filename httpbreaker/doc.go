// Package httpbreaker runs HTTP through circuit breakers: [Transport] the
// requests that a client sends, [Handler] those that a server gets. It needs the
// standard library only.
//
//	client := &http.Client{Transport: &httpbreaker.Transport{Breaker: prices}}
//	…
//	http.Handle("/quote", &httpbreaker.Handler{Next: quote, Breaker: quotes})
//
// For gives each host, or whatever else, a breaker of its own, best out of a
// [switchgear.Keyed].
//
// # Outcomes
//
// An answer is judged by its status: 5xx and 429 are failures, every other
// status is a success, for a 404 says that the server works. Classify changes
// that, and [ByStatus] is what it falls back on. An error of the connection is a
// failure, and so is a body that breaks off. What the caller does to itself is
// ignored: a context that it cancels, and a request body of its own that cannot
// be read. A deadline that passes is a failure, also that of http.Client.Timeout.
//
// Where a failure opens the circuit and the server said Retry-After, as seconds
// or as a date, the circuit stays open for at least that long, up to an hour or
// the breaker's MaxResetTimeout. A date is measured from the answer's own Date,
// so that clocks need not agree.
//
// # How long an operation lasts
//
// Transport's permit ends with the body of the answer: at its end, when reading
// it fails, or when it is closed, whichever comes first. So the duration has the
// time that the caller takes to read, and a body of a recovery's probe that
// lasts longer than the breaker's ProbeTimeout is a failure of the recovery:
// choose ProbeTimeout above the longest download, or let EndsAtHeader end
// operations earlier. An answer without a body ends at once, and so does 101
// Switching Protocols, whose connection is not HTTP any more. A body that is
// never closed leaks the connection anyway; of the breaker it costs one missing
// outcome, and a probe's place comes back after ProbeTimeout.
//
// Handler's permit ends when the handler returns, whatever became of the
// connection: a handler that keeps a socket open for hours should not be behind
// a breaker whose slow calls count, nor be its only traffic.
//
// # Promises
//
//  1. Every permit is settled once, whatever ends first: the body, an error, a
//     panic, which goes on to the caller, or a runtime.Goexit.
//  2. A rejected request is not sent, and its body is closed unread. The error is
//     the breaker's *switchgear.OpenError, which http.Client wraps in a
//     *url.Error: errors.Is(err, switchgear.ErrOpen) holds.
//  3. Nothing is buffered and nothing is read ahead: an answer's body is read
//     when its reader reads, and not drained.
//  4. The request is not changed. Its GetBody works as before.
//  5. A body that can be written to, and a ResponseWriter that can Flush, Hijack,
//     Push or ReadFrom, still can; http.ResponseController finds the rest.
//  6. Retry-After of a rejection is the time until it makes sense to come again,
//     in seconds, rounded up.
package httpbreaker
