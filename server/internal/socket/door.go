package socket

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // RFC 6455 has it, and as no secret
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
)

// Subprotocol is the protocol's own name. A client that cannot set a header
// offers it beside its token, so that the token stands in no answer.
const Subprotocol = "switchgear.v2"

const (
	// maxOffers is how many subprotocols are looked at for a token.
	maxOffers = 4

	ticketParameter = "ticket"
	epochParameter  = "epoch"
	seqParameter    = "seq"
)

// secretParameters are where people put a token in a URL, which ends in logs.
var secretParameters = []string{
	"token", "access_token", "id_token", "jwt", "bearer", "authorization", "api_key", "apikey", "key", "secret",
}

// Door lets in who may open a socket.
type Door struct {
	Auth           *auth.Authenticator
	AllowedOrigins []string  // beside the server's own, letter by letter
	Role           auth.Role // that is needed
	Name           string    // of what is behind it, for people
	Action         string    // what the audit log calls it to come in

	// Pages: it is for web pages too, with their tickets and cookies, and for who
	// comes back to a place. Others come with a token, in the header or as a
	// subprotocol.
	Pages bool
}

// Refuse is an error of a handshake.
func Refuse(kind fleet.Kind, text string) error {
	return &fleet.Error{Kind: kind, Op: "socket", Err: errors.New(text)}
}

// Enter says who asks for a socket, and which subprotocol to select: it may be
// none. Beside an error is who was refused, where that is known. The request is
// not answered yet, but for headers.
func (d *Door) Enter(w http.ResponseWriter, r *http.Request) (id auth.Identity, protocol string, err error) {
	if !auth.OriginAllowed(r, d.AllowedOrigins) {
		return id, "", Refuse(fleet.Forbidden, "the Origin is neither this server's own nor allowed")
	}
	query := r.URL.Query()
	if d.showsSecret(query) {
		return id, "", ErrShown
	}
	if d.Pages && query.Has(ticketParameter) {
		if err := checkRequest(w, r); err != nil { // before the ticket is spent
			return id, "", err
		}
	}
	if id, protocol, err = d.authenticate(r, query); err != nil {
		return id, "", err
	}
	if !id.Role.May(d.Role) {
		return id, "", Refuse(fleet.Forbidden, "the "+d.Name+" needs the role "+d.Role.String())
	}
	return id, protocol, checkRequest(w, r)
}

// ErrShown is for everything in a URL that could be a token, so that it says
// nothing of whether it is one.
var ErrShown = Refuse(fleet.Unauthorized,
	"a token in a URL is refused: it is for the Authorization header or a subprotocol, or for a ticket")

// Refused is the line of the audit log that somebody was refused the socket: one
// of whom the token is known, a page of another origin, or who shows a token to
// everybody on the way. Of bad tokens the log-in tells; ok is false of those.
func (d *Door) Refused(r *http.Request, id auth.Identity, err error) (e fleet.AuditEntry, ok bool) {
	status, text := problem.Describe(err)
	tooMany := status == http.StatusTooManyRequests && id.TokenID != ""
	if status != http.StatusForbidden && !tooMany && !errors.Is(err, ErrShown) {
		return e, false
	}
	by := fleet.Actor{Name: id.Name, TokenID: id.TokenID, Address: auth.Address(r)}
	return by.Entry(d.Action, "", fmt.Sprintf("refused: %d %s", status, text)), true
}

// epochForm is that of the epochs that are given out, which look like tokens.
var epochForm = regexp.MustCompile(`^[A-Z2-7]{26}(\.[0-9a-f]{12})?$`)

// showsSecret reports whether a parameter has the form, or the name, of a
// long-lived token. Whether it is one is not looked up.
func (d *Door) showsSecret(query url.Values) bool {
	for name, values := range query {
		if slices.Contains(secretParameters, strings.ToLower(name)) {
			return true
		}
		if slices.ContainsFunc(values, func(v string) bool { return auth.Tokenlike(v) && (!d.Pages || !expected(name, v)) }) {
			return true
		}
	}
	return false
}

// expected reports whether a parameter's value is of a form that it has, and is
// no token or is counted as a failed log-in if it is none.
func expected(parameter, value string) bool {
	switch parameter {
	case ticketParameter:
		return true
	case epochParameter:
		return epochForm.MatchString(value)
	case seqParameter:
		_, err := strconv.ParseUint(value, 10, 64)
		return err == nil
	}
	return false
}

// authenticate finds the ticket, or the token: in the header, or among the
// subprotocols, which are looked at only where there is neither of the others; or
// the session's cookie where there is none of them.
func (d *Door) authenticate(r *http.Request, query url.Values) (id auth.Identity, protocol string, err error) {
	offers := list(r, "Sec-WebSocket-Protocol")
	if slices.Contains(offers, Subprotocol) {
		protocol = Subprotocol
	}
	offers = slices.DeleteFunc(offers, func(o string) bool { return o == Subprotocol })
	switch {
	case d.Pages && query.Has(ticketParameter):
		id, err = d.Auth.Redeem(r, query.Get(ticketParameter))
		return id, protocol, err
	case d.Pages && len(r.Header.Values("Authorization")) == 0 && len(offers) == 0 && auth.HasCookie(r):
		id, err = d.Auth.Page(r, d.AllowedOrigins)
		return id, protocol, err
	case len(r.Header.Values("Authorization")) > 0, len(offers) == 0:
		if id, err = d.Auth.Request(r); err == nil && protocol == "" {
			protocol = shown(r, offers)
		}
		return id, protocol, err
	}
	id, secret, err := d.offered(r, offers)
	if protocol == "" {
		protocol = secret
	}
	return id, protocol, err
}

// shown is the very token of the header, where that is offered too: a client
// that offers what nobody selects gives up.
func shown(r *http.Request, offers []string) string {
	_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if secret = strings.TrimSpace(secret); secret != "" && slices.Contains(offers, secret) {
		return secret
	}
	return ""
}

// offered is the first token among the subprotocols, and whose it is. Each that
// could be one and is none is a failed log-in; one at least is.
func (d *Door) offered(r *http.Request, offers []string) (id auth.Identity, secret string, err error) {
	offers = offers[:min(len(offers), maxOffers)]
	for _, offer := range offers {
		if !auth.Tokenlike(offer) {
			continue
		}
		id, bad := d.Auth.Login(r, offer)
		if bad == nil {
			return id, offer, nil
		}
		err = cmp.Or(err, bad)
	}
	if err == nil {
		_, err = d.Auth.Login(r, offers[0])
	}
	return auth.Identity{}, "", err
}

// checkRequest finds what is wrong with a handshake as such.
func checkRequest(w http.ResponseWriter, r *http.Request) error {
	const version = "13"
	switch keys := r.Header.Values("Sec-WebSocket-Key"); {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		return problem.Status(http.StatusMethodNotAllowed, "a WebSocket is opened with GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1, !names(r, "Connection", "upgrade"), !names(r, "Upgrade", "websocket"):
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		return problem.Status(http.StatusUpgradeRequired, "this is a WebSocket: the request must ask to upgrade, over HTTP/1.1")
	case !slices.Equal(list(r, "Sec-WebSocket-Version"), []string{version}):
		w.Header().Set("Sec-WebSocket-Version", version)
		return problem.Status(http.StatusBadRequest, "Sec-WebSocket-Version must be %s", version)
	case len(keys) != 1 || !validKey(keys[0]):
		return problem.Status(http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64, once")
	case r.ContentLength != 0:
		return problem.Status(http.StatusBadRequest, "a handshake has no body")
	}
	return nil
}

func validKey(key string) bool {
	const size = 16
	nonce, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key))
	return err == nil && len(nonce) == size
}

// FrameBuffer is how much is read from a connection at a time: messages are
// small, and there are many connections.
const FrameBuffer = 512

// Accept takes the connection over and answers the handshake, which must have
// been checked. After an error the request is still to be answered.
func Accept(w http.ResponseWriter, r *http.Request, protocol string, timeout time.Duration) (net.Conn, *bufio.Reader, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("socket: take over the connection: %w", err)
	}
	h := w.Header().Clone()
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", accepted(r.Header.Get("Sec-WebSocket-Key")))
	if protocol != "" {
		h.Set("Sec-WebSocket-Protocol", protocol)
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&b) // a Buffer never fails
	b.WriteString("\r\n")
	_ = conn.SetDeadline(time.Time{})
	_ = conn.SetWriteDeadline(time.Now().Add(timeout)) // if it fails so does the write
	_, _ = conn.Write(b.Bytes())                       // and then so does the next

	// What the client has sent already, and then the connection.
	early, _ := rw.Peek(rw.Reader.Buffered())
	from := io.Reader(conn)
	if len(early) > 0 {
		from = io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)
	}
	return conn, bufio.NewReaderSize(from, FrameBuffer), nil
}

// accepted shows that a key was read (RFC 6455, section 4.2.2).
func accepted(key string) string {
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
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

// ComesFrom is where a client that comes back says that it was; ok is false of
// a new one.
func ComesFrom(r *http.Request) (epoch string, seq uint64, ok bool) {
	query := r.URL.Query()
	epoch = query.Get(epochParameter)
	seq, err := strconv.ParseUint(query.Get(seqParameter), 10, 64)
	return epoch, seq, epoch != "" && err == nil
}
