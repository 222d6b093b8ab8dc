package fleet

import (
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// Kind is what sort of error an Error is, for whoever must answer it.
type Kind uint8

// The kinds of errors.
const (
	Internal     Kind = iota // a fault of ours, or one that nobody foresaw
	Invalid                  // what was asked is not well-formed or out of range
	NotFound                 // there is no such service, version or token
	Conflict                 // it contradicts the present state
	Precondition             // it was meant for another version
	Unauthorized             // nobody knows who asks
	Forbidden                // who asks may not
	Exhausted                // a cap or a rate is reached
	Unavailable              // the store, or the service itself, does not answer
	NotLeader                // another manager takes orders: see NotLeaderError
	Deposed                  // another manager has taken the lead: nothing was written
)

var kindNames = [...]string{
	"internal", "invalid", "not found", "conflict", "precondition failed", "unauthorized", "forbidden", "exhausted", "unavailable", "not the leader", "deposed",
}

// String is the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Error is an error that knows its kind. Op is what was being done, and Fields
// are the bad fields of an Invalid.
type Error struct {
	Kind   Kind
	Op     string
	Err    error
	Fields []switchgear.FieldError
}

// Error is the path of operations and the reason.
func (e *Error) Error() string {
	switch {
	case e.Op == "":
		return e.Err.Error()
	case e.Err == nil:
		return e.Op + ": " + e.Kind.String()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Err }

// badFields is an error that names bad fields: of this module, a config's and
// a section's.
type badFields interface {
	error
	EachField(f func(field, message string))
}

// KindOf is the kind of the first Error in err's chain, Invalid for an error
// that names bad fields, and Internal for all else.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if _, ok := errors.AsType[badFields](err); ok {
		return Invalid
	}
	return Internal
}

// FieldsOf are the bad fields that err names.
func FieldsOf(err error) []switchgear.FieldError {
	var e *Error
	if errors.As(err, &e) && len(e.Fields) > 0 {
		return e.Fields
	}
	var fields []switchgear.FieldError
	if bad, ok := errors.AsType[badFields](err); ok {
		bad.EachField(func(field, message string) {
			fields = append(fields, switchgear.FieldError{Field: field, Message: message})
		})
	}
	return fields
}

func errorf(kind Kind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Err: fmt.Errorf(format, args...)}
}
