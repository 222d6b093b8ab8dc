package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"

	maxKey = 255 // bytes
)

// idempotencyKey is the request's key; ok is false if it has none.
func (c *call) idempotencyKey() (key string, ok bool, err error) {
	values := c.r.Header.Values(keyHeader)
	if c.r.Method != http.MethodPost || len(values) == 0 {
		return "", false, nil
	}
	key = values[0]
	printable := !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if len(values) > 1 || key == "" || len(key) > maxKey || !printable {
		var bad badFields
		bad.add(keyHeader, "it must be given once, as 1 to %d printable ASCII characters", maxKey)
		return "", false, bad.err()
	}
	return key, true, nil
}

// requestOf is what is kept of a request with a key: whose it is and which, and
// what was asked.
func (c *call) requestOf(key string, body []byte) fleet.Request {
	digest := func(parts ...string) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
		return hex.EncodeToString(sum[:])
	}
	return fleet.Request{
		Key:         digest(c.id.Key(), c.r.Method, c.r.URL.Path, key),
		Fingerprint: digest(string(body), strings.Join(c.r.Header.Values("If-Match"), ",")),
	}
}

var errOtherRequest = problem.Status(http.StatusUnprocessableEntity,
	"this Idempotency-Key was sent with another request: a new request needs a new key")

// once serves a request. One with a key that was carried out is answered as it
// was then, unless that was a secret.
func (a *API) once(ctx context.Context, rt route, w http.ResponseWriter, c *call) error {
	if rt.secret && rt.again == nil {
		return a.serve(rt, w, c)
	}
	key, ok, err := c.idempotencyKey()
	if err != nil {
		return err
	}
	if !ok {
		return a.serve(rt, w, c)
	}
	body, err := c.body(w)
	if err != nil {
		return err
	}
	request := c.requestOf(key, body)
	was, fresh := a.answers.begin(request)
	switch {
	case fresh:
	case was.fingerprint != request.Fingerprint:
		return errOtherRequest
	case !was.done:
		w.Header().Set("Retry-After", "1")
		return problem.Status(http.StatusConflict, "a request with this Idempotency-Key is being carried out")
	default:
		was.replay(w)
		return nil
	}
	var said *answer
	defer func() { a.answers.end(request, said) }() // also of a handler that panics
	said, err = a.carryOut(ctx, rt, w, c, request)
	return err
}

// carryOut serves a request that is not known here. What it returns is to be
// kept; nil is an answer that another request may have anew, or that has a
// secret: then the store knows that it was given.
func (a *API) carryOut(
	ctx context.Context, rt route, w http.ResponseWriter, c *call, request fleet.Request,
) (*answer, error) {
	if rt.again != nil {
		if known, err := a.repeat(ctx, rt, w, c, request); known {
			return nil, err
		}
		c.request = request
	}
	rec := &recorder{ResponseWriter: w}
	if err := a.serve(rt, rec, c); err != nil {
		// The same request, of which the answer was lost, may have come first.
		if rt.again != nil && fleet.KindOf(err) == fleet.Conflict {
			if known, err := a.repeat(ctx, rt, w, c, request); known {
				return nil, err
			}
		}
		return nil, err
	}
	if rt.secret {
		return nil, nil
	}
	return rec.answer(), nil
}

// repeat answers a request that the store knows as carried out. known is false
// if it is not.
func (a *API) repeat(
	ctx context.Context, rt route, w http.ResponseWriter, c *call, request fleet.Request,
) (known bool, err error) {
	was, err := a.manager.Request(ctx, request.Key)
	if err != nil {
		if fleet.KindOf(err) == fleet.NotFound {
			err = nil
		}
		return err != nil, err // of another error: nobody knows
	}
	if was.Fingerprint != request.Fingerprint {
		return true, errOtherRequest
	}
	w.Header().Set(replayedHeader, "true")
	if err = rt.again(w, c, was); err != nil {
		w.Header().Del(replayedHeader)
	}
	return true, err
}

// resetAgain answers with the present state.
func (a *API) resetAgain(w http.ResponseWriter, c *call, _ fleet.Request) error {
	v, err := a.manager.Service(c.service)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view.ResetResult(&v, wire.NewRequestID(problem.RequestID(c.r.Context()))))
}

// reportAgain answers with the present advice.
func (a *API) reportAgain(w http.ResponseWriter, c *call, _ fleet.Request) error {
	advice, err := a.manager.Report(c.r.Context(), c.service, nil)
	if err != nil {
		return err
	}
	return writeAdvice(w, c.service, advice)
}

// recorder is an http.ResponseWriter that also keeps what it is told.
type recorder struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

// Unwrap lets an http.ResponseController find the line.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader is that of an http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write is that of an http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	_, _ = r.body.Write(b) // never fails
	return r.ResponseWriter.Write(b)
}

// answer is what was said.
func (r *recorder) answer() *answer {
	kept := &answer{status: r.status, body: r.body.Bytes(), header: make(http.Header)}
	for _, name := range []string{"Content-Type", "ETag", "Location"} {
		if v := r.Header().Get(name); v != "" {
			kept.header.Set(name, v)
		}
	}
	return kept
}
