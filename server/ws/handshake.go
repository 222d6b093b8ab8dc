package ws

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
)

// Subprotocol is the protocol's own name. A client that cannot set a header
// offers it beside its token, so that the token stands in no answer.
const Subprotocol = "switchgear.v2"

// maxOffers is how many subprotocols are looked at for a token.
const maxOffers = 4

// secretParameters are where people put a token in a URL, which ends in logs.
var secretParameters = []string{"token", "access_token"}

func refuse(kind fleet.Kind, text string) error {
	return &fleet.Error{Kind: kind, Op: "stream", Err: errors.New(text)}
}

// enter says who asks for the stream, and which subprotocol to select: it may
// be none.
func (s *Server) enter(r *http.Request) (id auth.Identity, protocol string, err error) {
	if !auth.OriginAllowed(r, s.cfg.AllowedOrigins) {
		return id, "", refuse(fleet.Forbidden, "the Origin is neither this server's own nor allowed")
	}
	query := r.URL.Query()
	if slices.ContainsFunc(secretParameters, query.Has) {
		return id, "", refuse(fleet.Unauthorized, "a token in a URL is refused: it is for the Authorization header or a subprotocol")
	}
	if id, protocol, err = s.authenticate(r); err != nil {
		return id, "", err
	}
	if !id.Role.May(auth.Viewer) {
		return id, "", refuse(fleet.Forbidden, "the stream needs the role viewer")
	}
	if !names(r, "Connection", "upgrade") || !names(r, "Upgrade", "websocket") {
		return id, "", problem.Status(http.StatusUpgradeRequired, "this is a WebSocket: the request must ask to upgrade")
	}
	return id, protocol, nil
}

// authenticate finds the token: in the header, or among the subprotocols. One
// that is offered is selected, wherever the token was found: a client that
// offers what nobody selects gives up.
func (s *Server) authenticate(r *http.Request) (id auth.Identity, protocol string, err error) {
	offers := list(r, "Sec-WebSocket-Protocol")
	own := slices.Contains(offers, Subprotocol)
	offers = slices.DeleteFunc(offers, func(o string) bool { return o == Subprotocol })
	id, protocol, known := s.offered(offers)
	if own {
		protocol = Subprotocol
	}
	switch {
	case len(r.Header.Values("Authorization")) > 0, len(offers) == 0:
		id, err = s.auth.Request(r)
	case !known:
		id, err = s.auth.Login(r, offers[0])
	}
	return id, protocol, err
}

// offered is the first token among the subprotocols, and whose it is.
func (s *Server) offered(offers []string) (id auth.Identity, secret string, ok bool) {
	for _, secret := range offers[:min(len(offers), maxOffers)] {
		if id, ok := s.auth.Token(secret); ok {
			return id, secret, true
		}
	}
	return id, "", false
}

// list is a header's comma-separated words.
func list(r *http.Request, header string) []string {
	var words []string
	for _, v := range r.Header.Values(header) {
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				words = append(words, word)
			}
		}
	}
	return words
}

func names(r *http.Request, header, word string) bool {
	return slices.ContainsFunc(list(r, header), func(w string) bool { return strings.EqualFold(w, word) })
}

// comesFrom is where a client that comes back says that it was; ok is false of
// a new one.
func comesFrom(r *http.Request) (epoch string, seq uint64, ok bool) {
	query := r.URL.Query()
	epoch = query.Get("epoch")
	seq, err := strconv.ParseUint(query.Get("seq"), 10, 64)
	return epoch, seq, epoch != "" && err == nil
}
