package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

var eventKinds = []string{
	string(fleet.EventTransition), string(fleet.EventInstanceTransition), string(fleet.EventOverride), string(fleet.EventOverrideExpired), string(fleet.EventReset),
	string(fleet.EventConfigChanged), string(fleet.EventConfigWarning), string(fleet.EventHealthFailed),
	string(fleet.EventHealthRecovered), string(fleet.EventRegistered), string(fleet.EventDeclared), string(fleet.EventRemoved),
}

func (a *API) listEvents(w http.ResponseWriter, c *call) error {
	if !c.query.Has("service") {
		return a.writeEvents(w, c, "")
	}
	service := c.query.Get("service")
	var bad badFields
	bad.checkService(service)
	if err := bad.err(); err != nil {
		return err
	}
	if err := c.mayKnow(service); err != nil {
		return err
	}
	return a.writeEvents(w, c, service)
}

func (a *API) listServiceEvents(w http.ResponseWriter, c *call) error {
	return a.writeEvents(w, c, c.service)
}

// writeEvents answers for a service that was taken out too: its history stays.
func (a *API) writeEvents(w http.ResponseWriter, c *call, service string) error {
	page, err := a.events(c, service)
	if err == nil && len(page.Events) == 0 && service != "" {
		err = a.wasThere(c.r.Context(), service)
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
	find := a.page
	if service == "" && c.id.Limited() {
		find = a.pageOf(c.id)
	}
	events, next, err := find(c.r.Context(), q)
	if err != nil {
		return page, err
	}
	for i := range events {
		page.Events = append(page.Events, view.Event(&events[i]))
	}
	if next > 0 {
		page.NextCursor = eventsList.cursor(strconv.FormatInt(next, 10))
	}
	return page, nil
}

// page is what the query asks for, and the event that more is behind; 0 if
// there is no more.
func (a *API) page(ctx context.Context, q fleet.EventQuery) (events []fleet.Event, next int64, err error) {
	events, err = a.manager.Events(ctx, q)
	if err != nil || len(events) < q.Limit {
		return events, 0, err
	}
	// Asked apart and not as one more line: the store's limit is ours.
	last := events[len(events)-1].ID
	q.Before, q.Limit = last, 1
	more, err := a.manager.Events(ctx, q)
	if len(more) > 0 {
		next = last
	}
	return events, next, err
}

// maxReads is how often the store is read for one page of what a token is for.
const maxReads = 20

// pageOf is page for a token that is for some services only. It may be short,
// or empty, although there is more: the history of others is read past, but not
// without an end.
func (a *API) pageOf(id auth.Identity) func(context.Context, fleet.EventQuery) ([]fleet.Event, int64, error) {
	return func(ctx context.Context, q fleet.EventQuery) (events []fleet.Event, next int64, err error) {
		limit := q.Limit
		q.Limit = maxLimit
		for range maxReads {
			some, err := a.manager.Events(ctx, q)
			if err != nil {
				return nil, 0, err
			}
			for i := range some {
				if len(events) == limit {
					return events, q.Before, nil
				}
				if id.Sees(some[i].Service) {
					events = append(events, some[i])
				}
				q.Before = some[i].ID
			}
			if len(some) < q.Limit {
				return events, 0, nil
			}
		}
		return events, q.Before, nil
	}
}
