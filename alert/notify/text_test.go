package notify_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
)

// textOf is what a service without titles gets of a message.
func textOf(t *testing.T, m alert.Message) string {
	t.Helper()
	host, got := web(t, http.StatusOK)
	if err := receiver(t, "generic+http://"+host).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return (<-got).body
}

func TestMessage_SaysWhyItIsSent(t *testing.T) {
	t.Parallel()
	over := message()
	over.Reason = alert.Resolved
	for i := range over.Alerts {
		a := &over.Alerts[i]
		a.EndsAt, a.Summary = began.Add(1), a.Service+" is well again"
	}
	with := func(change func(m *alert.Message)) alert.Message {
		m := message()
		change(&m)
		return m
	}
	for _, tc := range []struct {
		name string
		m    alert.Message
		want string
	}{
		{"resolved", over, "Resolved: db" + "\ndb is well again\nAlso: web is well again\nhttps://board.example.com/service/db?at=2026-03-01T02%3A03%3A04.000Z"},
		{"graver", with(func(m *alert.Message) { m.Reason = alert.Escalated }), "Escalated: db (critical)\n" + wholeText},
		{"again", with(func(m *alert.Message) { m.Reason = alert.Repeat }), "Still firing: db (critical)\n" + wholeText},
		{
			"the dependant is graver than its root, and began before it",
			with(func(m *alert.Message) {
				m.Alerts[0].Severity, m.Alerts[1].Severity = fleet.SeverityInfo, fleet.SeverityWarning
				m.Alerts[1].StartsAt = began.Add(-1000000000)
			}),
			"Firing: db (warning)\n" + strings.Replace(wholeText, "02:03:04 UTC\n", "02:03:03 UTC\n", 1),
		},
		{
			"the root is well, and its dependant is not",
			with(func(m *alert.Message) {
				m.Reason = alert.Repeat
				db, web := m.Alerts[0], m.Alerts[1]
				db.EndsAt, db.Summary = began.Add(60e9), "db is closed again"
				web.Severity, web.StartsAt = fleet.SeverityWarning, began.Add(30e9)
				m.Alerts, m.Link = []fleet.Alert{web, db}, ""
			}),
			"Still firing: web (warning)\nweb fails\nFails: web, since 2026-03-01 02:03:34 UTC\nBegan with: db, whose alerts are over\nAlso: db is closed again\nTo do: see why it fails; its circuit opens if that goes on",
		},
		{
			"little is known",
			alert.Message{Reason: alert.Firing, Alerts: []fleet.Alert{{Service: "x", Severity: fleet.SeverityInfo, Summary: "x is odd", StartsAt: began}}},
			"Firing: x (info)\nx is odd\nRoot: x, since 2026-03-01 02:03:04 UTC",
		},
		{
			"the summary has the error",
			with(func(m *alert.Message) {
				m.Alerts = m.Alerts[:1]
				m.Alerts[0].Summary, m.Alerts[0].Affects, m.Link = "db is open (connection refused)", nil, ""
			}),
			"Firing: db (critical)\ndb is open (connection refused)\nRoot: db, since 2026-03-01 02:03:04 UTC\nTo do: mend it; its circuit tries again by itself",
		},
		{"a test", alert.Message{Reason: alert.Test, Link: "https://b"}, "Test of Switchgear\nhttps://b"},
		{"nothing", alert.Message{Reason: alert.Firing, Root: "db"}, "Firing: db\n"},
	} {
		if diff := cmp.Diff(tc.want, textOf(t, tc.m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestMessage_CallsNobodyAndMakesNoMarkup(t *testing.T) {
	t.Parallel()
	m := message()
	m.Alerts[0].Summary = "db <b>is</b> open (@everyone see [here](http://evil) <!channel>)\r\nSubject: x\x00\u202e"
	m.Alerts[0].Evidence = json.RawMessage(`{"last_error":"<@U1>\n@here @channel @all @room"}`)
	m.Alerts[1].Summary = "web \xff <script>"
	got := textOf(t, m)
	for _, bad := range []string{"<", ">", "@everyone", "@here", "@channel", "@all", "@room", "](", "\r", "\x00", "\u202e", "\xff", "\nSubject"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in %q", bad, got)
		}
	}
	if n := strings.Count(got, "\n"); n != strings.Count(wholeText, "\n")+1 {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

func TestMessage_OfManyAlertsIsShort(t *testing.T) {
	t.Parallel()
	m := message()
	m.Alerts[0].Affects = nil
	for i := range 500 {
		name := fmt.Sprintf("s%03d_%s", i, strings.Repeat("x", 50))
		m.Alerts[0].Affects = append(m.Alerts[0].Affects, name)
		a := m.Alerts[1]
		a.Service, a.Summary = name, name+" fails "+strings.Repeat("é", 1000)
		m.Alerts = append(m.Alerts, a)
	}
	m.Alerts[0].Summary = strings.Repeat("ü", 1000)
	m.Alerts[0].Evidence = json.RawMessage(`{"last_error":"` + strings.Repeat("ö", 1000) + `"}`)
	got := textOf(t, m)
	if len(got) > 1200 {
		t.Errorf("%d bytes", len(got))
	}
	for _, want := range []string{" and 498 more\n", "\nAnd 498 more alerts\n", "\nTo do: ", "/service/db?at="} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
