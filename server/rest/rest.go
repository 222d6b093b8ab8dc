// Package rest is the manager over HTTP: /api/v2.
//
// # Promises
//
//  1. Nobody without a token whose role and services allow it learns or changes
//     anything.
//  2. What is not understood is refused: unknown fields of a body, unknown
//     query parameters, other methods, paths and media types, each with a
//     problem (RFC 9457) that names every bad field.
//  3. A config is changed by who has seen the one in force: of many that have
//     seen the same, one.
//  4. A body is read to 1 MiB and no further.
//  5. A POST with an Idempotency-Key is carried out once, however often it is
//     sent within a day, also over the end of the process. A ticket is made each
//     time.
//  6. A secret is in one answer, and kept for no other.
//  7. What was refused to somebody who was let in is in the audit log: changes,
//     and the lists of tokens and of the audit log.
//  8. A token that is for some services only is told the names of no others,
//     but those that its own services depend on.
//  9. The document at /api/v2/openapi.json says all of it, and nothing else.
package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

// Deps are what an API works with.
type Deps struct {
	Manager  *fleet.Manager      // required
	Auth     *auth.Authenticator // required
	Problems *problem.Writer     // required

	// AllowedOrigins are the web pages, beside the server's own, that a
	// session's cookie lets in.
	AllowedOrigins []string

	// Series is what keeps how the services were; nil, or a nil one: nobody does.
	Series func() *series.Recorder

	// Alerts are the alerts; nil, or nil ones: nobody watches for them.
	Alerts func() Alerts

	// Tracer makes spans of requests that give orders; nil: there are none.
	Tracer trace.Tracer

	// Info says how the server is; nil: nobody knows.
	Info func(ctx context.Context) wire.ServerInfo
}

// API is an http.Handler for everything below /api/v2/. It is safe for
// concurrent use.
type API struct {
	manager  *fleet.Manager
	auth     *auth.Authenticator
	problems *problem.Writer
	allowed  []string
	series   func() *series.Recorder
	alerts   func() Alerts
	tracer   trace.Tracer
	info     func(ctx context.Context) wire.ServerInfo
	mux      *http.ServeMux
	answers  answers
}

// New makes an API.
func New(d Deps) *API {
	a := &API{
		manager: d.Manager, auth: d.Auth, problems: d.Problems, allowed: d.AllowedOrigins, series: d.Series, alerts: d.Alerts,
		tracer: d.Tracer, info: d.Info, mux: http.NewServeMux(),
	}
	if a.info == nil {
		a.info = func(context.Context) wire.ServerInfo { return wire.ServerInfo{} }
	}
	for _, rt := range a.routes() {
		a.mux.Handle(rt.pattern, a.handler(rt))
	}
	return a
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r) // and not h: the mux gives the request its {service}
		return
	}
	a.problems.Write(w, r, problem.NotRouted(w, r, h))
}

// call is a request on its way.
type call struct {
	r       *http.Request
	id      auth.Identity // the zero Identity before it is let in
	service string        // of its path; empty if that has none
	query   url.Values
	sent    []byte        // the body; nil before it is read
	reason  string        // of the order, as far as it was read
	request fleet.Request // without a key if it has none
}

func (a *API) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, began := r.Context(), time.Now()
		c, err := a.admit(rt, r)
		if err == nil && a.tracer != nil && rt.orders() {
			var span *orderSpan
			ctx, span = a.traced(ctx, rt, w, c, began)
			defer span.end()
			w, c.r = span, r.WithContext(ctx)
		}
		if err == nil {
			err = a.once(ctx, rt, w, c)
		}
		if err != nil {
			a.noteRefusal(rt, c, err)
			a.problems.Write(w, c.r, err)
		}
	})
}

// admit lets a request in: who it is, what it may, and what it speaks of. Beside
// an error the call has what is known of it.
func (a *API) admit(rt route, r *http.Request) (c *call, err error) {
	c = &call{r: r, service: r.PathValue("service")}
	if rt.open || rt.guest && auth.Guest(r) {
		c.query, err = readQuery(r, rt.query)
		return c, err
	}
	if c.id, err = a.auth.Visitor(r, a.allowed); err != nil {
		return c, err
	}
	switch {
	case !c.id.Role.May(rt.role):
		return c, problem.Status(http.StatusForbidden, "the role %s may not do this, %s may", c.id.Role, rt.role)
	case rt.global && c.id.Limited():
		return c, problem.Status(http.StatusForbidden, "the token is for some services only, and this is about all of them")
	}
	if c.query, err = readQuery(r, rt.query); err != nil || c.service == "" {
		return c, err
	}
	var bad badFields
	bad.checkService(c.service)
	if err := bad.err(); err != nil {
		return c, err
	}
	return c, c.mayKnow(c.service)
}

// mayKnow refuses what the token is not for.
func (c *call) mayKnow(service string) error {
	if c.id.Sees(service) {
		return nil
	}
	return problem.Status(http.StatusForbidden, "the token is not for the service %s", service)
}

func (b *badFields) checkService(name string) {
	if !switchgear.ValidName(name) {
		b.add("service", "%.130q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", name)
	}
}

// serve answers a request that was let in, and is to be carried out.
func (a *API) serve(rt route, w http.ResponseWriter, c *call) error {
	if c.service != "" && !rt.absent {
		if _, err := a.manager.Service(c.service); err != nil {
			return err
		}
	}
	return rt.serve(w, c)
}

// actor is who gives the order.
func (c *call) actor(reason string) fleet.Actor {
	c.reason = reason
	return fleet.Actor{
		Name: c.id.Name, TokenID: c.id.TokenID, Address: auth.Address(c.r), Reason: reason, Request: c.request,
	}
}

// writeJSON answers with v, or says that it cannot.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // nobody is there to read it
	return nil
}
