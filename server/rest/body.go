package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/internal/strict"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

const (
	maxBody = 1 << 20

	jsonType  = "application/json"
	unasked   = "application/x-www-form-urlencoded" // what curl and others send where nothing is said
	patchType = "application/merge-patch+json"      // RFC 7396
)

// read is the body as it came, of one of the media types.
func (c *call) read(w http.ResponseWriter, types ...string) ([]byte, error) {
	if given := c.r.Header.Get("Content-Type"); given != "" && given != unasked && !acceptable(given, types) {
		w.Header().Set("Accept", strings.Join(types, ", "))
		return nil, problem.Status(http.StatusUnsupportedMediaType, "the body must be %s in UTF-8", strings.Join(types, " or "))
	}
	return c.body(w)
}

// body is the body, whatever it is. It can be asked for again.
func (c *call) body(w http.ResponseWriter) ([]byte, error) {
	if c.sent != nil {
		return c.sent, nil
	}
	if coding := strings.Join(c.r.Header.Values("Content-Encoding"), ","); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, problem.Status(http.StatusUnsupportedMediaType, "a body with a Content-Encoding is not read")
	}
	if c.r.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, problem.Status(http.StatusBadRequest, "the body did not arrive whole")
	}
	c.sent = body
	return body, nil
}

func acceptable(given string, types []string) bool {
	name, params, err := mime.ParseMediaType(given)
	charset, said := params["charset"]
	return err == nil && slices.Contains(types, name) && (!said || strings.EqualFold(charset, "utf-8"))
}

// decode reads the body into v. Fields that are bad are added; the good ones
// are filled in all the same, so that everything can be said at once.
func (c *call) decode(w http.ResponseWriter, bad *badFields, v any, types ...string) error {
	body, err := c.read(w, types...)
	if err != nil {
		return err
	}
	return decode(bad, body, v)
}

func decode(bad *badFields, body []byte, v any) error {
	return unreadable(bad.addAll("", strict.Decode(body, v, strict.Options{})))
}

// unreadable says of a body that could not be read at all that it is no JSON.
func unreadable(err error) error {
	if _, ok := errors.AsType[*strict.SyntaxError](err); ok {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return err
}

// decodeOptional is decode for a request that may have no body.
func (c *call) decodeOptional(w http.ResponseWriter, bad *badFields, v any) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	body, err := c.read(w, jsonType)
	if err != nil || len(body) == 0 {
		return err
	}
	return decode(bad, body, v)
}

// optionalReason is why, said in the query or in the body, or not at all.
func (c *call) optionalReason(w http.ResponseWriter) (string, error) {
	var bad badFields
	body := struct {
		Reason string `json:"reason"`
	}{c.query.Get("reason")}
	if err := c.decodeOptional(w, &bad, &body); err != nil {
		return "", err
	}
	bad.checkReason(body.Reason)
	return body.Reason, bad.err()
}

// requireReason names a reason that is not there.
func (b *badFields) requireReason(reason string) {
	if strings.TrimSpace(reason) == "" {
		b.add("reason", "a reason is required")
	}
	b.checkReason(reason)
}

func (b *badFields) checkReason(reason string) {
	if wrong := wire.CheckReason(reason); wrong != "" {
		b.add("reason", "%s", wrong)
	}
}

// isObject tells an object from other JSON.
func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
