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
// and on a server, where it guards what the handlers depend on:
//
//	server := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(grpcbreaker.UnaryServerInterceptor(ledger, grpcbreaker.Options{})),
//		grpc.ChainStreamInterceptor(grpcbreaker.StreamServerInterceptor(ledger, grpcbreaker.Options{})),
//	)
//
// [Options.For] picks a breaker for each call instead, by its method or its
// target.
//
// # Outcomes
//
// The status code tells. Failures are Unknown, DeadlineExceeded,
// ResourceExhausted, Internal, Unavailable and DataLoss: see [Classify], which
// [Options.Classify] replaces. Every other code is an answer of a service that
// works, and a success. Canceled is ignored where the caller's own context was
// canceled or its own connection closed; where the service says it of itself it
// is a failure.
//
// A failure whose status has a google.rpc.RetryInfo says how long to wait: if it
// opens the circuit, the circuit stays open at least that long.
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
