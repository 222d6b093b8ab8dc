package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/degenduel/switchgear"
)

// evidenceJSON is the evidence of a transition on the wire.
type evidenceJSON struct {
	Transition          uint64  `json:"transition"` // its number
	Rule                string  `json:"rule"`
	Failures            uint64  `json:"failures"`
	Successes           uint64  `json:"successes"`
	Slow                uint64  `json:"slow"`
	ConsecutiveFailures int     `json:"consecutive_failures"`
	LastError           *string `json:"last_error"`
	RecoveryAttempt     int     `json:"recovery_attempt"`
	ConfigVersion       int     `json:"config_version"`
	OpenMs              float64 `json:"open_ms,omitempty"`
	InFlight            *int    `json:"in_flight,omitempty"`

	Outage *outageJSON `json:"outage,omitempty"`

	// Of services of agents: which instance, whether it is one of several
	// (Scope), and of a transition of the whole how many there are.
	Instance     string         `json:"instance,omitempty"`
	InstanceName string         `json:"instance_name,omitempty"`
	Scope        string         `json:"scope,omitempty"`
	Instances    *instancesJSON `json:"instances,omitempty"`
}

func transitionEvidence(t *switchgear.Transition) json.RawMessage { return object(evidenceOf(t)) }

func evidenceOf(t *switchgear.Transition) *evidenceJSON {
	e := &t.Evidence
	j := &evidenceJSON{
		Transition: t.Number, Rule: e.Rule, Failures: e.Failures, Successes: e.Successes, Slow: e.Slow,
		ConsecutiveFailures: e.ConsecutiveFailures, RecoveryAttempt: e.RecoveryAttempt,
		ConfigVersion: e.ConfigVersion, OpenMs: ms(e.OpenTime), Outage: outageEvidence(t.Outage),
	}
	if e.LastError != "" {
		j.LastError = &e.LastError
	}
	if e.InFlight >= 0 {
		j.InFlight = &e.InFlight
	}
	return j
}

func healthEvidence(h switchgear.Health) json.RawMessage {
	var text *string
	if h.Err != "" {
		text = &h.Err
	}
	return object(struct {
		Healthy             bool    `json:"healthy"`
		CheckedAt           Time    `json:"checked_at"`
		DurationMs          float64 `json:"duration_ms"`
		Error               *string `json:"error"`
		ConsecutiveFailures int     `json:"consecutive_failures"`
	}{h.Healthy, Time{h.CheckedAt}, ms(h.Duration), text, h.ConsecutiveFailures})
}

// object is v as JSON; v is one of our own structs, which cannot fail.
func object(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return data
}

// observe begins to hear what happens to the member.
func (m *Manager) observe(s *member) { s.stopWatching = s.guard.observe(m, s) }

// checkCounts are the health checks of a member, for metrics.
type checkCounts struct {
	mu             sync.Mutex
	passed, failed uint64
	durations      switchgear.Durations
}

// HealthChecks are the health checks of a service in this process.
type HealthChecks struct {
	Passed, Failed uint64
	Durations      switchgear.Durations
}

func (c *checkCounts) add(h switchgear.Health) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Healthy {
		c.passed++
	} else {
		c.failed++
	}
	addDuration(&c.durations, h.Duration)
}

func (c *checkCounts) all() HealthChecks {
	c.mu.Lock()
	defer c.mu.Unlock()
	return HealthChecks{c.passed, c.failed, c.durations}
}

// timed are how long the things of one kind took.
type timed struct {
	mu  sync.Mutex
	all switchgear.Durations
}

func (t *timed) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	addDuration(&t.all, d)
}

func (t *timed) durations() switchgear.Durations {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all
}

func addDuration(to *switchgear.Durations, d time.Duration) {
	to.Sum += d
	for i, bound := range switchgear.DurationBounds {
		if d < bound {
			to.Counts[i]++
			return
		}
	}
	to.Counts[len(switchgear.DurationBounds)]++
}

// checked counts a health check, and makes it a fact if the service was well
// before and is not now, or the other way round.
func (m *Manager) checked(s *member, h switchgear.Health) {
	s.counts.add(h)
	m.checksLate.add(h.Late)
	s.edge.Lock()
	known, was := s.healthKnown, s.healthy
	s.healthKnown, s.healthy = true, h.Healthy
	s.edge.Unlock()
	if !h.Healthy {
		level := slog.LevelDebug
		if h.ConsecutiveFailures <= 1 { // the others say nothing new
			level = slog.LevelWarn
		}
		m.log.LogAttrs(context.Background(), level, "a health check failed",
			slog.String("service", s.name), slog.String("error", h.Err), slog.Int("consecutive_failures", h.ConsecutiveFailures))
	}
	if known && was == h.Healthy || !known && h.Healthy {
		return
	}
	kind := EventHealthRecovered
	if !h.Healthy {
		kind = EventHealthFailed
	}
	m.happened(&change{
		service: s.name, member: s,
		plan: func(b *draft) error {
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: kind, At: time.Now(), Reason: h.Err,
				Evidence: healthEvidence(h),
			})
			s := s.current()
			if live := s.read(); s.told(&live.Snapshot) {
				return m.planRow(s, live, b, "")
			}
			return nil // the row comes with what is on its way
		},
	})
}

// logEvent writes a line for an event that was told.
func (m *Manager) logEvent(e *Event) {
	level := slog.LevelInfo
	if e.Kind == EventTransition && e.To == switchgear.Open.String() {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("service", e.Service), slog.String("kind", string(e.Kind)), slog.Int64("event", e.ID),
	}
	if e.From != "" {
		attrs = append(attrs, slog.String("from", e.From), slog.String("to", e.To))
	}
	if e.Actor != "" {
		attrs = append(attrs, slog.String("actor", e.Actor))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	if e.Evidence != nil {
		attrs = append(attrs, slog.Any("evidence", e.Evidence))
	}
	if !e.Durable {
		attrs = append(attrs, slog.Bool("durable", false))
	}
	m.log.LogAttrs(context.Background(), level, "event", attrs...)
}
