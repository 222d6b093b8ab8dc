package httpbreaker

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
)

// Transport is an http.RoundTripper that asks a breaker before each request,
// redirects included, and tells it what came of it. One of Breaker and For must
// be set; the fields must not change once it is in use. It is safe for
// concurrent use.
type Transport struct {
	// Base carries the requests. nil: http.DefaultTransport.
	Base http.RoundTripper

	// Breaker guards every request, if For is nil.
	Breaker *switchgear.Breaker

	// For chooses the breaker of a request, such as one for each host. A request
	// for which it returns nil is sent unguarded.
	For func(*http.Request) *switchgear.Breaker

	// Classify judges an answer by its header; it must not touch the body. nil:
	// ByStatus of its status.
	Classify func(*http.Response) switchgear.Outcome

	// EndsAtHeader reports whether an operation is over when the header of its
	// answer has come, instead of with its body: for event streams and other
	// bodies that last as long as somebody listens, or that are read slowly. nil:
	// none is. A failure and 101 Switching Protocols always end there.
	EndsAtHeader func(*http.Response) bool

	// Reject turns a rejection into an answer, for callers that know statuses
	// only: see Unavailable. Where it is nil, or returns nil, RoundTrip returns
	// the *switchgear.OpenError.
	Reject func(*http.Request, *switchgear.OpenError) *http.Response

	// Ended, if it is not nil, is told of each operation once, when it has ended,
	// in the goroutine that ended it.
	Ended func(Operation)
}

// Operation is a request that was let in, and what came of it.
type Operation struct {
	Request  *http.Request
	Status   int // of the answer; 0: there was none
	Outcome  switchgear.Outcome
	Err      error // why it is not a success; nil otherwise
	Duration time.Duration
}

// RoundTrip sends the request if its breaker lets it in. The error of a
// rejection is a *switchgear.OpenError, which wraps switchgear.ErrOpen; any
// other is the Base's.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	b := t.Breaker
	if t.For != nil {
		b = t.For(req)
	}
	switch {
	case b == nil && t.For == nil:
		closeBody(req)
		return nil, errNoBreaker
	case b == nil:
		return t.base().RoundTrip(req)
	}
	ctx := req.Context()
	permit, err := b.Allow(ctx)
	if err != nil {
		closeBody(req)
		return t.reject(req, err)
	}
	o := operation{permit: permit, req: req, told: t.Ended, sent: watch(req)}
	if o.sent != nil && b.State() == switchgear.HalfOpen {
		o.spare = spareLate(o.permit, o.sent, b.Config().Resolved().ProbeTimeout)
	}
	return t.send(ctx, o)
}

// CloseIdleConnections lets the Base close what it keeps open, if it can.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

func (t *Transport) reject(req *http.Request, err error) (*http.Response, error) {
	if open, ok := errors.AsType[*switchgear.OpenError](err); ok && t.Reject != nil {
		if resp := t.Reject(req, open); resp != nil {
			return resp, nil
		}
	}
	return nil, err
}

// send carries out what was let in.
func (t *Transport) send(ctx context.Context, o operation) (*http.Response, error) {
	if o.told != nil {
		o.begun = time.Now()
	}
	var resp *http.Response
	returned := false
	defer func() {
		if !returned {
			o.abandon(recover(), resp)
		}
	}()
	out := o.req
	if o.sent != nil {
		out = o.req.WithContext(ctx) // a shallow copy: the request is not ours to change
		out.Body = o.sent
	}
	resp, err := t.base().RoundTrip(out)
	o.spare.stop()
	if resp != nil && resp.Request == out {
		resp.Request = o.req
	}
	if err != nil || resp == nil {
		o.fail(err)
		returned = true
		return resp, err
	}
	o.status = resp.StatusCode
	o.judged, o.result = t.judge(o.req, resp)
	atHeader := o.judged == switchgear.Failure || t.endsAtHeader(resp, o.req.Method)
	returned = true
	if atHeader {
		o.endByStatus()
		return resp, nil
	}
	resp.Body = guard(resp.Body, o)
	return resp, nil
}

// judge is the outcome that the header of the answer says, and its error.
func (t *Transport) judge(req *http.Request, resp *http.Response) (switchgear.Outcome, error) {
	if t.Classify == nil && resp.StatusCode == http.StatusSwitchingProtocols && !asked(req.Header, resp.Header) {
		return switchgear.Failure, errUnasked
	}
	judged := t.classify(resp)
	return judged, outcomeOf(judged, resp.StatusCode, resp.Header.Get("Retry-After"), resp.Header.Get("Date"))
}

// asked reports whether the request has asked for a protocol that the answer
// switches to.
func asked(req, resp http.Header) bool {
	for to := range strings.SplitSeq(resp.Get("Upgrade"), ",") {
		for from := range strings.SplitSeq(req.Get("Upgrade"), ",") {
			if to = strings.TrimSpace(to); to != "" && strings.EqualFold(to, strings.TrimSpace(from)) {
				return true
			}
		}
	}
	return false
}

func (t *Transport) classify(resp *http.Response) switchgear.Outcome {
	if t.Classify != nil {
		return t.Classify(resp)
	}
	return ByStatus(resp.StatusCode)
}

func (t *Transport) endsAtHeader(resp *http.Response, method string) bool {
	return !hasBody(resp, method) || resp.StatusCode == http.StatusSwitchingProtocols ||
		t.EndsAtHeader != nil && t.EndsAtHeader(resp)
}

// hasBody reports whether there is something to read. HTTP/2 has a NoBody of its
// own; a length of zero tells it, which an answer made by hand may just not say.
func hasBody(resp *http.Response, method string) bool {
	return resp.Body != nil && resp.Body != http.NoBody && method != http.MethodHead &&
		(resp.ProtoMajor < 2 || resp.ContentLength != 0)
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // as RoundTrip must; it was not read
	}
}

// operation is a request on its way.
type operation struct {
	permit switchgear.Permit
	req    *http.Request
	sent   *sentBody // nil: it cannot fail
	spare  *spare    // nil: its time is not short, or it has nothing to send
	told   func(Operation)
	begun  time.Time // if somebody is told
	status int
	judged switchgear.Outcome // by the status
	result error              // of that
}

// fail ends the operation with an error of the Base, or of reading the body.
func (o *operation) fail(err error) {
	outcome := switchgear.Failure
	ended := o.req.Context().Err()
	switch {
	case err == nil:
		err = errNothing
	case o.sent.failed(), errors.Is(ended, context.Canceled):
		// Whatever the error says: it may be the cause that cancelled it.
		outcome = switchgear.Ignored
		err = switchgear.Ignore(err)
	case ended != nil && errors.Is(err, context.Canceled):
		err = ended // a deadline's cancellation is not the caller's
	case !cancelled(o.req):
	case overdue(o.req):
		err = context.DeadlineExceeded // http.Client.Timeout says no more than that it has cancelled
	default:
		outcome = switchgear.Ignored
		err = switchgear.Ignore(err)
	}
	o.end(outcome, err)
}

// cancelled reports whether the request is cancelled in the old way, which
// http.Client.Timeout still takes.
func cancelled(req *http.Request) bool {
	select {
	case <-req.Cancel: //nolint:staticcheck // deprecated, and used by http.Client
		return true
	default:
		return false
	}
}

// overdue reports whether the deadline of the request's context is over, which
// its Err may be yet to learn.
func overdue(req *http.Request) bool {
	deadline, ok := req.Context().Deadline()
	return ok && !time.Now().Before(deadline)
}

// abandon ends an operation that does not return: by a panic, which goes on, or
// by a runtime.Goexit, of which there is nothing to recover. An answer means that
// one of the Transport's own functions did it, and that nobody will get it.
func (o *operation) abandon(v any, resp *http.Response) {
	o.spare.stop()
	err := errPanicked
	if resp != nil {
		err = errHookPanicked
		if resp.Body != nil {
			_ = resp.Body.Close() // it was not read
		}
	}
	if v == nil {
		o.end(switchgear.Ignored, errGone)
		return
	}
	o.end(switchgear.Failure, err)
	panic(v)
}

func (o *operation) endByStatus() { o.end(o.judged, o.result) }

// end settles the permit, unless that was done when its caller was late.
func (o *operation) end(outcome switchgear.Outcome, err error) {
	if o.spare.claim() {
		o.permit.Done(err)
	} else {
		outcome, err = switchgear.Ignored, errLate
	}
	if o.told != nil {
		o.told(Operation{Request: o.req, Status: o.status, Outcome: outcome, Err: err, Duration: time.Since(o.begun)})
	}
}

// watch is the request's body with an eye on it, where reading it may fail.
// One that can be had again, or is a file, is left as it is: the base knows how
// to send those fast.
func watch(req *http.Request) *sentBody {
	if req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {
		return nil
	}
	if _, ok := req.Body.(*os.File); ok {
		return nil
	}
	return &sentBody{ReadCloser: req.Body}
}
