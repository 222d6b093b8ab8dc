package tui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// The history of a page: so much of it is asked for, and so much is kept.
const (
	eventsAsked = 50
	eventsKept  = 200
)

// page is all about one service.
type page struct {
	service string
	scroll  int
	events  []wire.Event // the newest first
	asked   bool         // the history has not come yet
	err     error        // why it did not
}

type eventsMsg struct {
	service string
	events  []wire.Event
	err     error
}

func (m *model) openPage(service string) tea.Cmd {
	m.page = page{service: service}
	m.screen = onPage
	return m.askEvents(service)
}

func (m *model) askEvents(service string) tea.Cmd {
	m.page.asked = true
	return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
		got, err := c.Events(ctx, client.EventQuery{Service: service, Page: client.Page{Limit: eventsAsked}})
		return eventsMsg{service, got.Events, err}
	})
}

func (p *page) takeEvents(msg *eventsMsg) {
	if msg.service != p.service {
		return
	}
	p.asked, p.err = false, msg.err
	p.merge(msg.events)
}

// hear takes what the stream tells of the service.
func (p *page) hear(events []wire.Event) {
	var mine []wire.Event
	for i := range events {
		if events[i].Service == p.service {
			mine = append(mine, events[i])
		}
	}
	if len(mine) > 0 {
		p.merge(mine)
	}
}

// merge takes events in, in any order; one that is known already is known from
// its place.
func (p *page) merge(events []wire.Event) {
	for i := range events {
		e := events[i]
		at := slices.IndexFunc(p.events, func(x wire.Event) bool { return x.Seq == e.Seq && x.At.Equal(e.At.Time) })
		if at >= 0 {
			p.events[at] = e // it may have been stored meanwhile
			continue
		}
		p.events = append(p.events, e)
	}
	slices.SortStableFunc(p.events, func(a, b wire.Event) int {
		return cmp.Or(b.At.Compare(a.At.Time), cmp.Compare(b.Seq, a.Seq))
	})
	p.events = p.events[:min(len(p.events), eventsKept)]
}

// part is a line of a page, or some: what it is about, and what there is to say.
type part struct {
	label string
	how   paint
	text  string
}

const labelWidth = 11

// pageLines are the whole page.
func (m *model) pageLines() []string {
	e := m.fleet.entries[m.page.service]
	if e == nil {
		return []string{m.palette.paint(strong, visible(m.page.service)), "", "It has been removed. Its history stays: switchgear events " + visible(m.page.service)}
	}
	title := m.palette.paint(strong, cut(visible(e.Service), m.width-24)) + "  " +
		m.palette.paint(statusPaint(e.Status), shapeOf(e.Status)+" "+strings.ToUpper(words(e.Status)))
	lines := []string{title}
	for _, p := range slices.Concat(m.whatParts(e), m.whyParts(e), m.numberParts(e), m.aroundParts(e)) {
		lines = append(lines, m.partLines(p)...)
	}
	return slices.Concat(lines, m.dependencyLines(e), []string{""}, m.eventLines(), []string{""}, m.partLines(configPart(e)))
}

func (m *model) partLines(p part) []string {
	if p.text == "" {
		return nil
	}
	var lines []string
	for i, line := range wrap(p.text, m.width-labelWidth-3) {
		label := ""
		if i == 0 {
			label = p.label
		}
		lines = append(lines, "  "+m.palette.paint(quiet, pad(label, labelWidth))+m.palette.paint(p.how, line))
	}
	return lines
}

// whatParts say what it is and how it stands.
func (m *model) whatParts(e *wire.Entry) []part {
	b := &e.CircuitBreaker
	what := visible(e.Description)
	if e.Layer != "" {
		what = strings.TrimPrefix(what+" (layer "+visible(e.Layer)+")", " ")
	}
	circuit := words(b.State)
	if b.Mode != auto {
		circuit = words(b.Mode) + "; below it the circuit is " + words(b.State) + " and stands still"
	}
	if o := outageOf(e); o != nil && b.State == open && b.Mode == auto && !o.BeganAt.IsZero() {
		circuit += ", since " + m.moment(o.BeganAt)
	} else if at := m.stands(e); !at.IsZero() {
		circuit += ", since " + ago(at, m.clock())
	}
	parts := []part{{"", asIs, what}, {"circuit", asIs, circuit}, {"next", strong, advice(e, m.clock())}}
	if o := b.Override; o != nil {
		parts = append(parts, part{"override", forced, fmt.Sprintf("%s by %s: “%s”, ends in %s (%s)", words(o.Mode), visible(o.Actor), visible(o.Reason),
			left(o.ExpiresAt.Time, m.clock()), clock(o.ExpiresAt.Time, m.clock()))})
	}
	return parts
}

// stands is since when the circuit stands as it does; zero where it was not kept.
func (m *model) stands(e *wire.Entry) time.Time {
	for i := range m.page.events {
		switch m.page.events[i].Kind {
		case "transition", "override", "override_expired":
			return m.page.events[i].At.Time
		}
	}
	b := &e.CircuitBreaker
	switch b.State {
	case open:
		return b.OpenedAt.Time
	case halfOpen:
		return b.LastRecoveryAttempt.Time
	}
	return b.LastReset.Time
}

// whyParts say why it is open or ill, what drags it down, and how its recovery
// goes.
func (m *model) whyParts(e *wire.Entry) []part {
	b := &e.CircuitBreaker
	var parts []part
	o := outageOf(e)
	if o != nil {
		parts = m.outageParts(o, b)
	} else if text := deref(b.LastError); text != "" && b.Failures > 0 {
		parts = append(parts, part{"last error", asIs, visible(text) + " (" + m.moment(b.LastFailure) + ")"})
	}
	if b.State == halfOpen && b.Mode == auto {
		parts = append(parts, part{"recovery", warned, fmt.Sprintf("attempt %d, %s of operations are let in", b.RecoveryAttempts, share(b.AdmittedShare))})
	} else if b.RecoveryAttempts > 0 && (o == nil || o.Openings == 0) {
		parts = append(parts, part{"recovery", asIs, fmt.Sprintf("%s failed, the last began %s", plural(b.RecoveryAttempts, "one attempt", "%d attempts"), m.moment(b.LastRecoveryAttempt))})
	}
	if needs := failingDependencies(e, m.fleet.entries); len(needs) > 0 {
		parts = append(parts, part{"needs", bad, visible(strings.Join(needs, ", ")) + " (" + plural(len(needs), "it fails", "all %d fail") + ")"})
	}
	for _, w := range m.fleet.wrong {
		if w.service == e.Service && len(w.drags) > 0 {
			parts = append(parts, part{"drags down", bad, visible(strings.Join(w.drags, ", "))})
		}
	}
	return parts
}

// outageParts say how it began, and what the latest opening was where that is
// another.
func (m *model) outageParts(o *wire.Outage, b *wire.CircuitBreaker) []part {
	reason := func(rule string, failures, successes uint64) string {
		return fmt.Sprintf("%s: %d failed and %d succeeded", ruleText(rule), failures, successes)
	}
	if o.Openings < 2 {
		return []part{{"why", asIs, reason(o.Rule, o.Failures, o.Successes)}, {"last error", bad, visible(deref(o.LastError))}}
	}
	parts := []part{
		{"began", asIs, m.moment(o.BeganAt) + ", by " + reason(o.Rule, o.Failures, o.Successes)},
		{"at first", bad, visible(deref(o.LastError))},
		{"since then", warned, failedAgain(o)},
	}
	if t := b.Trip; t != nil {
		parts = append(parts, part{"latest", asIs, m.moment(b.OpenedAt) + ", by " + reason(t.Rule, t.Failures, t.Successes)},
			part{"last error", bad, visible(deref(t.LastError))})
	}
	return parts
}

// numberParts are what is counted and measured.
func (m *model) numberParts(e *wire.Entry) []part {
	b, f := &e.CircuitBreaker, m.fleet.figures(e, m.seen())
	now := perSecond(f.rate)
	if f.errors >= 0 {
		now += ", " + share(f.errors) + " failed in the last minute"
	}
	if f.rejected > 0 {
		now += ", " + perSecond(f.rejected) + " refused"
	}
	window := fmt.Sprintf("%d failed in the window", b.Failures)
	if f.threshold > 0 {
		window += fmt.Sprintf(", of the %d that open it", f.threshold)
	}
	if b.ConsecutiveFailures > 0 {
		window += fmt.Sprintf("; %d in a row", b.ConsecutiveFailures)
	}
	ops, perf := &e.Operations, &e.Performance
	parts := []part{
		{"now", asIs, now},
		{"failures", asIs, window},
		{"in all", asIs, fmt.Sprintf("%d operations: %d succeeded, %d failed; %d refused, %d ignored", ops.Total, ops.Successful, ops.Failed, ops.Rejected, ops.Ignored)},
	}
	if perf.P50OperationTimeMs > 0 {
		parts = append(parts, part{"duration", asIs, fmt.Sprintf("p50 %s, p95 %s, p99 %s, mean %s", millis(perf.P50OperationTimeMs),
			millis(perf.P95OperationTimeMs), millis(perf.P99OperationTimeMs), millis(perf.AverageOperationTimeMs))})
	}
	return parts
}

// aroundParts are its health and its instances.
func (m *model) aroundParts(e *wire.Entry) []part {
	h := &e.Health
	health, how := "not checked yet", asIs
	if h.Healthy != nil && *h.Healthy {
		health, how = "passed, "+m.moment(h.CheckedAt)+", took "+millis(h.DurationMs), good
	} else if h.Healthy != nil {
		health, how = fmt.Sprintf("failed, %s, %d in a row: %s", m.moment(h.CheckedAt), h.ConsecutiveFailures, visible(orElse(deref(h.Error), none))), bad
	}
	parts := []part{{"health", how, health}}
	if !e.Running {
		parts = append(parts, part{"", bad, "it says that it is not running"})
	}
	if i := &e.Instances; i.Total > 1 || i.Stale > 0 {
		parts = append(parts, part{"instances", asIs, fmt.Sprintf("%d, of which %d are open and %d silent", i.Total, i.Open, i.Stale)})
	}
	return parts
}

func configPart(e *wire.Entry) part {
	config := fmt.Sprintf("version %d", e.ConfigVersion)
	if e.ConfigDiffersFromFile {
		config += ", not what the config file says"
	}
	return part{"config", asIs, config + ": " + strings.Join(settings(e.Config), ", ")}
}
