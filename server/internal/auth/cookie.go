package auth

import (
	"net/http"
	"strings"
	"time"
)

const (
	cookieName = "switchgear_session"

	// A browser takes a cookie of such a name only over TLS, for this very host
	// and all of its paths, so that no neighbour can set it (RFC 6265bis).
	secureCookieName = "__Host-" + cookieName

	// clientHeader and its value are what the dashboard shows with each request.
	// A page of another origin has to ask before it may send such a header, and
	// nobody here says yes.
	clientHeader = "Switchgear-Client"
	clientPage   = "dashboard"

	// MaxCookie is how long a secret in a cookie may be, in bytes: of name and
	// value together browsers keep 4096.
	MaxCookie = 4000

	// maxCookies is how many cookies of the name are looked at.
	maxCookies = 4
)

// Cookie is what a browser is to keep of a session: its secret, until then. It
// goes over TLS only, where the request came so, here or to a proxy; of that an
// Origin with https tells, which must have been judged.
func Cookie(r *http.Request, secret string, until time.Time) *http.Cookie {
	return newCookie(overTLS(r), secret, max(int(time.Until(until).Seconds()), 1))
}

// NoCookie are what makes a browser forget its session.
func NoCookie(r *http.Request) []*http.Cookie {
	const forget = -1
	cookies := []*http.Cookie{newCookie(false, "", forget)}
	if overTLS(r) {
		cookies = append(cookies, newCookie(true, "", forget))
	}
	return cookies
}

func newCookie(secure bool, value string, maxAge int) *http.Cookie {
	name := cookieName
	if secure {
		name = secureCookieName
	}
	return &http.Cookie{ //nolint:gosec // Secure where there is TLS: without it browsers would not keep it
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

func overTLS(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
}

// cookies are the secrets of the sessions that a request shows.
func cookies(r *http.Request) []string {
	found := r.CookiesNamed(secureCookieName)
	if len(found) == 0 && r.TLS == nil {
		found = r.CookiesNamed(cookieName)
	}
	var secrets []string
	for _, c := range found[:min(len(found), maxCookies)] {
		secrets = append(secrets, c.Value)
	}
	return secrets
}

// HasCookie reports whether a request shows a session, whatever it is worth.
func HasCookie(r *http.Request) bool { return len(cookies(r)) > 0 }

// Guest reports whether a request is the dashboard's and shows nothing that could
// let it in.
func Guest(r *http.Request) bool {
	return r.Header.Get(clientHeader) == clientPage && len(r.Header.Values("Authorization")) == 0 && !HasCookie(r)
}

// Visitor is Request, and where there is no Authorization whoever the session's
// cookie lets in: with an Origin that is the server's own or allowed, or, of a
// request that changes nothing, with the header that the dashboard sends. A
// cookie that lets nobody in is Unauthorized, and no failed log-in: browsers show
// what they have, also when it has ended. Whom another node has let in is who that
// says: see With.
func (a *Authenticator) Visitor(r *http.Request, allowed []string) (Identity, error) {
	if id, ok := From(r.Context()); ok {
		return id, nil
	}
	if len(r.Header.Values("Authorization")) > 0 || !HasCookie(r) {
		return a.Request(r)
	}
	if len(r.Header.Values("Origin")) == 0 && r.Header.Get(clientHeader) == clientPage &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return a.byCookie(r)
	}
	return a.Page(r, allowed)
}

// Page is who the session's cookie lets in, if the request has an Origin that is
// the server's own or allowed.
func (a *Authenticator) Page(r *http.Request, allowed []string) (Identity, error) {
	if !OwnPage(r, allowed) {
		return Identity{}, unauthorized(errNoPage)
	}
	return a.byCookie(r)
}

// OwnPage reports whether a request has an Origin that is the server's own or
// allowed. A browser says one with every request that may change something.
func OwnPage(r *http.Request, allowed []string) bool {
	return len(r.Header.Values("Origin")) > 0 && OriginAllowed(r, allowed)
}
