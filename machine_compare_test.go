package switchgear

import (
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"
)

// compare fails where the breaker is not where the model is.
func (h *machine) compare() {
	synctest.Wait()
	h.settle()
	var wrong []string
	check := func(what string, got, want any) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	m := h.m
	check("State", h.b.State(), m.state)
	check("Mode", h.b.Mode(), m.mode())
	check("Operations", h.b.Operations(), m.totals)
	s := h.b.Snapshot()
	check("Snapshot.State", s.State, m.state)
	check("Snapshot.Mode", s.Mode, m.mode())
	check("Snapshot.Operations", s.Operations, m.totals)
	check("Transitions", s.Transitions, m.number)
	check("ConsecutiveFailures", s.ConsecutiveFailures, m.streak)
	check("RecoveryAttempts", s.RecoveryAttempts, m.attempts)
	check("FailedRecoveries", s.FailedRecoveries, m.failed)
	check("AdmittedShare", s.AdmittedShare, m.share())
	for _, t := range m.shownTimes(s) {
		check(t.name, h.since(t.got), shownAs(t.want))
	}
	check("Override", s.Override != nil, m.override != nil)
	if s.Override != nil && m.override != nil {
		check("Override's end", h.since(s.Override.Until), shownAs(m.overrideEnd))
	}
	wrong = append(wrong, h.compareOutage("Snapshot", s.Outage, m.outage)...)
	check("AwaitsCheck", s.AwaitsCheck, m.recovery != nil && m.recovery.awaitsCheck)
	if m.state == Open {
		check("OpenTime", s.OpenTime, m.openTime)
	}
	failures, successes, slow, _ := m.window()
	wrong = append(wrong, outOf("Failures", s.Failures, failures)...)
	wrong = append(wrong, outOf("Successes", s.Successes, successes)...)
	wrong = append(wrong, outOf("Slow", s.Slow, slow)...)
	wrong = append(wrong, h.compareTransitions()...)
	wrong = append(wrong, h.compareChecks()...)
	wrong = append(wrong, m.problems...)
	if len(wrong) > 0 {
		h.fail("after %v:\n\t%s", h.now(), strings.Join(wrong, "\n\t"))
	}
}

type shownTime struct {
	name string
	got  time.Time
	want time.Duration
}

func (m *model) shownTimes(s Snapshot) []shownTime {
	nextAttempt, closes := notYet, notYet
	if m.state == Open {
		nextAttempt = m.until
	}
	if r := m.recovery; r != nil && r.firstSuccess != notYet {
		closes = r.firstSuccess + m.cfg.MinHealthyPeriod
	}
	return []shownTime{
		{"LastFailure", s.LastFailure, m.lastFailure},
		{"LastSuccess", s.LastSuccess, m.lastSuccess},
		{"LastReset", s.LastReset, m.lastReset},
		{"LastRecoveryAttempt", s.LastRecoveryAttempt, m.lastAttempt},
		{"OpenedAt", s.OpenedAt, m.openedAt},
		{"NextAttemptAt", s.NextAttemptAt, nextAttempt},
		{"ClosesAt", s.ClosesAt, closes},
	}
}

// since is a time as the model has it.
func (h *machine) since(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Sub(h.start).String()
}

func shownAs(t time.Duration) string {
	if t == notYet {
		return "never"
	}
	return t.String()
}

func outOf(what string, got uint64, want span3) []string {
	if got >= want.low && got <= want.high {
		return nil
	}
	return []string{fmt.Sprintf("%s is %d, want %d to %d", what, got, want.low, want.high)}
}

// compareOutage holds an outage against the model's. Its cause is what the
// transition said that began it.
func (h *machine) compareOutage(where string, got *Outage, want *modelOutage) []string {
	if got == nil && want == nil {
		return nil
	}
	if got != nil && want != nil {
		began, _ := h.transition(want.first)
		if h.since(got.BeganAt) == shownAs(want.began) && got.Openings == want.openings && got.Cause == began.Evidence {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: the outage is %+v, want %+v", where, got, want)}
}

// compareTransitions holds what was observed against the model's log: in order,
// without gaps, with the evidence of before.
func (h *machine) compareTransitions() (wrong []string) {
	h.mu.Lock()
	seen := slices.Clone(h.seen)
	h.mu.Unlock()
	if len(seen) != len(h.m.log) {
		wrong = append(wrong, fmt.Sprintf("%d transitions were observed, want %d: %v", len(seen), len(h.m.log), seen))
	}
	for i := range min(len(seen), len(h.m.log)) {
		got, want := seen[i], h.m.log[i]
		e := got.Evidence
		ok := got.Service == "machine" && got.Number == want.number && got.From == want.from && got.To == want.to &&
			got.At.Sub(h.start) == want.at && got.Actor == want.by.Actor && got.Reason == want.by.Reason &&
			slices.Contains(want.rules, e.Rule) && e.OpenTime == want.openTime && e.RecoveryAttempt == want.attempt &&
			e.ConfigVersion == want.version && e.InFlight >= want.inFlight[0] && e.InFlight <= want.inFlight[1] &&
			got.After != nil && got.After.State == want.to && got.After.Transitions == want.number
		if !ok {
			wrong = append(wrong, fmt.Sprintf("transition %+v after %v,\n\t\twant %+v", got, got.At.Sub(h.start), want))
		}
		wrong = append(wrong, h.compareOutage(fmt.Sprintf("transition %d", got.Number), got.Outage, want.outage)...)
		for j, n := range []uint64{e.Failures, e.Successes, e.Slow} {
			wrong = append(wrong, outOf(fmt.Sprintf("count %d of transition %d", j, got.Number), n, want.counts[j])...)
		}
	}
	return wrong
}

// compareChecks holds law 8 against the checks that ran: a recovery has its own.
func (h *machine) compareChecks() []string {
	r := h.m.recovery
	if r == nil || !h.m.checked {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last := notYet
	for _, c := range h.checks {
		if last = c.began; !c.ended {
			return nil // no two run at a time
		}
	}
	switch {
	case last < r.began:
		return []string{fmt.Sprintf("no check began with the recovery of %v: the last did at %v", r.began, last)}
	case h.m.now-last > h.m.cfg.ResetTimeout:
		return []string{fmt.Sprintf("no check for a resetTimeout: the last began at %v", last)}
	}
	return nil
}
