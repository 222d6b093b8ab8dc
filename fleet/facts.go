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
}

func transitionEvidence(t *switchgear.Transition) json.RawMessage {
	e := &t.Evidence
	j := evidenceJSON{
		Transition: t.Number, Rule: e.Rule, Failures: e.Failures, Successes: e.Successes, Slow: e.Slow,
		ConsecutiveFailures: e.ConsecutiveFailures, RecoveryAttempt: e.RecoveryAttempt,
		ConfigVersion: e.ConfigVersion, OpenMs: ms(e.OpenTime),
	}
	if e.LastError != "" {
		j.LastError = &e.LastError
	}
	if e.InFlight >= 0 {
		j.InFlight = &e.InFlight
	}
	return object(j)
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
func (m *Manager) observe(s *member) {
	b := s.service.Breaker()
	s.stopWatching = []func(){
		b.Observe(func(t switchgear.Transition) { m.happened(m.transition(s, t)) }),
		b.ObserveOverrideEnds(func(e switchgear.OverrideEnd) {
			if e.Expired {
				m.happened(m.overrideExpired(s, e))
			}
		}),
		s.service.ObserveHealth(func(h switchgear.Health) { m.checked(s, h) }),
	}
}

// transition is the fact that a breaker changed its state.
func (m *Manager) transition(s *member, t switchgear.Transition) *change {
	return &change{
		service: s.name, member: s,
		plan: func(b *Batch) error {
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: EventTransition, From: t.From.String(), To: t.To.String(), At: t.At,
				Actor: t.Actor, Reason: t.Reason, Evidence: transitionEvidence(&t),
			})
			if warning := trafficWarning(&t); warning != nil {
				b.Events = append(b.Events, Event{
					Service: s.name, Kind: EventConfigWarning, At: t.At, Evidence: warning,
					Reason: "the circuit opened with more than 99 % successes in its window",
				})
			}
			return m.planRow(s, *t.After, b, "")
		},
		apply: func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			s.number = t.Number
			if t.To == switchgear.Closed {
				s.tripEvent = 0
			}
		},
	}
}

// planRow adds the state of the member, with its breaker as the snapshot says.
func (m *Manager) planRow(s *member, live switchgear.Snapshot, b *Batch, by string) error {
	if s.removed {
		return nil // its row is gone, and what is left of it is history
	}
	m.mu.RLock()
	v := m.viewOf(s, live)
	m.mu.RUnlock()
	row, err := s.row(&v, live.At, by)
	if err != nil {
		return err
	}
	b.Services = append(b.Services, row)
	return nil
}

// trafficWarning is the evidence of a config_warning for a circuit that opened
// although nearly everything succeeded, or nil.
func trafficWarning(t *switchgear.Transition) json.RawMessage {
	e := &t.Evidence
	total := e.Failures + e.Successes
	if t.From != switchgear.Closed || t.To != switchgear.Open || e.Rule == switchgear.RuleSlowCalls ||
		float64(e.Successes) <= 0.99*float64(total) {
		return nil
	}
	return object(map[string]any{
		"failures": e.Failures, "successes": e.Successes,
		"settings": map[string]any{"failureRateThreshold": 0.5, "minimumOperations": 20, "monitoringWindowMs": 30000},
	})
}

// overrideExpired is the fact that an override came to its end by time.
func (m *Manager) overrideExpired(s *member, e switchgear.OverrideEnd) *change {
	return &change{
		service: s.name, member: s,
		plan: func(b *Batch) error {
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: EventOverrideExpired, From: e.Override.Mode.String(), To: e.After.Mode.String(),
				At: e.At, Actor: e.Override.Actor, Reason: e.Override.Reason,
			})
			return m.planRow(s, *e.After, b, "")
		},
		apply: func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			if sameOverride(s.override, &e.Override) {
				s.override = nil
			}
		},
	}
}

// checkCounts are the health checks of a member, for metrics.
type checkCounts struct {
	mu              sync.Mutex
	passed, failed  uint64
	durations       [len(switchgear.DurationBounds) + 1]uint64
	durationSeconds float64
}

// HealthChecks are the health checks of a service in this process.
type HealthChecks struct {
	Passed, Failed  uint64
	Durations       [len(switchgear.DurationBounds) + 1]uint64 // by switchgear.DurationBounds, not cumulative
	DurationSeconds float64
}

func (c *checkCounts) add(h switchgear.Health) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Healthy {
		c.passed++
	} else {
		c.failed++
	}
	c.durationSeconds += h.Duration.Seconds()
	for i, bound := range switchgear.DurationBounds {
		if h.Duration < bound {
			c.durations[i]++
			return
		}
	}
	c.durations[len(switchgear.DurationBounds)]++
}

func (c *checkCounts) all() HealthChecks {
	c.mu.Lock()
	defer c.mu.Unlock()
	return HealthChecks{c.passed, c.failed, c.durations, c.durationSeconds}
}

// checked counts a health check, and makes it a fact if the service was well
// before and is not now, or the other way round.
func (m *Manager) checked(s *member, h switchgear.Health) {
	s.counts.add(h)
	s.edge.Lock()
	known, was := s.healthKnown, s.healthy
	s.healthKnown, s.healthy = true, h.Healthy
	s.edge.Unlock()
	if !h.Healthy {
		m.log.LogAttrs(context.Background(), slog.LevelWarn, "a health check failed",
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
		plan: func(b *Batch) error {
			b.Events = append(b.Events, Event{
				Service: s.name, Kind: kind, At: time.Now(), Reason: h.Err,
				Evidence: healthEvidence(h),
			})
			return nil
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
