// Package httpbreaker runs HTTP through circuit breakers: [Transport] the
// requests that a client sends, [Handler] those that a server gets. It needs the
// standard library only.
//
//	client := &http.Client{Transport: &httpbreaker.Transport{Breaker: prices}}
//	…
//	http.Handle("/quote", &httpbreaker.Handler{Next: quote, Breaker: quotes})
//
// For gives each host, or whatever else, a breaker of its own, best out of a
// [switchgear.Keyed]; [HostKey] is one key for all spellings of a host:
//
//	For: func(r *http.Request) *switchgear.Breaker { return hosts.Breaker(httpbreaker.HostKey(r)) },
//
// Never have the same breaker on both sides of one call, such as a Transport and
// the Handler that it asks in one program: the call would need two places where
// a recovery has one, and the circuit would not close again.
//
// # Outcomes
//
// An answer is judged by its status: 5xx and 429 are failures, every other
// status is a success, for a 404 says that the server works. Classify changes
// that, and [ByStatus] is what it falls back on. An error of the connection is a
// failure, and so is a body that breaks off. A 101 Switching Protocols that was
// not asked for is a failure. What the caller does to itself is ignored: a
// context that it cancels, and a request body of its own that cannot be read. A
// deadline that passes is a failure, also that of http.Client.Timeout.
//
// For a Handler the caller is its client: requests that hang until their clients
// give up are all ignored. So its deadline, such as http.TimeoutHandler's around
// it, must be below the clients' patience; the slow-call rule sees hung calls
// whoever gives up first, but only while they hang.
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
// operations earlier. An answer without a body ends at once, and so does a
// failure by its status, whatever becomes of the body, and 101 Switching
// Protocols, whose connection is not HTTP any more. A body that is never closed
// leaks the connection anyway; of the breaker it costs one missing outcome, and
// a probe's place comes back after ProbeTimeout.
//
// In a recovery the time that the caller takes to deliver the body of its
// request is not the server's: an upload that still goes on, or waits for its
// caller, when seven eighths of ProbeTimeout have passed is ignored. Bodies with
// a GetBody, which are in memory, are not watched.
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
//  4. The request is not changed, its GetBody works as before, and the answer's
//     Request is the caller's.
//  5. A body that can be written to, and a ResponseWriter that can Flush, Hijack,
//     Push or ReadFrom, each by itself or with others, still can;
//     http.ResponseController finds the rest.
//  6. Retry-After of a rejection is the time until it makes sense to come again,
//     in seconds, rounded up. A Content-Length, ETag and Last-Modified that were
//     set for another answer go; a Content-Encoding stays, for it may be that of
//     a writer that compresses.
//  7. A Classify or EndsAtHeader that panics leaves no body open.
package httpbreaker
