package grpcbreaker

import (
	"context"

	"google.golang.org/grpc"

	"github.com/degenduel/switchgear"
)

// UnaryServerInterceptor guards the unary handlers of a server. b may be nil
// where Options.For answers for every call.
func UnaryServerInterceptor(b *switchgear.Breaker, o Options) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		b := o.breaker(ctx, b, info.FullMethod, "")
		if b == nil {
			return handler(ctx, req)
		}
		waits := callerOf(ctx)
		return do(ctx, b, func(ctx context.Context) (any, error) {
			return handler(ctx, req)
		}, func(err error) (switchgear.Outcome, error) {
			return o.judgeServed(waits, err)
		}, true)
	}
}

// StreamServerInterceptor guards the streaming handlers of a server. b may be
// nil where Options.For answers for every call.
func StreamServerInterceptor(b *switchgear.Breaker, o Options) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx := stream.Context()
		b := o.breaker(ctx, b, info.FullMethod, "")
		if b == nil {
			return handler(srv, stream)
		}
		waits := callerOf(ctx)
		judge := func(err error) (switchgear.Outcome, error) { return o.judgeServed(waits, err) }
		if o.lasts(info.FullMethod) {
			return serveLasting(b, srv, stream, handler, judge)
		}
		_, err := do(ctx, b, func(context.Context) (any, error) { return nil, handler(srv, stream) }, judge, true)
		return err
	}
}

// serveLasting serves a stream whose permit may end before the stream does.
func serveLasting(b *switchgear.Breaker, srv any, stream grpc.ServerStream, handler grpc.StreamHandler, judge judge) error {
	c, err := begin(stream.Context(), b, judge)
	if err != nil {
		return rejection(err, true)
	}
	returned := false
	defer func() {
		if !returned {
			c.abandon()
		}
	}()
	err = handler(srv, &lastingServerStream{stream, c})
	returned = true
	c.end(err)
	return err
}

// lastingServerStream ends its permit with the first message sent.
type lastingServerStream struct {
	grpc.ServerStream

	call *call
}

func (s *lastingServerStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.call.prove()
	}
	return err
}
