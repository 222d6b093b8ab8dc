package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// Alerts are the alerts of a manager, with silences and receivers. Errors are
// *fleet.Error.
type Alerts interface {
	// Alerts returns what the query asks for, newest first.
	Alerts(ctx context.Context, q fleet.AlertQuery) ([]fleet.Alert, error)
	// Alert returns one.
	Alert(ctx context.Context, id string) (fleet.Alert, error)
	// Acknowledge says of an alert, and all of its incident, that the actor has
	// seen it, and of how many of them this is news.
	Acknowledge(ctx context.Context, id string, by fleet.Actor) (a fleet.Alert, newly int, err error)
	// Unacknowledge takes that back, whoever has said it.
	Unacknowledge(ctx context.Context, id string, by fleet.Actor) (fleet.Alert, error)
	// Silences are those that have not ended, and those that ended lately.
	Silences(ctx context.Context) ([]fleet.Silence, error)
	// Silence adds one, of which the matchers, the reason and the times are given.
	Silence(ctx context.Context, s fleet.Silence, by fleet.Actor) (fleet.Silence, error)
	// Covers is how many alerts that fire now all matchers match.
	Covers(matchers []fleet.Matcher) (int, error)
	// EndSilence ends one now.
	EndSilence(ctx context.Context, id string, by fleet.Actor) error
	// Receivers are where alerts are sent.
	Receivers() []wire.Receiver
	// TestReceiver sends a message to a receiver, and returns how that went.
	TestReceiver(ctx context.Context, name string, by fleet.Actor) error
}

// watched are the alerts; an error where nobody watches for them.
func (a *API) watched() (Alerts, error) {
	var alerts Alerts
	if a.alerts != nil {
		alerts = a.alerts()
	}
	if alerts == nil {
		return nil, problem.Status(http.StatusServiceUnavailable, "this manager has no alerts")
	}
	return alerts, nil
}

var alertStatuses = []string{view.AlertFiring, view.AlertResolved}

func (a *API) listAlerts(w http.ResponseWriter, c *call) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	var bad badFields
	q := fleet.AlertQuery{
		Service: c.query.Get("service"), Incident: c.query.Get("incident"), Before: c.after(&bad, alertsList), Limit: c.limit(&bad),
	}
	if c.query.Has("service") {
		bad.checkService(q.Service)
	}
	switch asked := c.words(&bad, "status", alertStatuses); {
	case len(asked) != 1:
	case asked[0] == view.AlertFiring:
		q.Status = fleet.FiringAlerts
	default:
		q.Status = fleet.ResolvedAlerts
	}
	if err := bad.err(); err != nil {
		return err
	}
	if q.Service != "" {
		if err := c.mayKnow(q.Service); err != nil {
			return err
		}
	}
	found, next, err := pageOfAlerts(c, alerts, q)
	if err != nil {
		return err
	}
	page := wire.Alerts{Alerts: make([]wire.Alert, 0, len(found))}
	for i := range found {
		page.Alerts = append(page.Alerts, view.Alert(&found[i], c.sees()))
	}
	if next != "" {
		page.NextCursor = alertsList.cursor(next)
	}
	return writeJSON(w, http.StatusOK, page)
}

// pageOfAlerts is what the query asks for of what the token is for, and the ID
// behind which there may be more. Of a token that is for some services only it may
// be short, or empty, although there is more, as with events.
func pageOfAlerts(c *call, alerts Alerts, q fleet.AlertQuery) (page []fleet.Alert, next string, err error) {
	limit := q.Limit
	q.Limit = maxLimit
	for range maxReads {
		some, err := alerts.Alerts(c.r.Context(), q)
		if err != nil {
			return nil, "", err
		}
		for i := range some {
			if len(page) == limit {
				return page, q.Before, nil
			}
			if c.id.Sees(some[i].Service) {
				page = append(page, some[i])
			}
			q.Before = some[i].ID
		}
		if len(some) < q.Limit {
			return page, "", nil
		}
	}
	return page, q.Before, nil
}

// sees is what the token is for; nil: all.
func (c *call) sees() func(service string) bool {
	if !c.id.Limited() {
		return nil
	}
	return c.id.Sees
}

// alert is the alert of the path, if the token is for its service.
func (a *API) alert(c *call) (fleet.Alert, Alerts, error) {
	alerts, err := a.watched()
	if err != nil {
		return fleet.Alert{}, nil, err
	}
	found, err := alerts.Alert(c.r.Context(), c.r.PathValue("id"))
	if err == nil {
		err = c.mayKnow(found.Service)
	}
	return found, alerts, err
}

func (a *API) getAlert(w http.ResponseWriter, c *call) error {
	found, _, err := a.alert(c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view.Alert(&found, c.sees()))
}

func (a *API) acknowledge(w http.ResponseWriter, c *call) error {
	id, alerts, by, err := a.seen(w, c)
	if err != nil {
		return err
	}
	found, newly, err := alerts.Acknowledge(c.r.Context(), id, by)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wire.Acknowledged{Alert: view.Alert(&found, c.sees()), Newly: newly})
}

func (a *API) unacknowledge(w http.ResponseWriter, c *call) error {
	id, alerts, by, err := a.seen(w, c)
	if err != nil {
		return err
	}
	found, err := alerts.Unacknowledge(c.r.Context(), id, by)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view.Alert(&found, c.sees()))
}

// seen is the alert of the path, and who says whether its incident was seen, if
// they may.
func (a *API) seen(w http.ResponseWriter, c *call) (id string, alerts Alerts, by fleet.Actor, err error) {
	reason, err := c.optionalReason(w)
	if err != nil {
		return "", nil, fleet.Actor{}, err
	}
	found, alerts, err := a.alert(c)
	if err == nil {
		err = c.mayAcknowledge(alerts, found.Incident)
	}
	return found.ID, alerts, c.actor(reason), err
}

// mayAcknowledge refuses a token that is not for all services of an incident: the
// others would not be told again, or would be, on the word of somebody who does not
// see them.
func (c *call) mayAcknowledge(alerts Alerts, incident string) error {
	if !c.id.Limited() {
		return nil
	}
	for q := (fleet.AlertQuery{Status: fleet.FiringAlerts, Incident: incident, Limit: maxLimit}); ; {
		some, err := alerts.Alerts(c.r.Context(), q)
		if err != nil {
			return err
		}
		for i := range some {
			if !c.id.Sees(some[i].Service) {
				return problem.Status(http.StatusForbidden, "the incident %s has alerts of services that the token is not for", incident)
			}
			q.Before = some[i].ID
		}
		if len(some) < q.Limit {
			return nil
		}
	}
}

// acknowledgeAgain answers with the present alert.
func (a *API) acknowledgeAgain(w http.ResponseWriter, c *call, _ fleet.Request) error {
	found, _, err := a.alert(c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wire.Acknowledged{Alert: view.Alert(&found, c.sees())})
}

func (a *API) listSilences(w http.ResponseWriter, c *call) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	found, err := alerts.Silences(c.r.Context())
	if err != nil {
		return err
	}
	out := wire.Silences{Silences: make([]wire.Silence, 0, len(found))}
	now := time.Now()
	for i := range found {
		out.Silences = append(out.Silences, view.Silence(&found[i], now))
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) createSilence(w http.ResponseWriter, c *call) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	var bad badFields
	var body wire.SilenceRequest
	if err := c.decode(w, &bad, &body, jsonType); err != nil {
		return err
	}
	bad.requireReason(body.Reason)
	s := fleet.Silence{Reason: body.Reason}
	for _, m := range body.Matchers {
		s.Matchers = append(s.Matchers, fleet.Matcher(m))
	}
	if body.StartsAt != nil {
		s.StartsAt = body.StartsAt.Time
	}
	if body.EndsAt != nil {
		s.EndsAt = body.EndsAt.Time
	}
	if s.EndsAt.IsZero() {
		bad.add("ends_at", "a silence needs an end")
	}
	if err := bad.err(); err != nil {
		return err
	}
	made, err := alerts.Silence(c.r.Context(), s, c.actor(body.Reason))
	if err != nil {
		return err
	}
	return writeSilence(w, alerts, &made)
}

// writeSilence answers with a silence, and how many alerts it is about now: one
// that is about none may have been meant otherwise.
func writeSilence(w http.ResponseWriter, alerts Alerts, s *fleet.Silence) error {
	covers, err := alerts.Covers(s.Matchers)
	if err != nil {
		return err
	}
	out := view.Silence(s, time.Now())
	out.Covers = &covers
	return writeJSON(w, http.StatusCreated, out)
}

// createSilenceAgain answers with the silence as it is now.
func (a *API) createSilenceAgain(w http.ResponseWriter, c *call, was fleet.Request) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	found, err := alerts.Silences(c.r.Context())
	if err != nil {
		return err
	}
	for i := range found {
		if found[i].ID == was.Subject {
			return writeSilence(w, alerts, &found[i])
		}
	}
	return problem.Status(http.StatusConflict, "this request has made the silence %s already, and it is over", was.Subject)
}

func (a *API) endSilence(w http.ResponseWriter, c *call) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	reason, err := c.optionalReason(w)
	if err != nil {
		return err
	}
	if err := alerts.EndSilence(c.r.Context(), c.r.PathValue("id"), c.actor(reason)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) listReceivers(w http.ResponseWriter, _ *call) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wire.Receivers{Receivers: append([]wire.Receiver{}, alerts.Receivers()...)})
}

// testReceiver answers when the receiver has answered, which may take longer than
// a request may.
func (a *API) testReceiver(w http.ResponseWriter, c *call) error {
	alerts, err := a.watched()
	if err != nil {
		return err
	}
	var bad badFields
	if err := c.decodeOptional(w, &bad, &struct{}{}); err != nil {
		return err
	}
	if err := bad.err(); err != nil {
		return err
	}
	answer := unhurried(w)
	err = alerts.TestReceiver(c.r.Context(), c.r.PathValue("name"), c.actor(""))
	answer()
	if err != nil {
		if fleet.KindOf(err) == fleet.Unavailable {
			err = problem.Status(http.StatusBadGateway, "%v", err)
		}
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
