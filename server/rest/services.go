package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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
		case c.query.Has("layer") && v.Layer != layer,
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

func (a *API) state(w http.ResponseWriter, _ *call) error {
	board := wire.State{At: wire.Time{Time: time.Now()}, Services: []wire.Entry{}}
	for _, v := range a.manager.Services() {
		entry, err := view.Entry(&v)
		if err != nil {
			return err
		}
		board.Services = append(board.Services, entry)
	}
	return writeJSON(w, http.StatusOK, board)
}

func (a *API) getService(w http.ResponseWriter, c *call) error {
	v, err := a.manager.Service(c.service)
	if err != nil {
		return err
	}
	return writeEntry(w, http.StatusOK, &v)
}

func writeEntry(w http.ResponseWriter, status int, v *fleet.View) error {
	entry, err := view.Entry(v)
	if err != nil {
		return err
	}
	return writeJSON(w, status, entry)
}

func (a *API) putService(w http.ResponseWriter, c *call) error {
	body, err := c.read(w, jsonType)
	if err != nil {
		return err
	}
	var bad badFields
	bad.checkReason(c.query.Get("reason"))
	def, err := config.DecodeService(body, config.DecodeOptions{Name: c.service})
	if err = bad.addAll("", err); err != nil {
		return unreadable(err)
	}
	if err := bad.err(); err != nil {
		return err
	}
	v, created, err := a.manager.Declare(c.r.Context(), c.service, def, c.actor(c.query.Get("reason")))
	if err != nil {
		return err
	}
	if !created {
		return writeEntry(w, http.StatusOK, &v)
	}
	w.Header().Set("Location", services+"/"+url.PathEscape(c.service))
	return writeEntry(w, http.StatusCreated, &v)
}

func (a *API) deleteService(w http.ResponseWriter, c *call) error {
	reason, err := c.optionalReason(w)
	if err != nil {
		return err
	}
	switch v, err := a.manager.Service(c.service); {
	case err != nil:
		return err
	case v.Source == fleet.SourceCode:
		return problem.Status(http.StatusConflict, "%s is part of a running program, which would not know", c.service)
	}
	if err := a.manager.Remove(c.r.Context(), c.service, c.actor(reason)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
