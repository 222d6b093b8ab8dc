package alert

import (
	"net/url"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// Wire is an alert on the wire. link is the address of the dashboard, without a
// slash at the end; empty: the URL is relative to it.
func Wire(a *fleet.Alert, link string) wire.Alert {
	status := Firing
	if !a.Firing() {
		status = Resolved
	}
	return wire.Alert{
		ID: a.ID, Incident: a.Incident, Kind: string(a.Kind), Service: a.Service, Status: string(status),
		Severity: string(a.Severity), Summary: a.Summary,
		StartsAt: wire.Time{Time: a.StartsAt}, EndsAt: wire.Time{Time: a.EndsAt}, UpdatedAt: wire.Time{Time: a.UpdatedAt},
		Root: text(a.Root), Affects: append([]string{}, a.Affects...), Evidence: a.Evidence, SilencedBy: append([]string{}, a.SilencedBy...),
		AcknowledgedBy: text(a.AcknowledgedBy), AcknowledgedAt: wire.Time{Time: a.AcknowledgedAt},
		URL: link + pageOf(a),
	}
}

// pageOf is where the dashboard shows an alert: the page of its service as it was
// when it began. That of a test is about none.
func pageOf(a *fleet.Alert) string {
	if a.Kind == AlertTest {
		return "/alerts"
	}
	return "/service/" + url.PathEscape(a.Service) + "?at=" + url.QueryEscape(a.StartsAt.UTC().Format(wire.TimeLayout))
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
