package httpbreaker

import (
	"context"
	"errors"
	"net/http"

	"github.com/degenduel/switchgear"
)

// Handler is a middleware that asks a breaker before it serves a request and
// tells it what came of that, by the status that was written. A request that is
// not let in is answered with 503, as by Unavailable. One of Breaker and For
// must be set, else every answer is 500; the fields must not change once it is
// in use. It is safe for concurrent use.
//
// A panic is a failure and goes on to the server. A failure of which the client
// has gone meanwhile, so that the request's context is cancelled, is ignored,
// and so is then a panic with http.ErrAbortHandler. A handler that returns
// without an answer when the context has ended is no success: it is ignored if
// the client has gone, and a failure if a deadline has passed.
//
// So a handler that hangs is seen only by a deadline that is shorter than the
// clients' patience, such as http.TimeoutHandler's around the Handler, or by the
// slow-call rule, which sees hung calls whoever gives up first, while they hang.
type Handler struct {
	// Next serves what is let in.
	Next http.Handler

	// Breaker guards every request, if For is nil.
	Breaker *switchgear.Breaker

	// For chooses the breaker of a request, such as one for each tenant. A
	// request for which it returns nil is served unguarded.
	For func(*http.Request) *switchgear.Breaker

	// Classify judges a request by the status of its answer, which is 200 where
	// nothing was written. nil: ByStatus.
	Classify func(r *http.Request, status int) switchgear.Outcome
}

// ServeHTTP serves the request if its breaker lets it in.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := h.Breaker
	if h.For != nil {
		b = h.For(r)
	}
	switch {
	case b == nil && h.For == nil:
		http.Error(w, errNoBreaker.Error(), http.StatusInternalServerError)
		return
	case b == nil:
		h.Next.ServeHTTP(w, r)
		return
	}
	var served served
	_, err := switchgear.Do(r.Context(), b, func(ctx context.Context) (struct{}, error) {
		served.begun = true
		return struct{}{}, h.serve(ctx, w, r, &served)
	})
	switch {
	case served.aborted:
		panic(http.ErrAbortHandler)
	case served.begun:
		return
	}
	if open, ok := errors.AsType[*switchgear.OpenError](err); ok {
		refuse(w, r, open)
	}
}

// served is how far a request has come.
type served struct {
	begun   bool
	aborted bool // with http.ErrAbortHandler, after the client has gone
}

// serve runs Next and returns what the breaker is told.
func (h *Handler) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, s *served) (err error) {
	returned := false
	defer func() {
		if returned || !gone(ctx) {
			return
		}
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			s.aborted = true
			err = errGone
		default:
			panic(v)
		}
	}()
	ours, said := wrap(w)
	h.Next.ServeHTTP(ours, r)
	if ended := ctx.Err(); ended != nil && said.nothing() {
		returned = true
		if gone(ctx) {
			return errGone
		}
		return ended
	}
	judged := h.classify(r, said.code())
	returned = true
	if judged == switchgear.Failure && gone(ctx) {
		return errGone
	}
	return outcomeOf(judged, said.code(), said.retryAfter, "")
}

func (h *Handler) classify(r *http.Request, status int) switchgear.Outcome {
	if h.Classify != nil {
		return h.Classify(r, status)
	}
	return ByStatus(status)
}

func gone(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }
