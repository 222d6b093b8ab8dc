package notify

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/degenduel/switchgear/alert"
)

const (
	minWhole  = 3   // bytes of a part of a URL that is hidden as it is
	minPiece  = 4   // and of a piece of one
	maxReason = 300 // bytes of an error's text
)

// secret hides a URL in what others say.
type secret struct{ parts *regexp.Regexp }

// newSecret knows a URL by all that it is made of, since the library puts parts of
// it into other URLs, and services repeat them.
func newSecret(raw string, u *url.URL) *secret {
	password, _ := u.User.Password()
	whole := []string{u.Host, u.Hostname(), u.User.Username(), password, u.Opaque, u.Fragment}
	whole = append(whole, strings.Split(u.EscapedPath(), "/")...)
	whole = append(whole, strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		whole = append(whole, values...)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		whole = append(whole, value)
	}
	parts := []string{regexp.QuoteMeta(raw)}
	if u.User != nil { // as basic authentication has it
		parts = append(parts, regexp.QuoteMeta(base64.RawStdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))))
	}
	for _, w := range whole {
		if len(w) >= minWhole {
			parts = append(parts, regexp.QuoteMeta(w))
		}
		for _, piece := range strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(piece) >= minPiece {
				parts = append(parts, regexp.QuoteMeta(piece))
			}
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return &secret{regexp.MustCompile(`(?i)` + strings.Join(parts, "|"))}
}

// otherURL is any URL, and quoted what the library puts between quotes.
var (
	otherURL = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*:(//|%2f%2f)[^\s"]*`)
	quoted   = regexp.MustCompile(`"[^"]*"`)
)

// hide is a text on one line without anything of the URL.
func (s *secret) hide(text string) string {
	const gone = "…"
	text = quoted.ReplaceAllString(otherURL.ReplaceAllString(text, gone), gone)
	text = plain(s.parts.ReplaceAllString(text, gone))
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + gone
	}
	return text
}

// panicError is a panic in the library.
type panicError struct{ value any }

// Error implements error.
func (p *panicError) Error() string { return fmt.Sprintf("the library panicked: %v", p.value) }

var (
	// later are the statuses that say to try again, as the library writes them.
	later = regexp.MustCompile(`\b(408|425|429|5\d\d)( [A-Z]|\b.{0,3}$)`)

	// unreached is a service that was not reached, where the library has put the
	// text of an error into another.
	unreached = regexp.MustCompile(`(dial|read|write) tcp|\b(EOF|tls|x509|net/http|http): |server gave HTTP|Timeout exceeded|EOF$`)
)

// judge is what an error of the library means, without the URL.
func (r *Receiver) judge(err error) error {
	if err == nil {
		return nil
	}
	told := errors.New(r.secret.hide(err.Error()))
	var mail *textproto.Error
	var timeout interface{ Timeout() bool }
	var network *net.OpError
	var lookup *net.DNSError
	var certificate *tls.CertificateVerificationError
	var panicked *panicError
	switch {
	case errors.As(err, &mail):
		if mail.Code < 500 {
			return told
		}
		return &alert.RefusedError{Err: told}
	case errors.As(err, &network), errors.As(err, &lookup), errors.As(err, &certificate), errors.As(err, &panicked),
		errors.As(err, &timeout) && timeout.Timeout(),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded),
		later.MatchString(err.Error()), unreached.MatchString(err.Error()):
		return told
	}
	return &alert.RefusedError{Err: told}
}
