package alert

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// maxTold is how many alerts a message has at most: of an incident with more
	// the others are not named.
	maxTold = 100

	// maxAlertBatch is about how many alerts one transaction writes.
	maxAlertBatch = 200
)

// notice is messages of an incident and the alerts in them, which are stored
// together: one without the other would be told twice, or never.
type notice struct {
	alerts     []*fleet.Alert
	deliveries []fleet.Delivery
}

// consider decides whether something of an incident is to be told now, and when
// to look again.
func (e *Engine) consider(in *incident, now time.Time) []notice {
	in.due = time.Time{}
	delete(e.waiting, in)
	if !e.recall(in, now) {
		return nil
	}
	if len(in.firing) == 0 {
		delete(e.incidents, in.id)
		delete(e.roots, in.root)
		return e.tellEnd(in, now)
	}
	open := in.open()
	if len(open) == 0 {
		return e.quiet(in, now)
	}
	if !in.began {
		if in.waits.IsZero() {
			in.waits = now
		}
		if at := in.waits.Add(e.wait(in)); !in.lifted && now.Before(at) {
			e.await(in, at)
			return nil
		}
		if e.reroot(in, open) { // silences may go by that
			e.recover = true
			e.await(in, now)
			return nil
		}
		in.began, in.toldAt = true, now
	}
	return e.tellMore(in, open, now)
}

// quiet is what becomes of an incident of which all that fires is silenced. Where
// all that was told is over, so is the incident to those who were told: else nobody
// would hear of it, nor of the next that is wrong, while the silence lasts.
func (e *Engine) quiet(in *incident, now time.Time) []notice {
	in.waits = time.Time{}
	if !in.began || in.toldFires() {
		return nil
	}
	made := e.tellEnd(in, now)
	in.anew()
	return made
}

// toldFires reports whether something fires that was told.
func (in *incident) toldFires() bool {
	for a := range in.firing {
		if !a.ToldAt.IsZero() {
			return true
		}
	}
	return false
}

// anew makes an incident one that nobody was told of.
func (in *incident) anew() {
	in.began, in.worst, in.waits, in.toldAt, in.moved, in.joined = false, "", time.Time{}, time.Time{}, time.Time{}, time.Time{}
	clear(in.told)
	clear(in.past)
	clear(in.grave)
}

// open are the alerts that fire and are not silenced.
func (in *incident) open() []*fleet.Alert {
	var open []*fleet.Alert
	for a := range in.firing {
		if len(a.SilencedBy) == 0 {
			open = append(open, a)
		}
	}
	return open
}

// wait is how long an incident gathers alerts: longer where its root depends on
// others, for one of them may yet be found to be the root.
func (e *Engine) wait(in *incident) time.Duration {
	if s := e.services[in.root]; s != nil && s.view != nil && len(s.view.Dependencies) > 0 {
		return 2 * e.cfg.GroupWait
	}
	return e.cfg.GroupWait
}

func (e *Engine) await(in *incident, at time.Time) {
	in.due = sooner(in.due, at)
	e.waiting[in] = struct{}{}
	e.nextNotice = sooner(e.nextNotice, in.due)
}

// tellMore makes the messages of an incident that goes on, with its open alerts.
func (e *Engine) tellMore(in *incident, open []*fleet.Alert, now time.Time) []notice {
	worst := fleet.Severity("")
	for _, a := range open {
		if worst == "" || a.Severity.Graver(worst) {
			worst = a.Severity
		}
	}
	seen := in.acknowledgement() != nil
	reason := e.reason(in, open, worst, now)
	tell := e.whom(in, open, &reason)
	var made []notice
	if len(tell) > 0 {
		made = e.message(in, open, tell, now)
	}
	if reason != "" || len(tell) > 0 {
		in.toldAt = now
	}
	if in.worst == "" || worst.Graver(in.worst) {
		in.worst = worst
	}
	if reason == Escalated || seen {
		in.moved = time.Time{}
	}
	if reason == Escalated {
		in.joined = time.Time{}
	}
	if !in.moved.IsZero() {
		e.await(in, in.moved.Add(e.cfg.GroupWait))
	}
	if at := in.joined.Add(e.cfg.GroupWait); !in.joined.IsZero() && now.Before(at) {
		e.await(in, at)
	} else if !seen && e.cfg.RepeatInterval > 0 {
		e.await(in, in.toldAt.Add(e.cfg.RepeatInterval))
	}
	return made
}

// whom are those who are told something of an incident that goes on, and why. What
// is new to all of them is told to all when it is told to one.
func (e *Engine) whom(in *incident, open []*fleet.Alert, reason *Reason) map[string]Reason {
	tell := make(map[string]Reason)
	for _, t := range e.targets {
		if t.Receiver != nil && !in.told[t.Name] && e.anyMatches(t, open) {
			tell[t.Name] = Firing
		}
	}
	if len(tell) > 0 && !in.joined.IsZero() {
		*reason = Escalated
	}
	for _, t := range e.targets {
		if t.Receiver != nil && in.told[t.Name] && *reason != "" {
			tell[t.Name] = *reason
		}
	}
	for name := range tell {
		in.told[name] = true
	}
	return tell
}

// tellEnd makes the messages of an incident that is over: to those that were told
// of it.
func (e *Engine) tellEnd(in *incident, now time.Time) []notice {
	tell := make(map[string]Reason)
	for _, t := range e.targets {
		if t.Receiver != nil && t.SendResolved && in.told[t.Name] {
			tell[t.Name] = Resolved
		}
	}
	if len(tell) == 0 {
		return nil
	}
	return e.message(in, nil, tell, now)
}

// message makes one message for each receiver: what is open, and what was told
// and has ended since.
func (e *Engine) message(in *incident, open []*fleet.Alert, tell map[string]Reason, now time.Time) []notice {
	var past []*fleet.Alert
	for _, a := range in.past {
		if !a.ToldAt.IsZero() || len(open) == 0 && len(a.SilencedBy) == 0 {
			past = append(past, a)
		}
	}
	alerts, first := slices.Clone(open), in.root
	if len(open) > 0 && !slices.ContainsFunc(open, func(a *fleet.Alert) bool { return a.Service == first }) {
		first = e.lowest(open)
	}
	alerts = named(first, alerts)
	inOrder(in.root, past)
	alerts = append(alerts, past...) // what is cut off is over, if anything is
	alerts = alerts[:min(len(alerts), maxTold)]
	var n notice
	told := stamp(now)
	for _, t := range e.targets {
		if reason := tell[t.Name]; reason != "" {
			d := fleet.Delivery{ID: e.ids.next(now), Receiver: t.Name, Incident: in.id, Kind: string(reason), CreatedAt: stamp(now)}
			n.deliveries = append(n.deliveries, d)
			told = moment(d.ID) // by which a restart knows what IDs there were
		}
	}
	text := make([]fleet.Alert, len(alerts))
	for i, a := range alerts {
		a.ToldAt, a.UpdatedAt = told, stamp(now)
		in.tells(a)
		text[i] = *a
	}
	data, err := json.Marshal(text)
	if err != nil { // evidence is always JSON
		e.log.Error("an incident cannot be written down", slog.String("incident", in.id), slog.Any("error", err))
		return nil
	}
	n.alerts = alerts
	for i := range n.deliveries {
		n.deliveries[i].Alerts = data
	}
	return []notice{n}
}

// named are the alerts that a message has room for, in its order: those that are
// cut off were told before, or are seen, as far as that can be.
func named(first string, alerts []*fleet.Alert) []*fleet.Alert {
	inOrder(first, alerts)
	if len(alerts) <= maxTold {
		return alerts
	}
	rank := func(a *fleet.Alert) int {
		switch {
		case a.Service == first:
			return 0
		case untold(a) && a.AcknowledgedBy == "":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(alerts, func(a, b *fleet.Alert) int { return rank(a) - rank(b) })
	alerts = alerts[:maxTold]
	inOrder(first, alerts)
	return alerts
}

// anyMatches reports whether a receiver's routes take one of the alerts.
func (e *Engine) anyMatches(t *target, alerts []*fleet.Alert) bool {
	return slices.ContainsFunc(alerts, func(a *fleet.Alert) bool {
		return matchAll(t.routes, a, e.services[a.Service].layer())
	})
}

// notices looks at the incidents that have changed, or whose time has come.
func (e *Engine) notices(now time.Time) []notice {
	var made []notice
	if !e.nextNotice.IsZero() && !now.Before(e.nextNotice) {
		e.nextNotice = time.Time{}
		for in := range e.waiting {
			if now.Before(in.due) {
				e.nextNotice = sooner(e.nextNotice, in.due)
			} else {
				e.look[in] = struct{}{}
			}
		}
	}
	inOrderOfIDs := slices.SortedFunc(maps.Keys(e.look), func(a, b *incident) int { return strings.Compare(a.id, b.id) })
	for _, in := range inOrderOfIDs {
		made = append(made, e.consider(in, now)...)
	}
	clear(e.look)
	return made
}

// batches are what is to be stored and told now: the alerts that changed, and
// then the notices, none of them in two parts.
func (e *Engine) batches(made []notice) []fleet.AlertBatch {
	var parts []fleet.AlertBatch
	part := fleet.AlertBatch{}
	add := func(alerts []*fleet.Alert, deliveries []fleet.Delivery) {
		for _, a := range alerts {
			part.Alerts = append(part.Alerts, *a)
			delete(e.changed, a)
		}
		if part.Deliveries = append(part.Deliveries, deliveries...); len(part.Alerts) >= maxAlertBatch {
			parts = append(parts, part)
			part = fleet.AlertBatch{}
		}
	}
	told := make(map[*fleet.Alert]bool)
	for _, n := range made {
		for _, a := range n.alerts {
			told[a] = true
		}
	}
	var others []*fleet.Alert
	for a := range e.changed {
		if !told[a] {
			others = append(others, a)
		}
	}
	slices.SortFunc(others, func(a, b *fleet.Alert) int { return strings.Compare(a.ID, b.ID) })
	for _, a := range others {
		add([]*fleet.Alert{a}, nil)
	}
	for _, n := range made {
		add(n.alerts, n.deliveries)
	}
	clear(e.changed)
	if len(part.Alerts)+len(part.Deliveries) > 0 {
		parts = append(parts, part)
	}
	return parts
}
