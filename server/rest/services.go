package rest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

var statuses = []string{
	string(fleet.StatusCircuitOpen), string(fleet.StatusUnknown), string(fleet.StatusUnhealthy),
	string(fleet.StatusDegraded), string(fleet.StatusHealthy),
}

func (a *API) listServices(w http.ResponseWriter, c *call) error {
	var bad badFields
	wanted := c.words(&bad, "status", statuses)
	limit, after := c.limit(&bad), c.after(&bad, servicesList)
	if err := bad.err(); err != nil {
		return err
	}
	layer, text := c.query.Get("layer"), strings.ToLower(c.query.Get("q"))
	page := wire.Services{Services: []wire.Entry{}}
	for v := range a.manager.ServicesAfter(after) {
		switch {
		case !c.id.Sees(v.Service),
			c.query.Has("layer") && v.Layer != layer,
			wanted != nil && !slices.Contains(wanted, string(v.Status)),
			!strings.Contains(v.Service, text) && !strings.Contains(strings.ToLower(v.Description), text):
			continue
		}
		if len(page.Services) == limit {
			page.NextCursor = servicesList.cursor(page.Services[limit-1].Service)
			break
		}
		entry, err := view.Entry(&v)
		if err != nil {
			return err
		}
		page.Services = append(page.Services, entry)
	}
	return writeJSON(w, http.StatusOK, page)
}

func (a *API) getService(w http.ResponseWriter, c *call) error {
	v, err := a.manager.Service(c.service)
	if err != nil {
		return err
	}
	return writeEntry(w, http.StatusOK, &v)
}

func (a *API) listInstances(w http.ResponseWriter, c *call) error {
	list, err := a.manager.Instances(c.service)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view.Instances(c.service, list))
}

func writeEntry(w http.ResponseWriter, status int, v *fleet.View) error {
	entry, err := view.Entry(v)
	if err != nil {
		return err
	}
	return writeJSON(w, status, entry)
}

func (a *API) putService(w http.ResponseWriter, c *call) error {
	version, err := a.ifThere(c)
	if err != nil {
		return err
	}
	body, err := c.read(w, jsonType)
	if err != nil {
		return err
	}
	var bad badFields
	bad.checkReason(c.query.Get("reason"))
	def, err := config.DecodeService(body, config.DecodeOptions{
		Name: c.service, Known: func(name string) bool { return !c.id.Sees(name) || a.known(name) },
	})
	if err = bad.addAll("", err); err != nil {
		return unreadable(err)
	}
	var was *config.HealthCheck
	if v, err := a.manager.Service(c.service); err == nil {
		was = v.HealthCheck
	}
	for _, f := range view.Unhide(def.HealthCheck, was) {
		bad.add(f.Field, "%s", f.Message)
	}
	if err := bad.err(); err != nil {
		return err
	}
	if err := a.mayDependOn(c, def.Dependencies); err != nil {
		return err
	}
	v, created, err := a.declare(c, version, def)
	if err != nil {
		return misled(err, c, def.Dependencies)
	}
	if !created {
		return writeEntry(w, http.StatusOK, &v)
	}
	w.Header().Set("Location", services+"/"+url.PathEscape(c.service))
	return writeEntry(w, http.StatusCreated, &v)
}

func (a *API) known(service string) bool {
	_, err := a.manager.Service(service)
	return err == nil
}

// mayDependOn refuses what the token is not for, there or not. What the service
// depends on already may stay.
func (a *API) mayDependOn(c *call, dependencies []string) error {
	v, err := a.manager.Service(c.service)
	for _, name := range dependencies {
		if err == nil && slices.Contains(v.Dependencies, name) {
			continue
		}
		if err := c.mayKnow(name); err != nil {
			return err
		}
	}
	return nil
}

// misled is err, with the very dependency that leads nowhere, or in a circle,
// where it is about one. Of services on the way that the token is not for it has
// no name.
func misled(err error, c *call, dependencies []string) error {
	e, ok := errors.AsType[*config.DependencyError](err)
	if !ok {
		return err
	}
	if c.id.Limited() {
		e = withoutNames(e, func(name string) bool { return c.id.Sees(name) || slices.Contains(dependencies, name) })
	}
	var bad badFields
	for _, f := range e.Fields(c.service, dependencies) {
		bad.add(f.Field, "%s", f.Message)
	}
	if len(bad) == 0 {
		bad.add("dependencies", "%s", e)
	}
	return bad.err()
}

// unseen stands for the name of a service that a token is not for.
const unseen = "…"

// withoutNames is e with the names only that may be told.
func withoutNames(e *config.DependencyError, tell func(name string) bool) *config.DependencyError {
	name := func(name string) string {
		if tell(name) {
			return name
		}
		return unseen
	}
	told := &config.DependencyError{}
	for _, m := range e.Missing {
		told.Missing = append(told.Missing, config.Missing{Service: name(m.Service), Dependency: name(m.Dependency)})
	}
	for _, cycle := range e.Cycles {
		path := make([]string, len(cycle))
		for i := range cycle {
			path[i] = name(cycle[i])
		}
		told.Cycles = append(told.Cycles, path)
	}
	return told
}

// declare puts the section in force. A request with an If-Match makes no new
// service.
func (a *API) declare(c *call, ifVersion int, def config.Service) (v fleet.View, created bool, err error) {
	by := c.actor(c.query.Get("reason"))
	if !c.conditional() {
		return a.manager.Declare(c.r.Context(), c.service, def, by)
	}
	if v, err = a.manager.DeclareIf(c.r.Context(), c.service, ifVersion, def, by); fleet.KindOf(err) == fleet.NotFound {
		err = c.notThere()
	}
	return v, false, err
}

func (c *call) conditional() bool { return len(c.r.Header.Values("If-Match")) > 0 }

func (c *call) notThere() error {
	return problem.Status(http.StatusPreconditionFailed, "there is no service %s", c.service)
}

// ifThere is the version that the request was made for; it is refused if there
// is no such service.
func (a *API) ifThere(c *call) (int, error) {
	if c.conditional() && !a.known(c.service) {
		return 0, c.notThere()
	}
	return a.ifMatch(c, false)
}

func (a *API) deleteService(w http.ResponseWriter, c *call) error {
	reason, err := c.optionalReason(w)
	if err != nil {
		return err
	}
	by := c.actor(reason)
	switch v, err := a.manager.Service(c.service); {
	case err != nil:
		return err
	case v.Source == fleet.SourceCode:
		return problem.Status(http.StatusConflict, "%s is part of a running program, which would not know", c.service)
	}
	if err := a.manager.Remove(c.r.Context(), c.service, by); err != nil {
		return needed(err, c)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// needed is err, where it names services that depend on another without those
// that the token is not for.
func needed(err error, c *call) error {
	e, ok := errors.AsType[*fleet.DependantsError](err)
	if !ok {
		return err
	}
	told := slices.DeleteFunc(slices.Clone(e.Names), func(name string) bool { return !c.id.Sees(name) })
	if len(told) < len(e.Names) {
		told = append(told, "services that the token is not for")
	}
	return &fleet.Error{Kind: fleet.Conflict, Op: "remove", Err: &fleet.DependantsError{Service: e.Service, Names: told}}
}
