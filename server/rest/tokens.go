package rest

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/internal/pattern"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

const (
	maxTokenName = 128 // characters
	maxPatterns  = 100

	// environmentToken is the ID of the token that SWITCHGEAR_ADMIN_TOKEN says.
	environmentToken = "environment"
)

func (a *API) listTokens(w http.ResponseWriter, c *call) error {
	var bad badFields
	behind, limit := c.afterToken(&bad), c.limit(&bad)
	if err := bad.err(); err != nil {
		return err
	}
	list := slices.DeleteFunc(a.manager.Tokens(), func(t fleet.Token) bool { return t.Session() })
	slices.SortFunc(list, newerToken)
	page := wire.Tokens{Tokens: []wire.Token{}}
	for i := range list {
		t := &list[i]
		if behind != nil && newerToken(*t, *behind) <= 0 {
			continue
		}
		if len(page.Tokens) == limit {
			last := &list[i-1]
			page.NextCursor = tokensList.cursor(strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + "." + last.ID)
			break
		}
		page.Tokens = append(page.Tokens, view.Token(t))
	}
	return writeJSON(w, http.StatusOK, page)
}

// newerToken sorts the newest first.
func newerToken(a, b fleet.Token) int {
	return cmp.Or(cmp.Compare(b.CreatedAt.UnixMicro(), a.CreatedAt.UnixMicro()), cmp.Compare(b.ID, a.ID))
}

// afterToken is the place of the token that the cursor stands behind, which may
// be gone; nil without a cursor.
func (c *call) afterToken(bad *badFields) *fleet.Token {
	behind := c.after(bad, tokensList)
	if behind == "" {
		return nil
	}
	at, id, _ := strings.Cut(behind, ".")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil || id == "" {
		bad.add("cursor", "it is not one that this list gave")
	}
	return &fleet.Token{ID: id, CreatedAt: time.UnixMicro(micros)}
}

func (a *API) createToken(w http.ResponseWriter, c *call) error {
	var bad badFields
	var body wire.TokenRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	t := readToken(&bad, &body)
	if err := bad.err(); err != nil {
		return err
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // it never fails
	secret := base64.RawURLEncoding.EncodeToString(random[:])
	t.Hash = auth.Hash(secret)
	made, err := a.manager.CreateToken(c.r.Context(), t, c.actor(""))
	if err != nil {
		return err
	}
	w.Header().Set("Location", tokens+"/"+url.PathEscape(made.ID))
	return writeJSON(w, http.StatusCreated, wire.NewToken{Token: view.Token(&made), Secret: secret})
}

func readToken(bad *badFields, body *wire.TokenRequest) fleet.Token {
	t := fleet.Token{Name: body.Name, Role: body.Role, Services: body.Services}
	switch n := utf8.RuneCountInString(t.Name); {
	case strings.TrimSpace(t.Name) == "":
		bad.add("name", "a name is required")
	case n > maxTokenName:
		bad.add("name", "%d characters are more than %d", n, maxTokenName)
	case strings.ContainsFunc(t.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		bad.add("name", "it has a character that cannot be printed")
	case fleet.ReservedActor(t.Name):
		bad.add("name", "%q means another actor in the audit log", t.Name)
	}
	if _, err := auth.ParseRole(t.Role); err != nil {
		bad.add("role", "%.80q is not agent, viewer, operator or admin", t.Role)
	}
	switch n := len(t.Services); {
	case n > maxPatterns:
		bad.add("services", "%d patterns are more than %d", n, maxPatterns)
	case n == 0 && t.Services != nil:
		bad.add("services", "an empty list is no service at all; for all services leave it out, or send null")
	}
	for i, p := range t.Services {
		if !pattern.Valid(p) {
			bad.add(fmt.Sprintf("services[%d]", i), "%.130q is no pattern: it must match [a-z0-9_.:*-]{1,128}", p)
		}
	}
	if e := body.ExpiresAt; e != nil {
		if t.ExpiresAt = e.UTC().Truncate(time.Microsecond); !t.ExpiresAt.After(time.Now()) {
			bad.add("expires_at", "it must be in the future")
		}
	}
	return t
}

func (a *API) createTokenAgain(_ http.ResponseWriter, _ *call, was fleet.Request) error {
	return problem.Status(http.StatusConflict,
		"this request has made the token %s already, and its secret was shown once: revoke it and make another, with another Idempotency-Key",
		was.Subject)
}

func (a *API) revokeToken(w http.ResponseWriter, c *call) error {
	reason, err := c.optionalReason(w)
	if err != nil {
		return err
	}
	by := c.actor(reason)
	id := c.r.PathValue("id")
	if id == environmentToken {
		return problem.Status(http.StatusConflict,
			"the token %q is what SWITCHGEAR_ADMIN_TOKEN says: it ends when the manager is started without it", id)
	}
	if err := a.manager.RevokeToken(c.r.Context(), id, by); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) createTicket(w http.ResponseWriter, c *call) error {
	var bad badFields
	if err := c.decodeOptional(w, &bad, &struct{}{}); err != nil {
		return err
	}
	if err := bad.err(); err != nil {
		return err
	}
	ticket, expires, err := a.auth.Ticket(c.id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, wire.Ticket{Ticket: ticket, ExpiresAt: wire.Time{Time: expires}})
}
