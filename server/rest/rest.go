// Package rest is the manager over HTTP: /api/v2.
//
// # Promises
//
//  1. Nobody without a token whose role allows it learns or changes anything.
//  2. What is not understood is refused: unknown fields of a body, unknown
//     query parameters, other methods, paths and media types, each with a
//     problem (RFC 9457) that names every bad field.
//  3. A config is changed by who has seen the one in force: of many that have
//     seen the same, one.
//  4. A body is read to 1 MiB and no further.
package rest

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/problem"
)

// Deps are what an API works with; all are required.
type Deps struct {
	Manager  *fleet.Manager
	Auth     *auth.Authenticator
	Problems *problem.Writer
}

// API is an http.Handler for everything below /api/v2/. It is safe for
// concurrent use.
type API struct {
	manager  *fleet.Manager
	auth     *auth.Authenticator
	problems *problem.Writer
	mux      *http.ServeMux
}

// New makes an API.
func New(d Deps) *API {
	a := &API{manager: d.Manager, auth: d.Auth, problems: d.Problems, mux: http.NewServeMux()}
	for _, rt := range a.routes() {
		a.mux.Handle(rt.pattern, a.handler(rt))
	}
	return a
}

// route is one line of the contract's table.
type route struct {
	pattern string
	role    auth.Role
	serve   func(w http.ResponseWriter, c *call) error

	// query are the parameters that it takes; others are refused.
	query []string
	// absent: the service of the path need not be there.
	absent bool
}

const (
	services = "/api/v2/services"
	service  = services + "/{service}"
)

func (a *API) routes() []route {
	list := []string{"limit", "cursor"}
	history := []string{"kind", "since", "until", "limit", "cursor"}
	reason := []string{"reason"}
	return []route{
		{pattern: "GET " + services, role: auth.Viewer, serve: a.listServices, query: append(list, "status", "layer", "q")},
		{pattern: "GET " + service, role: auth.Viewer, serve: a.getService},
		{pattern: "PUT " + service, role: auth.Admin, serve: a.putService, query: reason, absent: true},
		{pattern: "DELETE " + service, role: auth.Admin, serve: a.deleteService, query: reason},
		{pattern: "GET /api/v2/state", role: auth.Viewer, serve: a.state},

		{pattern: "GET /api/v2/events", role: auth.Viewer, serve: a.listEvents, query: append(history, "service")},
		{pattern: "GET " + service + "/events", role: auth.Viewer, serve: a.listServiceEvents, query: history, absent: true},

		{pattern: "POST " + service + "/health-check", role: auth.Operator, serve: a.checkHealth},
		{pattern: "POST " + service + "/reset", role: auth.Operator, serve: a.reset},
		{pattern: "PUT " + service + "/override", role: auth.Operator, serve: a.putOverride},
		{pattern: "DELETE " + service + "/override", role: auth.Operator, serve: a.deleteOverride, query: reason},

		{pattern: "GET " + service + "/config", role: auth.Viewer, serve: a.getConfig},
		{pattern: "PUT " + service + "/config", role: auth.Admin, serve: a.putConfig},
		{pattern: "PATCH " + service + "/config", role: auth.Admin, serve: a.patchConfig},
		{pattern: "GET " + service + "/config/versions", role: auth.Viewer, serve: a.listConfigVersions, query: list},
		{pattern: "POST " + service + "/config/rollback", role: auth.Admin, serve: a.rollback},

		{pattern: "POST " + service + "/operations", role: auth.Agent, serve: a.report},
	}
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

// call is a request that was let in.
type call struct {
	r       *http.Request
	id      auth.Identity
	service string // of its path; empty if that has none
	query   url.Values
}

func (a *API) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.admit(rt, r)
		if err == nil {
			err = rt.serve(w, c)
		}
		if err != nil {
			a.problems.Write(w, r, err)
		}
	})
}

// admit lets a request in: who it is, what it may, and what it speaks of.
func (a *API) admit(rt route, r *http.Request) (*call, error) {
	id, err := a.auth.Request(r)
	if err != nil {
		return nil, err
	}
	if !id.Role.May(rt.role) {
		return nil, problem.Status(http.StatusForbidden, "the role %s may not do this, %s may", id.Role, rt.role)
	}
	c := &call{r: r.WithContext(auth.With(r.Context(), id)), id: id, service: r.PathValue("service")}
	if c.query, err = readQuery(r, rt.query); err != nil {
		return nil, err
	}
	if c.service == "" {
		return c, nil
	}
	if !switchgear.ValidName(c.service) {
		var bad badFields
		bad.add("service", "%.130q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", c.service)
		return nil, bad.err()
	}
	if !rt.absent {
		if _, err := a.manager.Service(c.service); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// actor is who gives the order.
func (c *call) actor(reason string) fleet.Actor {
	return fleet.Actor{Name: c.id.Name, Address: auth.Address(c.r), Reason: reason}
}

// writeJSON answers with v, or says that it cannot.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // nobody is there to read it
	return nil
}
