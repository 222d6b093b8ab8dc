// Package problem answers requests that cannot be served: RFC 9457, from one
// table of kinds of errors.
//
// # Promises
//
//  1. Whatever the error, the answer is application/problem+json with the
//     request's ID, and names every bad field that the error names.
//  2. What went wrong inside is logged, once, and told nobody outside.
//  3. A flood of refusals is no flood of log lines.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/wire"
)

// ContentType is that of every answer of this package.
const ContentType = "application/problem+json"

// statuses are the HTTP statuses of the kinds of errors.
var statuses = map[fleet.Kind]int{
	fleet.Internal:     http.StatusInternalServerError,
	fleet.Invalid:      http.StatusBadRequest,
	fleet.NotFound:     http.StatusNotFound,
	fleet.Conflict:     http.StatusConflict,
	fleet.Precondition: http.StatusPreconditionFailed,
	fleet.Unauthorized: http.StatusUnauthorized,
	fleet.Forbidden:    http.StatusForbidden,
	fleet.Exhausted:    http.StatusTooManyRequests,
	fleet.Unavailable:  http.StatusServiceUnavailable,
	fleet.NotLeader:    http.StatusServiceUnavailable,
	fleet.Deposed:      http.StatusServiceUnavailable,
}

// KindOf is the kind of error that is answered with an HTTP status; Internal of
// one that none is. Of a 503, which several are, it is Unavailable: what those have
// in common is that it may be tried again.
func KindOf(status int) fleet.Kind {
	if status == http.StatusServiceUnavailable {
		return fleet.Unavailable
	}
	for kind, s := range statuses {
		if s == status {
			return kind
		}
	}
	return fleet.Internal
}

// statusError is an error of HTTP's own, which fleet has no kind for.
type statusError struct {
	status int
	detail string
}

// Error is the detail.
func (e *statusError) Error() string { return e.detail }

// Status is the status.
func (e *statusError) Status() int { return e.status }

// Detail is what may be told to anybody.
func (e *statusError) Detail() string { return e.detail }

// Status is an error that is answered with an HTTP status of its own, as is any
// that has the method Status() int. What it says of a 503 is told where it has the
// method Detail() string too, as this one has.
func Status(status int, format string, args ...any) error {
	return &statusError{status, fmt.Sprintf(format, args...)}
}

// Writer answers requests with problems. It is safe for concurrent use.
type Writer struct {
	log    *slog.Logger
	sample sampler
	counts [maxStatus]atomic.Uint64
}

// maxStatus is above every HTTP status.
const maxStatus = 600

// Counts are how many requests were answered with a problem, by HTTP status.
func (p *Writer) Counts() map[int]uint64 {
	counts := make(map[int]uint64)
	for status := range p.counts {
		if n := p.counts[status].Load(); n > 0 {
			counts[status] = n
		}
	}
	return counts
}

// New makes a Writer; nil logs nothing.
func New(log *slog.Logger) *Writer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Writer{log: log}
}

// Write answers the request with what err is, and logs it if it is a refusal
// or a fault of ours.
func (p *Writer) Write(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status < maxStatus {
		p.counts[max(status, 0)].Add(1)
	}
	id := RequestID(r.Context())
	gone := r.Context().Err() != nil && errors.Is(err, r.Context().Err()) // nobody is there to read it
	if !gone {
		p.note(r, status, id, err)
	}
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", ContentType)
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="switchgear"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
	}
	bad := fields(err)
	body, _ := json.Marshal(wire.Problem{ // strings and numbers only: it cannot fail
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail(status, err, bad), RequestID: id, Errors: bad,
	})
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // nobody is there to read it
}

// Describe is the status that err is answered with, and what is told of it.
func Describe(err error) (status int, text string) {
	status = statusOf(err)
	return status, detail(status, err, fields(err))
}

func statusOf(err error) int {
	var own interface{ Status() int }
	var tooLarge *http.MaxBytesError
	var syntax *strict.SyntaxError
	switch {
	case errors.As(err, &own):
		return own.Status()
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &syntax):
		return http.StatusBadRequest
	}
	if status, ok := statuses[fleet.KindOf(err)]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// detail is what is told of the error. What a store says may hold paths, and
// more.
func detail(status int, err error, bad []wire.FieldMessage) string {
	var tooLarge *http.MaxBytesError
	var own interface{ Detail() string }
	switch {
	case status == http.StatusInternalServerError:
		return "internal error"
	case status == http.StatusServiceUnavailable && errors.As(err, &own):
		return own.Detail()
	case status == http.StatusServiceUnavailable:
		return "the manager or its store does not answer now; its log says why, under the request's ID"
	case errors.As(err, &tooLarge):
		return fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)
	case len(bad) > 0:
		text := strings.TrimPrefix(bad[0].Field+": "+bad[0].Message, ": ")
		if more := len(bad) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
		return text
	}
	if own := (*fleet.Error)(nil); errors.As(err, &own) && own.Err != nil {
		return own.Err.Error() // what was being done is the request
	}
	return err.Error()
}

// retryAfter is in how many seconds it makes sense to ask again.
func retryAfter(err error) int64 {
	var wait interface{ RetryAfter() time.Duration }
	if errors.As(err, &wait) {
		return max(int64(math.Ceil(wait.RetryAfter().Seconds())), 1)
	}
	return 1
}

func fields(err error) []wire.FieldMessage {
	var list []wire.FieldMessage
	for _, f := range fleet.FieldsOf(err) {
		list = append(list, wire.FieldMessage{Field: f.Field, Message: f.Message})
	}
	return list
}

// note logs refusals, sampled, and faults.
func (p *Writer) note(r *http.Request, status int, id string, err error) {
	level := slog.LevelWarn
	switch {
	case status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError,
		status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		if !p.sample.take(time.Now()) {
			return
		}
	default:
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", id), slog.Int("status", status), slog.String("method", r.Method),
		slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.Any("error", err),
	}
	if n := p.sample.missed(); n > 0 {
		attrs = append(attrs, slog.Uint64("not_logged_before", n))
	}
	p.log.LogAttrs(r.Context(), level, "request refused", attrs...)
}

type contextKey struct{}

// WithRequestID is ctx of a request with that ID.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// RequestID is the ID that the request was given, or a new one.
func RequestID(ctx context.Context) string {
	if id, ok := ctx.Value(contextKey{}).(string); ok {
		return id
	}
	return NewID()
}
