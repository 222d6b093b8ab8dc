package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/relay"
	"github.com/degenduel/switchgear/wire"
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

// HandOn has the leader carry out an override, or the end of one, that was
// acknowledged here while the store was away, before another took the lead. The error is Unavailable where it may be tried
// again.
func (s *Server) HandOn(ctx context.Context, o *fleet.Orphan) error {
	q := relay.Request{
		Method: http.MethodDelete, Path: "/api/v2/services/" + url.PathEscape(o.Service) + "/override",
		Identity: auth.VouchNode(o.By.Name), By: relay.Asker{Address: o.By.Address, RequestID: problem.NewID()},
	}
	if o.Mode != "" {
		body := wire.OverrideRequest{Mode: o.Mode, Reason: o.By.Reason}
		if !o.Until.IsZero() {
			left := float64(time.Until(o.Until).Milliseconds())
			if left < 1 {
				return nil // it is over
			}
			body.TTLMs = left
		}
		q.Method = http.MethodPut
		q.Body, _ = json.Marshal(body) // texts and a number: it cannot fail
	}
	status, answer, err := s.relay.Do(ctx, q)
	switch {
	case err != nil:
		return &fleet.Error{Kind: fleet.Unavailable, Op: "hand on", Err: err}
	case status >= http.StatusBadRequest && (status != http.StatusNotFound || o.Mode != ""): // what has ended is ended
		return &fleet.Error{Kind: problem.KindOf(status), Op: "hand on", Err: fmt.Errorf("the leader answers %d: %s", status, answer)}
	}
	return nil
}
