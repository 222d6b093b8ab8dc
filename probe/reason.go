package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// maxReason is how long an error may be, in bytes, but for a command's output.
const maxReason = 256

// errClosed is the answer of a probe that was closed.
var errClosed = errors.New("the probe is closed")

// checkError is a check that failed.
type checkError struct {
	what   string
	reason string
	cause  error
}

func (e *checkError) Error() string { return e.what + ": " + e.reason }
func (e *checkError) Unwrap() error { return e.cause }

// verdict is an error that the checkers made themselves: its text is fit to be
// shown.
type verdict struct {
	text  string
	cause error
}

func (v *verdict) Error() string { return v.text }
func (v *verdict) Unwrap() error { return v.cause }

// isVerdict tells them apart.
func isVerdict(err error) bool {
	var v *verdict
	return errors.As(err, &v)
}

func verdictf(format string, args ...any) error {
	return &verdict{text: fmt.Sprintf(format, args...)}
}

// reason says in words that people use what went wrong. The same failure is
// always the same text: no port of ours, no measured time.
func reason(ctx context.Context, err error, start time.Time) string {
	var own *verdict
	switch {
	case errors.As(err, &own):
		return own.text
	case errors.Is(err, errClosed):
		return errClosed.Error()
	case errors.Is(ctx.Err(), context.Canceled):
		return "cancelled"
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		if deadline, ok := ctx.Deadline(); ok {
			return "timed out after " + deadline.Sub(start).Round(10*time.Millisecond).String()
		}
		return "timed out"
	}
	return network(err)
}

// network is the reason why nothing came over a connection.
func network(err error) string {
	for _, known := range []struct {
		is   error
		text string
	}{
		{syscall.ECONNREFUSED, "connection refused"},
		{syscall.ECONNRESET, "connection reset"},
		{syscall.EPIPE, "connection reset"},
		{syscall.EHOSTUNREACH, "no route to host"},
		{syscall.ENETUNREACH, "network is unreachable"},
		{http.ErrSchemeMismatch, "the server speaks HTTP, not HTTPS"},
		{io.EOF, "connection closed without an answer"},
		{io.ErrUnexpectedEOF, "connection closed before the end of the answer"},
	} {
		if errors.Is(err, known.is) {
			return known.text
		}
	}
	var refused *RefusedError
	var name *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &name) && name.IsNotFound:
		return "no such host"
	case errors.As(err, &name):
		return "the host's name cannot be looked up"
	case errors.As(err, &certificate):
		return brief(certificate.Error(), maxReason)
	case errors.As(err, &record):
		return "the answer is not TLS"
	case errors.As(err, &alert):
		return brief(alert.Error(), maxReason)
	case errors.As(err, &op):
		return brief(op.Op+": "+op.Err.Error(), maxReason)
	}
	return "the answer makes no sense"
}

// brief makes one line of a text that came from elsewhere, shortened in its
// middle: of what a program prints, the first and the last lines tell most.
func brief(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	half := (most - len("…")) / 2
	return strings.ToValidUTF8(s[:half], "") + "…" + strings.ToValidUTF8(s[len(s)-half:], "")
}
