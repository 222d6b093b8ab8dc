package grpcbreaker

import (
	"context"

	"github.com/degenduel/switchgear"
)

// Options change what an interceptor does. The zero Options are good.
type Options struct {
	// For picks the breaker of a call, by its full method
	// ("/package.Service/Method") and, on a client, the target that its
	// connection was made for; on a server target is empty. nil, or an answer
	// of nil, is the breaker that the interceptor was made with. It is called
	// at every call, so it must be fast and safe for concurrent use.
	For func(ctx context.Context, method, target string) *switchgear.Breaker

	// Classify says what an error of a call means; nil is the function
	// Classify. It is not asked about a nil error, a success, nor about a
	// call that its own caller canceled, which is ignored. Where a call's time
	// had run out when it was canceled, it is asked about DeadlineExceeded.
	Classify func(err error) switchgear.Outcome

	// Lasting names the streaming methods whose streams live longer than the
	// breaker's ProbeTimeout. Their permit ends, as a success, with the first
	// message that a client receives or a server sends; a failure that ends
	// the stream later is counted by itself, with the duration that the first
	// message had taken. nil: none.
	Lasting func(method string) bool
}

// breaker is the one of a call: nil where none guards it.
func (o *Options) breaker(ctx context.Context, b *switchgear.Breaker, method, target string) *switchgear.Breaker {
	if o.For != nil {
		if chosen := o.For(ctx, method, target); chosen != nil {
			return chosen
		}
	}
	return b
}

func (o *Options) lasts(method string) bool { return o.Lasting != nil && o.Lasting(method) }
