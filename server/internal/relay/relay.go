// Package relay is how the servers of one cluster speak with each other: a node
// that follows passes on to the one that leads what changes something, and what
// only that one knows.
//
// # Promises
//
//  1. What a request says of where it comes from, and for whom, is believed only
//     with the signature of a node, over that and the request's method and
//     address. It is not over the body, and who can read what nodes say can say it
//     again: that is for TLS between them to keep.
//  2. A request is passed on once: the node that gets it carries it out or
//     refuses it.
//  3. An answer to what changed something is given out when this node knows of
//     the change, or a second later.
//  4. What is passed on ends when the leader does.
package relay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cluster is what a server needs to know of the nodes that it is one of. All
// methods are safe for concurrent use.
type Cluster interface {
	// Node is this node's name, for the log.
	Node() string
	// Leading reports whether this node leads.
	Leading() bool
	// Leader is where the leader is reached, and a channel that is closed when
	// that has changed. The address, a URL, is empty while nobody knows.
	Leader() (address string, changed <-chan struct{})
	// Secret is what the nodes sign with, 32 bytes; nil while it is not known.
	Secret() []byte
	// Seq is of the last change that this node has told.
	Seq() uint64
	// CatchUp waits until this node knows of everything up to seq; 0 is all that
	// is stored now.
	CatchUp(ctx context.Context, seq uint64) error
}

const (
	passedHeader    = "Switchgear-Passed-On"
	signatureHeader = "Switchgear-Passed-On-Signature"
	seqHeader       = "Switchgear-Seq"

	// dialTimeout and headerTimeout are how long the leader may take to be there,
	// and to answer.
	dialTimeout   = 2 * time.Second
	headerTimeout = 30 * time.Second

	// catchUpTimeout is how long an answer waits for this node to know what it
	// tells of.
	catchUpTimeout = time.Second

	idleConnections = 64
)

// passed is what a node says of a request that it passes on.
type passed struct {
	Asker

	Node     string `json:"node"`
	Identity []byte `json:"identity,omitempty"`
}

// Asker is whose request it is.
type Asker struct {
	Address   string `json:"address"`
	RequestID string `json:"request_id"`
}

// Relay passes requests on, and takes those that others pass on.
type Relay struct {
	cluster Cluster
	log     *slog.Logger
	fail    func(w http.ResponseWriter, r *http.Request, err error)
	proxy   *httputil.ReverseProxy
	client  *http.Client
}

// New makes a Relay. fail answers a request with an error, which may have a method
// Status() int.
func New(c Cluster, log *slog.Logger, fail func(w http.ResponseWriter, r *http.Request, err error)) *Relay {
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		ResponseHeaderTimeout: headerTimeout, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: time.Minute,
	}
	p := &Relay{cluster: c, log: log, fail: fail}
	p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	p.proxy = &httputil.ReverseProxy{
		Rewrite: p.rewrite, Transport: transport, ModifyResponse: p.answered, ErrorHandler: p.failed, FlushInterval: -1,
	}
	return p
}

// statusError is an error with an HTTP status of its own.
type statusError struct {
	status int
	text   string
}

// Error is what is told.
func (e *statusError) Error() string { return e.text }

// Status is the HTTP status.
func (e *statusError) Status() int { return e.status }

// Detail is what may be told to anybody.
func (e *statusError) Detail() string { return e.text }

var (
	errForged   = &statusError{http.StatusForbidden, "the request claims to come from a node of this cluster, and its signature is not one's"}
	errNoLeader = &statusError{http.StatusServiceUnavailable, "no node leads now: ask again in a second"}
	errAway     = &statusError{http.StatusServiceUnavailable, "the leading node cannot be reached: nothing was done, ask again in a second"}
	errLost     = &statusError{http.StatusServiceUnavailable, "the leading node does not answer: nobody knows whether this was done; " +
		"with the same Idempotency-Key it is safe to ask again"}
)

// sign is the signature of what a node says of a request.
func sign(secret []byte, said, method, uri string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(said + "\n" + method + "\n" + uri))
	return hex.EncodeToString(mac.Sum(nil))
}

// Received is what another node says of a request that it passes on.
type Received struct {
	Asker

	Identity []byte // who asked, where the node let him in; nil: the request shows it
}

// Receive looks whether a node passes the request on; nil if none does. What it
// said is taken out of the request. The error is for an answer.
func (p *Relay) Receive(r *http.Request) (*Received, error) {
	said, signature := r.Header.Get(passedHeader), r.Header.Get(signatureHeader)
	if said == "" && signature == "" {
		return nil, nil //nolint:nilnil // most requests
	}
	r.Header.Del(passedHeader)
	r.Header.Del(signatureHeader)
	secret := p.cluster.Secret()
	if secret == nil || !hmac.Equal([]byte(signature), []byte(sign(secret, said, r.Method, r.URL.RequestURI()))) {
		return nil, errForged
	}
	var what passed
	text, err := base64.RawURLEncoding.DecodeString(said)
	if err == nil {
		err = json.Unmarshal(text, &what)
	}
	if err != nil {
		return nil, errForged
	}
	if !p.cluster.Leading() {
		return nil, errNoLeader // the other is behind, or this node
	}
	return &Received{what.Asker, what.Identity}, nil
}

// Answering is w for the answer to a request that another node passes on: it
// says up to where the other has to know.
func (p *Relay) Answering(w http.ResponseWriter) http.ResponseWriter {
	return &answering{ResponseWriter: w, seq: p.cluster.Seq}
}

type answering struct {
	http.ResponseWriter

	seq  func() uint64
	said bool
}

// WriteHeader begins the answer.
func (a *answering) WriteHeader(status int) {
	if !a.said {
		a.said = true
		a.Header().Set(seqHeader, strconv.FormatUint(a.seq(), 10))
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer too.
func (a *answering) Write(b []byte) (int, error) {
	if !a.said {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Away reports whether a request is another node's to answer: this one follows,
// and it changes something, or asks for what only the leader knows.
func (p *Relay) Away(r *http.Request) bool {
	return below(r.URL.Path, root) && leaders(r) && !p.cluster.Leading()
}

const root = "/api/v2"

// onlyLeaders are what only the leader has, all that is below them too.
var onlyLeaders = []string{root + "/alerts", root + "/silences", root + "/receivers", root + "/series", root + "/ws/agent"}

// leaders reports whether a request is the leader's to answer.
func leaders(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	default:
		return true
	}
	for _, place := range onlyLeaders {
		if below(r.URL.Path, place) {
			return true
		}
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, root+"/services/"); ok {
		_, what, _ := strings.Cut(rest, "/")
		return what == "series" || what == "instances"
	}
	switch r.URL.Path {
	case root + "/state":
		return r.URL.Query().Has("at")
	case root + "/ws/circuit-breaker":
		return r.URL.Query().Has("ticket") // the node that gave it out knows it
	}
	return false
}

func below(path, place string) bool { return path == place || strings.HasPrefix(path, place+"/") }

type forContext struct{}

// onItsWay is what of a request must be known when it goes.
type onItsWay struct {
	leader *url.URL
	secret []byte
	said   passed
}

// PassOn has the leader answer a request.
func (p *Relay) PassOn(w http.ResponseWriter, r *http.Request, by Asker) {
	ctx, to, end, err := p.outgoing(r.Context(), passed{Asker: by, Node: p.cluster.Node()})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	defer end()
	if upgrades(r) { // a socket, whose time is the leader's to judge
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Time{}) // where there are no deadlines, there is no line either
		_ = c.SetWriteDeadline(time.Time{})
	}
	p.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, forContext{}, to)))
}

func upgrades(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// outgoing is a context that ends with the leader, who it is, and what ends it.
func (p *Relay) outgoing(ctx context.Context, said passed) (context.Context, *onItsWay, func(), error) {
	leader, changed := p.cluster.Leader()
	to, err := url.Parse(leader)
	secret := p.cluster.Secret()
	if err != nil || leader == "" || secret == nil {
		return nil, nil, nil, errNoLeader
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	end := func() {
		cancel()
		<-ended
	}
	return ctx, &onItsWay{to, secret, said}, end, nil
}

func (p *Relay) rewrite(r *httputil.ProxyRequest) {
	to, ok := r.In.Context().Value(forContext{}).(*onItsWay)
	if !ok {
		return // PassOn has put it there
	}
	r.SetURL(to.leader)
	r.Out.Host = r.In.Host // by which an Origin is judged
	to.sign(r.Out)
}

func (to *onItsWay) sign(r *http.Request) {
	text, _ := json.Marshal(to.said) // strings: it cannot fail
	said := base64.RawURLEncoding.EncodeToString(text)
	r.Header.Set(passedHeader, said)
	r.Header.Set(signatureHeader, sign(to.secret, said, r.Method, r.URL.RequestURI()))
}

// everywhere are headers that every server of ours answers with, this one too.
var everywhere = []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "Cache-Control"}

func (p *Relay) answered(r *http.Response) error {
	for _, name := range everywhere {
		r.Header.Del(name)
	}
	p.await(r.Request.Context(), r)
	return nil
}

// await waits until this node knows what the answer to a change tells of.
func (p *Relay) await(ctx context.Context, r *http.Response) {
	seq, err := strconv.ParseUint(r.Header.Get(seqHeader), 10, 64)
	r.Header.Del(seqHeader)
	if err != nil || r.Request.Method == http.MethodGet || r.Request.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	_ = p.cluster.CatchUp(ctx, seq) // it is done all the same
}

func (p *Relay) failed(w http.ResponseWriter, r *http.Request, err error) {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		p.fail(w, r, err)
		return
	}
	p.fail(w, r, p.lost(r.Context(), err))
}

// lost is what is told of an answer that has not come; what is known of why is
// for the log.
func (p *Relay) lost(ctx context.Context, err error) error {
	p.log.WarnContext(ctx, "the leading node has not answered what was passed on to it", slog.Any("error", err))
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return errAway
	}
	return errLost
}
