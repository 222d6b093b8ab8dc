// Package grpcbreaker guards gRPC calls with circuit breakers: interceptors for
// clients and for servers, unary and streaming.
//
// # Use
//
// One breaker for one upstream, on the client's connection:
//
//	ledger, err := switchgear.New("ledger", switchgear.Config{})
//	…
//	conn, err := grpc.NewClient(target,
//		grpc.WithTransportCredentials(creds),
//		grpc.WithChainUnaryInterceptor(grpcbreaker.UnaryClientInterceptor(ledger, grpcbreaker.Options{})),
//		grpc.WithChainStreamInterceptor(grpcbreaker.StreamClientInterceptor(ledger, grpcbreaker.Options{})),
//	)
//
// and on a server, where it guards what the handlers depend on, here a database:
//
//	accounts, err := switchgear.New("accounts", switchgear.Config{})
//	…
//	server := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(grpcbreaker.UnaryServerInterceptor(accounts, grpcbreaker.Options{})),
//		grpc.ChainStreamInterceptor(grpcbreaker.StreamServerInterceptor(accounts, grpcbreaker.Options{})),
//	)
//
// Never let one breaker guard both sides of a call, nor a server and what its
// handlers call: each call would be two operations of it, and in a recovery,
// which admits one, the call that was let in as the probe would be turned away
// on the other side, and the circuit would never close.
//
// [Options.For] picks a breaker for each call instead, by its method or its
// target; with a [switchgear.Keyed] there is one for each of any number of them,
// as the example of Options for keys shows.
//
// # Outcomes
//
// The status code tells. Failures are Unknown, DeadlineExceeded,
// ResourceExhausted, Internal, Unavailable and DataLoss: see [Classify], which
// [Options.Classify] replaces. Every other code is an answer of a service that
// works, and a success. A panic is a failure and a runtime.Goexit is ignored,
// whatever Classify says.
//
// Canceled is ignored where the caller's own context was canceled or its own
// connection closed; where the service says it of itself it is a failure. On a
// server whose caller has gone, every failure is ignored, whatever status the
// handler words.
//
// A call that is canceled when its time is as good as over has run out of time,
// and is DeadlineExceeded, a failure: a client whose deadline passes resets the
// call, and that arrives at the server, and at what the server calls with the
// same context, before their own timers. As good as over is a tenth of the time
// that the call had, or 20 ms where that is more, but no more than half of it.
//
// A failure whose status has a google.rpc.RetryInfo says how long to wait: if it
// opens the circuit, the circuit stays open at least that long.
//
// switchgear.Do around a call, without an interceptor, knows nothing of codes: to
// it every error is a failure, and the status Canceled is not context.Canceled.
// There, return the context's error where it has one, and let Config.Classify ask
// [Classify].
//
// # The channel's own backoff
//
// A gRPC channel that could not connect waits before it tries again, at first 1 s
// and in the end 120 s, and every call in between fails at once with the old
// error. So does the probe of a recovery that falls into that wait: it never
// touches the upstream, and the circuit opens again for longer, however well the
// upstream may be. Let the channel try more often than the breaker does, with
// grpc.WithConnectParams and a MaxDelay well below the breaker's ResetTimeout, as
// the package's example does; or let calls wait for the connection, with
// grpc.WaitForReady(true) and a deadline.
//
// # Rejections
//
// A call that is not let in returns an error for which errors.Is(err,
// switchgear.ErrOpen) holds, errors.AsType finds the [switchgear.OpenError], and
// whose gRPC status is Unavailable with the name of the breaker's service and a
// RetryInfo that tells the time left. A server sends that status, and nothing of
// what made the circuit open. A client whose breaker has heard it stays away for
// as long, if it opens.
//
// # Streams
//
// The permit of a stream ends with the stream, once: on a client when its last
// message or its error has been received, when its context ends, or when the
// connection is closed; CloseSend does not end it, for the service has yet to
// answer. On a server it ends when the handler returns or panics. As gRPC
// demands, a client must read a stream to its end or cancel its context: the
// permit of a stream that is left lying is settled only when the connection is
// closed, or by ProbeTimeout if it is a recovery's.
//
// A recovery takes an operation that has not ended within ProbeTimeout for a
// failure. Streams that live longer than that, such as watches, are to be named
// by [Options.Lasting]: their permit ends with their first message.
//
// # Order
//
// A retrying interceptor belongs outside, so that each attempt asks and counts;
// it should stop at switchgear.ErrOpen. One that recovers panics may be on either
// side: inside, the code that it makes of a panic counts; outside, the panic does.
// gRPC's own transparent retries happen inside and are one operation.
package grpcbreaker
