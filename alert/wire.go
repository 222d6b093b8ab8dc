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
	moment := a.StartsAt.UTC().Format(wire.TimeLayout)
	return wire.Alert{
		ID: a.ID, Incident: a.Incident, Kind: string(a.Kind), Service: a.Service, Status: string(status),
		Severity: string(a.Severity), Summary: a.Summary,
		StartsAt: wire.Time{Time: a.StartsAt}, EndsAt: wire.Time{Time: a.EndsAt}, UpdatedAt: wire.Time{Time: a.UpdatedAt},
		Root: text(a.Root), Affects: append([]string{}, a.Affects...), Evidence: a.Evidence, SilencedBy: append([]string{}, a.SilencedBy...),
		AcknowledgedBy: text(a.AcknowledgedBy), AcknowledgedAt: wire.Time{Time: a.AcknowledgedAt},
		URL: link + "/service/" + url.PathEscape(a.Service) + "?at=" + url.QueryEscape(moment),
	}
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
