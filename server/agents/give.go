package agents

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// codes are what the kinds of errors are to an agent.
var codes = map[fleet.Kind]int{
	fleet.Internal:     wire.CodeInternal,
	fleet.Invalid:      wire.CodeInvalid,
	fleet.NotFound:     wire.CodeNoService,
	fleet.Conflict:     wire.CodeConflict,
	fleet.Precondition: wire.CodeConflict,
	fleet.Unauthorized: wire.CodeAuthenticationEnded,
	fleet.Forbidden:    wire.CodeNotAllowed,
	fleet.Exhausted:    wire.CodeTooMany,
	fleet.Unavailable:  wire.CodeUnavailable,
}

// told is what an agent is told of an error: nothing of what went wrong inside.
func told(err error) *wire.AgentError {
	e := &wire.AgentError{Code: codes[fleet.KindOf(err)], Message: err.Error()}
	if own, ok := errors.AsType[*fleet.Error](err); ok && own.Err != nil {
		e.Message = own.Err.Error()
	}
	switch e.Code {
	case wire.CodeInternal:
		e.Message = "internal error"
	case wire.CodeUnavailable:
		e.Message = "the manager or its store does not answer now"
	}
	e.Message = cut(e.Message, longestText)
	for i, bad := range fleet.FieldsOf(err) {
		if i == maxFields {
			break
		}
		e.Errors = append(e.Errors, wire.FieldMessage{Field: bad.Field, Message: bad.Message})
	}
	return e
}

// errorOf is told in a message of its own, about the message with the ID; 0 is
// none.
func errorOf(err error, id uint64) wire.Error {
	t := told(err)
	e := wire.Error{Type: wire.TypeError, Timestamp: now(), Code: t.Code, Message: t.Message}
	if id > 0 {
		e.RequestID = wire.RequestID(strconv.FormatUint(id, 10))
	}
	if e.Code == wire.CodeUnavailable || e.Code == wire.CodeTooMany {
		e.RetryAfterMs = time.Second.Milliseconds()
	}
	return e
}

func now() wire.Time { return wire.Time{Time: time.Now()} }

// joined is what a service that joined is to put in force.
func joined(j *fleet.AgentJoined) (wire.JoinedService, error) {
	out := wire.JoinedService{Service: j.Service}
	cfg, err := json.Marshal(j.Config)
	if err != nil {
		return out, err
	}
	out.Config, out.ConfigVersion, out.Override, out.Known = cfg, j.Version, override(j.Override), j.Known
	out.Fleet = j.Fleet
	if j.State != nil {
		out.State = begins(j.Service, j.State)
	}
	return out, nil
}

// begins is what a fresh breaker begins with.
func begins(service string, s *switchgear.Snapshot) *wire.AgentState {
	c := view.CircuitBreaker(&fleet.View{Service: service, Breaker: *s})
	c.Details = ""
	out := &wire.AgentState{
		Service: service, CircuitBreaker: c, Successes: s.Successes, Slow: s.Slow,
		OpenMs: view.Ms(s.OpenTime), FailedRecoveries: s.FailedRecoveries,
	}
	if s.State == switchgear.Open {
		out.RetryAfterMs = view.Ms(max(time.Until(s.NextAttemptAt), 0))
	}
	return out
}

func override(o *switchgear.Override) *wire.Override {
	if o == nil {
		return nil
	}
	return &wire.Override{Mode: o.Mode.String(), Reason: o.Reason, Actor: o.Actor, ExpiresAt: wire.Time{Time: o.Until}}
}

// order is an order on the wire.
func order(o *fleet.AgentOrder) wire.AgentOrder {
	out := wire.AgentOrder{
		Type: wire.TypeAgentOrder, Timestamp: now(), Order: o.ID, Kind: o.Kind, Service: o.Service,
		Config: o.Config, ConfigVersion: o.Version, Override: override(o.Override), Actor: o.Actor, Reason: o.Reason,
	}
	switch o.Kind {
	case fleet.AgentReset:
		out.To = o.To.String()
	case fleet.AgentFleet:
		out.To = o.Fleet
	}
	return out
}
