package rest

import (
	"net/http"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

// openSession logs a browser in. What it was before it is no more, so that
// nobody can have it take a session that he knows.
func (a *API) openSession(w http.ResponseWriter, c *call) error {
	if !auth.OriginAllowed(c.r, a.allowed) {
		return problem.Status(http.StatusForbidden,
			"the page's origin is neither this server's own nor among server.allowedOrigins, to the letter; behind a proxy it has to be")
	}
	var bad badFields
	var body wire.SessionRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	if (body.Token == "") == (body.Code == "") {
		bad.add("token", "either a token or a code is required, and not both")
	}
	if err := bad.err(); err != nil {
		return err
	}
	secret, id, err := a.logIn(c, &body)
	if err != nil {
		return err
	}
	http.SetCookie(w, auth.Cookie(c.r, secret, id.ExpiresAt))
	return writeJSON(w, http.StatusCreated, sessionOf(&id))
}

// logIn is the secret of the cookie, and who it lets in. A code is redeemed by the
// session that it has made: the store may take none just now.
func (a *API) logIn(c *call, body *wire.SessionRequest) (secret string, id auth.Identity, err error) {
	giveBack := func() {}
	if body.Token != "" {
		c.id, err = a.auth.Login(c.r, body.Token)
	} else {
		c.id, giveBack, err = a.auth.LoginByCode(c.r, body.Code)
	}
	switch {
	case err != nil:
		return "", id, err
	case !c.id.Role.May(auth.Viewer):
		return "", id, problem.Status(http.StatusForbidden, "the role %s may look at nothing", c.id.Role)
	}
	if secret, id, err = a.newSession(c, body.Token); err != nil {
		giveBack()
	}
	return secret, id, err
}

// newSession is the secret of the cookie, and who it lets in.
func (a *API) newSession(c *call, token string) (secret string, id auth.Identity, err error) {
	id, by := c.id, c.actor("")
	old, replaces := a.auth.Current(c.r)
	secret, session, ok := a.auth.NewSession(id)
	switch {
	case ok:
		session, err = a.manager.OpenSession(c.r.Context(), session, old.Session(), by)
		id.ExpiresAt = session.ExpiresAt
	case len(token) > auth.MaxCookie:
		var bad badFields
		bad.add("token", "a JWT of %d bytes does not fit into a cookie, which holds %d", len(token), auth.MaxCookie)
		err = bad.err()
	default:
		secret = token
		if err = a.manager.Note(c.r.Context(), "log in", "", by); err == nil {
			a.auth.Resume(id)
			err = a.forget(c, old.Session(), by)
		}
	}
	if err == nil && replaces && old.TokenID != id.TokenID {
		a.auth.LogOut(old)
	}
	return secret, id, err
}

// noteLogOut has the store forget the session of the cookie. A JWT is in none.
func (a *API) noteLogOut(c *call) error {
	if session := c.id.Session(); session != "" {
		return a.forget(c, session, c.actor(""))
	}
	return a.manager.Note(c.r.Context(), "log out", "", c.actor(""))
}

// forget takes a session out of the store; empty is none. One that is not there
// any more has ended, too.
func (a *API) forget(c *call, session string, by fleet.Actor) error {
	if session == "" {
		return nil
	}
	err := a.manager.CloseSession(c.r.Context(), session, by)
	if fleet.KindOf(err) == fleet.NotFound {
		return nil
	}
	return err
}

func sessionOf(id *auth.Identity) wire.Session {
	return wire.Session{
		Name: id.Name, Role: id.Role.String(), Services: append([]string(nil), id.Services...),
		ExpiresAt: wire.Time{Time: id.ExpiresAt},
	}
}

// getSession has no answer for a page that has no session, and shows none: that
// is how each begins, and no failure.
func (a *API) getSession(w http.ResponseWriter, c *call) error {
	if c.id.TokenID == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeJSON(w, http.StatusOK, sessionOf(&c.id))
}

// closeSession logs the browser out whose cookie it is. Without one that holds
// there is nothing to do but to have the browser forget it.
func (a *API) closeSession(w http.ResponseWriter, c *call) error {
	if auth.HasCookie(c.r) {
		id, err := a.auth.Page(c.r, a.allowed)
		switch kind := fleet.KindOf(err); {
		case err == nil:
			c.id = id
		case kind != fleet.Unauthorized || !auth.OwnPage(c.r, a.allowed):
			return err
		}
	}
	for _, cookie := range auth.NoCookie(c.r) {
		http.SetCookie(w, cookie)
	}
	if c.id.TokenID != "" {
		a.auth.LogOut(c.id) // also where the store does not answer: who leaves is not to stay
		if err := a.noteLogOut(c); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
