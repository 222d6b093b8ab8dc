package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

const (
	// maxSilences is how many silences there are that are not over, and
	// maxExpired how many of the others are shown, the newest of them.
	maxSilences = 1000
	maxExpired  = 1000

	// kept is how long what is over is kept.
	kept = 90 * 24 * time.Hour
)

// silence is a fleet.Silence that can be asked.
type silence struct {
	fleet.Silence

	matchers []matcher
}

func (s *silence) active(now time.Time) bool { return !now.Before(s.StartsAt) && now.Before(s.EndsAt) }

// Silences are those that are not over, and those that were over last, oldest
// first.
func (e *Engine) Silences(context.Context) ([]fleet.Silence, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]fleet.Silence, 0, len(e.silences))
	for _, s := range e.silences {
		out = append(out, s.Silence)
	}
	slices.SortFunc(out, func(a, b fleet.Silence) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Silence adds one, of which the matchers, the reason and the end are given, and
// the beginning if that is not now. It is in force, at its time, when this
// returns. Invalid names what is wrong with it; Exhausted above 1 000 that are
// not over.
func (e *Engine) Silence(ctx context.Context, s fleet.Silence, by fleet.Actor) (fleet.Silence, error) {
	const op = "silence"
	now := time.Now()
	s.ID, s.CreatedAt, s.Author = e.ids.next(now), stamp(now), by.Name
	if s.StartsAt.IsZero() {
		s.StartsAt = now
	}
	s.StartsAt, s.EndsAt = stamp(s.StartsAt), stamp(s.EndsAt)
	s.Reason = cmp.Or(s.Reason, by.Reason)
	by.Reason = cmp.Or(by.Reason, s.Reason)
	matchers, err := checkSilence(op, &s, now)
	if err != nil {
		return fleet.Silence{}, err
	}
	s.Matchers = slices.Clone(s.Matchers)
	err = e.order(ctx, fleet.AlertOrder{
		Action: op, Subject: s.ID, By: by, Details: detailsOf(&s),
		Plan: func() (fleet.AlertBatch, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.notOver(time.Now()) >= maxSilences {
				return fleet.AlertBatch{}, failure(fleet.Exhausted, op, "there are %d silences that are not over, which is the cap", maxSilences)
			}
			return fleet.AlertBatch{Silences: []fleet.Silence{s}}, nil
		},
		Apply: func() []fleet.Alert {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.silences[s.ID] = &silence{s, matchers}
			e.recover = true
			e.kick()
			return nil
		},
	})
	if err != nil {
		return fleet.Silence{}, err
	}
	return s, nil
}

// checkSilence makes the matchers of a silence; its error names each bad field.
func checkSilence(op string, s *fleet.Silence, now time.Time) ([]matcher, error) {
	var wrongs []switchgear.FieldError
	add := func(field, message string) {
		wrongs = append(wrongs, switchgear.FieldError{Field: field, Message: message})
	}
	matchers, err := compile(s.Matchers)
	wrongs = append(wrongs, fleet.FieldsOf(err)...)
	if len(s.Matchers) == 0 {
		add("matchers", "a silence needs one at least")
	}
	if strings.TrimSpace(s.Reason) == "" {
		add("reason", "a reason is required")
	} else if what := wire.CheckReason(s.Reason); what != "" {
		add("reason", what)
	}
	switch {
	case !s.EndsAt.After(s.StartsAt):
		add("ends_at", "a silence ends after it starts")
	case !s.EndsAt.After(now):
		add("ends_at", "a silence ends in the future")
	case s.EndsAt.Year() > 9999:
		add("ends_at", "a year has four digits")
	}
	if len(wrongs) > 0 {
		return nil, &fleet.Error{Kind: fleet.Invalid, Op: op, Err: wrong(wrongs), Fields: wrongs}
	}
	return matchers, nil
}

// notOver is how many silences there are that are not over.
func (e *Engine) notOver(now time.Time) int {
	n := 0
	for _, s := range e.silences {
		if now.Before(s.EndsAt) {
			n++
		}
	}
	return n
}

// detailsOf is what the audit log has of a silence.
func detailsOf(s *fleet.Silence) map[string]any {
	texts := make([]string, len(s.Matchers))
	for i, m := range s.Matchers {
		texts[i] = m.Field + m.Op + m.Value
	}
	return map[string]any{
		"matchers": strings.Join(texts, ", "), "starts_at": fleet.Time{Time: s.StartsAt}, "ends_at": fleet.Time{Time: s.EndsAt},
	}
}

// EndSilence ends a silence now. NotFound if there is none with that ID, Conflict
// if it is over.
func (e *Engine) EndSilence(ctx context.Context, id string, by fleet.Actor) error {
	const op = "end silence"
	at := stamp(time.Now())
	var ended fleet.Silence
	return e.order(ctx, fleet.AlertOrder{
		Action: op, Subject: id, By: by,
		Plan: func() (fleet.AlertBatch, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			s := e.silences[id]
			switch {
			case s == nil:
				return fleet.AlertBatch{}, failure(fleet.NotFound, op, "there is no silence %.100q", id)
			case !time.Now().Before(s.EndsAt):
				return fleet.AlertBatch{}, failure(fleet.Conflict, op, "the silence %s is over", id)
			}
			ended = s.Silence
			ended.EndsAt = at
			if ended.StartsAt.After(at) {
				ended.StartsAt = at // it never was
			}
			return fleet.AlertBatch{Silences: []fleet.Silence{ended}}, nil
		},
		Apply: func() []fleet.Alert {
			e.mu.Lock()
			defer e.mu.Unlock()
			if s := e.silences[id]; s != nil {
				s.Silence = ended
			}
			e.recover = true
			e.kick()
			return nil
		},
	})
}

// silence finds out which alerts are silenced now: all of them when silences have
// changed, began or ended, else those that have changed.
func (e *Engine) silence(now time.Time) {
	if !e.nextSilence.IsZero() && !now.Before(e.nextSilence) {
		e.recover = true
	}
	if !e.recover && len(e.changed) == 0 {
		return
	}
	var active []*silence
	if e.recover {
		e.nextSilence = time.Time{}
		e.forgetSilences(now)
	}
	for _, s := range e.silences {
		switch {
		case s.active(now):
			active = append(active, s)
			e.nextSilence = sooner(e.nextSilence, s.EndsAt)
		case now.Before(s.StartsAt):
			e.nextSilence = sooner(e.nextSilence, s.StartsAt)
		}
	}
	slices.SortFunc(active, func(a, b *silence) int { return strings.Compare(a.ID, b.ID) })
	if e.recover {
		for _, a := range e.firing {
			e.cover(a, active, now)
		}
		e.recover = false
		return
	}
	for a := range e.changed {
		if a.Firing() {
			e.cover(a, active, now)
		}
	}
}

// cover keeps by which silences an alert is covered.
func (e *Engine) cover(a *fleet.Alert, active []*silence, now time.Time) {
	s := e.services[a.Service]
	if s == nil || s.view == nil {
		return // its layer is not known yet
	}
	var by []string
	for _, q := range active {
		if matchAll(q.matchers, a, s.layer()) {
			by = append(by, q.ID)
		}
	}
	if slices.Equal(by, a.SilencedBy) {
		return
	}
	if in := s.incident; in != nil {
		in.lifted = in.lifted || len(by) == 0 && len(a.SilencedBy) > 0
		e.look[in] = struct{}{}
	}
	a.SilencedBy, a.UpdatedAt = by, stamp(now)
	e.changed[a] = struct{}{}
}

// forgetSilences lets go of those that were over longest, where there are many.
func (e *Engine) forgetSilences(now time.Time) {
	over := slices.Collect(maps.Values(e.silences))
	over = slices.DeleteFunc(over, func(s *silence) bool { return now.Before(s.EndsAt) })
	slices.SortFunc(over, func(a, b *silence) int { return b.EndsAt.Compare(a.EndsAt) })
	for i, s := range over {
		if i >= maxExpired || now.Sub(s.EndsAt) > kept {
			delete(e.silences, s.ID)
		}
	}
}

func failure(kind fleet.Kind, op, format string, args ...any) error {
	return &fleet.Error{Kind: kind, Op: op, Err: fmt.Errorf(format, args...)}
}

var errOver = errors.New("the alert is over")
