package view

import (
	"slices"
	"time"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// What an alert's status can be.
const (
	AlertFiring   = "firing"
	AlertResolved = "resolved"
)

// Alert is an alert on the wire, with a link relative to the server. Of the
// services that it drags down it names those that the reader sees; nil: all. Its
// root stays: whoever depends on it may know of it.
func Alert(a *fleet.Alert, sees func(service string) bool) wire.Alert {
	w := alert.Wire(a, "")
	if sees != nil {
		w.Affects = slices.DeleteFunc(w.Affects, func(service string) bool { return !sees(service) })
	}
	return w
}

// Silence is a silence on the wire, as it is at that time.
func Silence(s *fleet.Silence, now time.Time) wire.Silence {
	w := wire.Silence{
		ID: s.ID, Matchers: make([]wire.Matcher, 0, len(s.Matchers)), Reason: s.Reason, Author: s.Author,
		StartsAt: wire.Time{Time: s.StartsAt}, EndsAt: wire.Time{Time: s.EndsAt}, CreatedAt: wire.Time{Time: s.CreatedAt},
	}
	for _, m := range s.Matchers {
		w.Matchers = append(w.Matchers, wire.Matcher(m))
	}
	switch {
	case !now.Before(s.EndsAt):
		w.Status = "expired"
	case now.Before(s.StartsAt):
		w.Status = "pending"
	default:
		w.Status = "active"
	}
	return w
}
