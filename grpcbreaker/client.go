package grpcbreaker

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/degenduel/switchgear"
)

// UnaryClientInterceptor guards the unary calls of a client's connection. b may
// be nil where Options.For answers for every call.
func UnaryClientInterceptor(b *switchgear.Breaker, o Options) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		b := o.breaker(ctx, b, method, targetOf(cc))
		if b == nil {
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		waits := callerOf(ctx)
		_, err := do(ctx, b, func(ctx context.Context) (any, error) {
			return nil, invoker(ctx, method, req, reply, cc, opts...)
		}, func(err error) (switchgear.Outcome, error) {
			return o.judgeMade(waits, err, closed(cc))
		}, false)
		return err
	}
}

// StreamClientInterceptor guards the streams of a client's connection. b may be
// nil where Options.For answers for every call.
func StreamClientInterceptor(b *switchgear.Breaker, o Options) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		b := o.breaker(ctx, b, method, targetOf(cc))
		if b == nil {
			return streamer(ctx, desc, cc, method, opts...)
		}
		waits := callerOf(ctx)
		c, err := begin(ctx, b, func(err error) (switchgear.Outcome, error) { return o.judgeMade(waits, err, closed(cc)) })
		if err != nil {
			return nil, rejection(err, false)
		}
		returned := false
		defer func() {
			if !returned {
				c.abandon()
			}
		}()
		// gRPC knows of every end of a stream; who reads it need not.
		stream, err := streamer(ctx, desc, cc, method, append(slices.Clip(opts), grpc.OnFinish(c.end))...)
		returned = true
		if err != nil {
			c.end(err)
			return nil, err
		}
		if o.lasts(method) {
			stream = &lastingClientStream{stream, c}
		}
		return stream, nil
	}
}

// lastingClientStream ends its permit with the first message received.
type lastingClientStream struct {
	grpc.ClientStream

	call *call
}

func (s *lastingClientStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		s.call.prove()
	}
	return err
}

// do runs f if b admits it and lets b hear what judge makes of its error, which
// is returned as it is.
func do(ctx context.Context, b *switchgear.Breaker, f func(context.Context) (any, error), judge judge, public bool) (v any, err error) {
	ran := false
	_, heard := switchgear.Do(ctx, b, func(ctx context.Context) (struct{}, error) {
		ran = true
		v, err = f(ctx)
		_, verdict := judge(err)
		return struct{}{}, verdict
	})
	if !ran {
		return nil, rejection(heard, public)
	}
	return v, err
}

func targetOf(cc *grpc.ClientConn) string {
	if cc == nil {
		return ""
	}
	return cc.Target()
}

// closed reports that the program itself closed the connection.
func closed(cc *grpc.ClientConn) bool {
	return cc != nil && cc.GetState() == connectivity.Shutdown
}
