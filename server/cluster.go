package server

import (
	"context"
	"net/http"
	"time"

	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/relay"
)

// lookAgainTimeout is how long a token that nobody knows may wait for the store.
const lookAgainTimeout = time.Second

func (s *Server) lookAgain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookAgainTimeout)
	defer cancel()
	_ = s.relay.CatchUp(ctx, 0) // then it is not known here
}

// amongPeers deals with a request that another node answers, and is done, or
// that another node passes on.
func (s *Server) amongPeers(w http.ResponseWriter, r *http.Request, id string) (http.ResponseWriter, *http.Request, bool) {
	received, err := s.relay.Receive(r)
	switch {
	case err != nil:
		s.problems.Write(w, r, err)
		return w, r, true
	case received == nil && s.relay.Away(r) && clean(r.URL.Path):
		s.relay.PassOn(w, r, relay.Asker{Address: auth.Address(r), RequestID: id})
		return w, r, true
	case received == nil:
		return w, r, false
	}
	ctx := problem.WithRequestID(r.Context(), received.RequestID)
	w.Header().Set("X-Request-Id", received.RequestID)
	if received.Identity != nil {
		who, err := s.auth.Vouched(received.Identity)
		if err != nil {
			s.problems.Write(w, r, err)
			return w, r, true
		}
		ctx = auth.With(ctx, who)
	}
	r = r.WithContext(ctx)
	r.RemoteAddr = received.Address
	if r.Header.Get("Upgrade") != "" {
		return w, r, false // a socket says where it is by itself
	}
	return s.relay.Answering(w), r, false
}
