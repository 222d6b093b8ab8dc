package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// badFields collects what is wrong with a request. The zero value is nothing.
type badFields []switchgear.FieldError

// add names a field, unless it, something in it, or what it is in has been
// named already.
func (b *badFields) add(field, format string, args ...any) {
	if !slices.ContainsFunc(*b, func(f switchgear.FieldError) bool { return within(f.Field, field) || within(field, f.Field) }) {
		*b = append(*b, switchgear.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

// within reports whether a path is outer, or below it.
func within(outer, path string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// addAll names the fields that err names, below a path; it returns err if it
// names none.
func (b *badFields) addAll(path string, err error) error {
	list := fleet.FieldsOf(err)
	if len(list) == 0 {
		return err
	}
	for _, f := range list {
		b.add(strings.Trim(path+"."+f.Field, "."), "%s", f.Message)
	}
	return nil
}

var errBadFields = errors.New("the request is not valid")

// err is nil if no field is bad.
func (b *badFields) err() error {
	if len(*b) == 0 {
		return nil
	}
	return &fleet.Error{Kind: fleet.Invalid, Op: "request", Err: errBadFields, Fields: *b}
}

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxQuery     = 256 // bytes of a parameter's value
)

// readQuery is the request's query, of which each parameter is known and given
// once.
func readQuery(r *http.Request, known []string) (url.Values, error) {
	var bad badFields
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		bad.add("query", "it is not well-formed")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		switch {
		case !slices.Contains(known, name):
			bad.add(shortened(name), "unknown query parameter")
		case len(values) > 1 && name != "kind" && name != "status" && name != "services":
			bad.add(name, "it is given %d times", len(values))
		case slices.ContainsFunc(values, func(v string) bool { return len(v) > longest(name) || !utf8.ValidString(v) }):
			bad.add(name, "it is not UTF-8, or longer than %d bytes", longest(name))
		}
	}
	return query, bad.err()
}

// longest is how many bytes a parameter's value may have.
func longest(name string) int {
	switch name {
	case "reason":
		return wire.MaxReason
	case "services":
		return maxSeries * 129 // names with commas between
	}
	return maxQuery
}

// shortened keeps what somebody made up from filling the answer.
func shortened(name string) string {
	const most = 64
	if len(name) <= most {
		return strings.ToValidUTF8(name, "�")
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

// words are the values of a parameter that can be given more than once, or
// with commas between; each is one of the known.
func (c *call) words(bad *badFields, name string, known []string) (words []string) {
	for _, value := range c.query[name] {
		for word := range strings.SplitSeq(value, ",") {
			if !slices.Contains(known, word) {
				bad.add(name, "%.80q is not one of %s", word, strings.Join(known, ", "))
			}
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return words
}

// limit is how many lines a list may have.
func (c *call) limit(bad *badFields) int {
	if !c.query.Has("limit") {
		return defaultLimit
	}
	n, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		bad.add("limit", "%.80q is not a whole number in 1 … %d", c.query.Get("limit"), maxLimit)
	}
	return n
}

// moment is a parameter that is a time; zero without it.
func (c *call) moment(bad *badFields, name string) time.Time {
	if !c.query.Has(name) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, c.query.Get(name))
	if err != nil || t.IsZero() {
		bad.add(name, "%.80q is not a time of RFC 3339, such as 2026-11-23T08:00:00Z", c.query.Get(name))
	}
	return t
}

// listing is a kind of list, which its cursors name, so that one is not taken for
// another's.
type listing string

// The lists that have cursors.
const (
	servicesList listing = "s"
	eventsList   listing = "e"
	versionsList listing = "v"
	auditList    listing = "a"
	tokensList   listing = "t"
	alertsList   listing = "l"
)

// cursor is where a list goes on: behind what is there.
func (l listing) cursor(behind string) *string {
	s := base64.RawURLEncoding.EncodeToString([]byte(string(l) + ":" + behind))
	return &s
}

// after is what the request's cursor stands behind; empty without one.
func (c *call) after(bad *badFields, l listing) string {
	if !c.query.Has("cursor") {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.query.Get("cursor"))
	behind, ok := strings.CutPrefix(string(raw), string(l)+":")
	if err != nil || !ok || behind == "" {
		bad.add("cursor", "it is not one that this list gave")
		return ""
	}
	return behind
}

// afterID is after for lists in the order of numbers; 0 without a cursor.
func (c *call) afterID(bad *badFields, l listing) int64 {
	behind := c.after(bad, l)
	if behind == "" {
		return 0
	}
	id, err := strconv.ParseInt(behind, 10, 64)
	if err != nil || id < 1 {
		bad.add("cursor", "it is not one that this list gave")
	}
	return id
}
