package rest

import (
	"net/http"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// state answers with the whole board, as it is or as it was.
func (a *API) state(w http.ResponseWriter, c *call) error {
	var bad badFields
	at := c.moment(&bad, "at")
	if err := bad.err(); err != nil {
		return err
	}
	services, now := a.manager.Services, time.Now()
	if at.IsZero() {
		at = now
	} else {
		past, err := a.past(c, endOf(at, now))
		if err != nil {
			return err
		}
		services = func() []fleet.View { return past }
	}
	board := wire.State{At: wire.Time{Time: at}, Services: []wire.Entry{}}
	for _, v := range services() {
		if !c.id.Sees(v.Service) {
			continue
		}
		entry, err := view.Entry(&v)
		if err != nil {
			return err
		}
		board.Services = append(board.Services, entry)
	}
	return writeJSON(w, http.StatusOK, board)
}

// endOf is the last moment that the wire, which cuts times to the millisecond,
// writes as at: who asks for the moment of an event sees what it did. A moment
// that is finer is taken as it is.
func endOf(at, now time.Time) time.Time {
	last := at.Add(time.Millisecond - 1)
	switch {
	case !at.Equal(at.Truncate(time.Millisecond)) || at.After(now):
		return at
	case last.After(now):
		return now
	}
	return last
}

func (a *API) past(c *call, at time.Time) ([]fleet.View, error) {
	recorder, err := a.recorder()
	if err != nil {
		return nil, err
	}
	var sees func(string) bool // all
	if c.id.Limited() {
		sees = c.id.Sees
	}
	views, err := recorder.StateAt(c.r.Context(), at, sees)
	if len(fleet.FieldsOf(err)) > 0 { // the parameter's
		var bad badFields
		_ = bad.addAll("", err)
		err = bad.err()
	}
	return views, err
}
