package auth

import (
	"errors"

	"github.com/degenduel/switchgear/fleet"
)

const opLogin = "log-in"

var (
	errNoToken = errors.New("a token is required: Authorization: Bearer TOKEN")

	errNoPage = errors.New("a session's cookie is for the dashboard's own page: from elsewhere a token is required, in Authorization: Bearer TOKEN")

	// errNoKeys is not the token's fault.
	errNoKeys = errors.New("JWTs cannot be checked at the moment: their keys could not be had")
)

// refusal is why a token is not valid. Who asked is not told: the text is the
// same for all.
type refusal string

// Error says that the token is not valid.
func (refusal) Error() string { return "the token is not valid" }

// Reason is why a log-in was refused, for the log: one of a few fixed texts,
// with nothing of the token in it. It is empty if err is no such error.
func Reason(err error) string {
	if why, ok := errors.AsType[refusal](err); ok {
		return string(why)
	}
	if _, ok := errors.AsType[*tooManyError](err); ok {
		return "too many failed log-ins"
	}
	if errors.Is(err, errNoToken) {
		return "no token"
	}
	if errors.Is(err, errNoPage) {
		return "a session's cookie of another page"
	}
	if errors.Is(err, errNoKeys) {
		return "no keys for JWTs"
	}
	return ""
}

func unauthorized(err error) error {
	return &fleet.Error{Kind: fleet.Unauthorized, Op: opLogin, Err: err}
}
