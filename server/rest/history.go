package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

var eventKinds = []string{
	string(fleet.EventTransition), string(fleet.EventOverride), string(fleet.EventOverrideExpired), string(fleet.EventReset),
	string(fleet.EventConfigChanged), string(fleet.EventConfigWarning), string(fleet.EventHealthFailed),
	string(fleet.EventHealthRecovered), string(fleet.EventRegistered), string(fleet.EventRemoved),
}

func (a *API) listEvents(w http.ResponseWriter, c *call) error {
	service := c.query.Get("service")
	if c.query.Has("service") && !switchgear.ValidName(service) {
		var bad badFields
		bad.add("service", "%.130q is no name of a service", service)
		return bad.err()
	}
	page, err := a.events(c, service)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

// listServiceEvents answers for a service that was taken out too: its history
// stays.
func (a *API) listServiceEvents(w http.ResponseWriter, c *call) error {
	page, err := a.events(c, c.service)
	if err == nil && len(page.Events) == 0 {
		err = a.wasThere(c.r.Context(), c.service)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

// wasThere is NotFound for a service that is not there and never was.
func (a *API) wasThere(ctx context.Context, name string) error {
	_, unknown := a.manager.Service(name)
	if unknown == nil {
		return nil
	}
	any, err := a.manager.Events(ctx, fleet.EventQuery{Service: name, Limit: 1})
	if err == nil && len(any) == 0 {
		err = unknown
	}
	return err
}

func (a *API) events(c *call, service string) (wire.Events, error) {
	var bad badFields
	q := fleet.EventQuery{
		Service: service, Since: c.moment(&bad, "since"), Until: c.moment(&bad, "until"),
		Before: c.afterID(&bad, eventsList), Limit: c.limit(&bad),
	}
	for _, kind := range c.words(&bad, "kind", eventKinds) {
		q.Kinds = append(q.Kinds, fleet.EventKind(kind))
	}
	page := wire.Events{Events: []wire.Event{}}
	if err := bad.err(); err != nil {
		return page, err
	}
	events, err := a.manager.Events(c.r.Context(), q)
	if err != nil {
		return page, err
	}
	for i := range events {
		page.Events = append(page.Events, view.Event(&events[i]))
	}
	if len(events) < q.Limit {
		return page, nil
	}
	// Asked apart and not as one more line: the store's limit is ours.
	last := events[len(events)-1].ID
	q.Before, q.Limit = last, 1
	more, err := a.manager.Events(c.r.Context(), q)
	if len(more) > 0 {
		page.NextCursor = eventsList.cursor(strconv.FormatInt(last, 10))
	}
	return page, err
}
