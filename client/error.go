package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// Kind is what sort of refusal an Error is.
type Kind uint8

// The kinds of refusals.
const (
	Internal     Kind = iota // a fault of the manager, or an answer that no manager gives
	Invalid                  // what was asked is not well-formed or out of range
	NotFound                 // there is no such service or version
	Conflict                 // it contradicts the present state
	Precondition             // it was meant for another version of the config
	Unauthorized             // there was no token, or nobody knows it
	Forbidden                // the token's role may not
	Exhausted                // a cap or a rate is reached
	Unavailable              // the store, or the manager itself, cannot do it now
)

var kindNames = [...]string{
	"internal", "invalid", "not found", "conflict", "precondition failed", "unauthorized", "forbidden", "exhausted", "unavailable",
}

// String is the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// kindOf says what a status means; it turns around what the server does.
func kindOf(status int) Kind {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return NotFound
	case http.StatusConflict:
		return Conflict
	case http.StatusPreconditionFailed, http.StatusPreconditionRequired:
		return Precondition
	case http.StatusUnauthorized:
		return Unauthorized
	case http.StatusForbidden:
		return Forbidden
	case http.StatusTooManyRequests:
		return Exhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Unavailable
	}
	if status >= 400 && status <= 499 {
		return Invalid
	}
	return Internal
}

// Error is what a manager refused.
type Error struct {
	// Status is the HTTP status.
	Status int

	Kind Kind

	// Problem is the manager's own account. It is empty, but for its status
	// and title, if the answer was no application/problem+json.
	Problem wire.Problem

	// RetryAfter is how long the manager asks to wait; 0: it does not say.
	RetryAfter time.Duration
}

// Error tells what is wrong: every bad field, where there are any.
func (e *Error) Error() string {
	text := e.Problem.Title
	if e.Problem.Detail != "" {
		text = e.Problem.Detail
	}
	if len(e.Problem.Errors) > 0 { // of which the detail has the first only
		fields := make([]string, len(e.Problem.Errors))
		for i, f := range e.Problem.Errors {
			fields[i] = strings.TrimPrefix(f.Field+": "+f.Message, ": ")
		}
		text = strings.Join(fields, "; ")
	}
	if id := e.Problem.RequestID; id != "" && (e.Kind == Internal || e.Kind == Unavailable) {
		text += " (request " + id + ")" // the manager's log has more
	}
	return text
}

// KindOf is the kind of the Error in err's chain; ok is false if there is none.
func KindOf(err error) (kind Kind, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return Internal, false
	}
	return e.Kind, true
}

func newError(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, Kind: kindOf(resp.StatusCode)}
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(body, &e.Problem) != nil {
		e.Problem = wire.Problem{}
	}
	e.Problem.Status = resp.StatusCode
	if e.Problem.Title == "" {
		e.Problem.Title = "the answer is " + resp.Status
	}
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
