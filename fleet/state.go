package fleet

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// ServiceState is a service as it is kept in system_settings. The first fields
// are those of the contract; snapshot is what a restart needs besides.
type ServiceState struct {
	Running        bool               `json:"running"`
	Status         Status             `json:"status"`
	CircuitBreaker circuitBreakerJSON `json:"circuitBreaker"`
	Operations     operationsJSON     `json:"operations"`
	Performance    performanceJSON    `json:"performance"`
	Health         healthJSON         `json:"health"`
	Config         json.RawMessage    `json:"config"`
	ConfigVersion  int                `json:"configVersion"`

	Source     Source          `json:"source"`
	Definition json.RawMessage `json:"definition,omitempty"` // a config.Service without its config
	LikeFile   bool            `json:"likeFile,omitempty"`   // the file said last what is in force
	FileConfig json.RawMessage `json:"fileConfig,omitempty"` // or else what it said
	TripEvent  int64           `json:"tripEvent,omitempty"`
	Snapshot   snapshotJSON    `json:"snapshot"`

	OutageEvent int64 `json:"outageEvent,omitempty"`

	Told  *toldJSON  `json:"told,omitempty"`  // where several managers share the store
	Crowd *crowdJSON `json:"crowd,omitempty"` // of a service of agents
}

type circuitBreakerJSON struct {
	IsOpen              bool             `json:"isOpen"`
	State               switchgear.State `json:"state"`
	Mode                switchgear.Mode  `json:"mode"`
	Failures            uint64           `json:"failures"`
	LastFailure         *Time            `json:"lastFailure"`
	LastSuccess         *Time            `json:"lastSuccess"`
	RecoveryAttempts    int              `json:"recoveryAttempts"`
	LastRecoveryAttempt *Time            `json:"lastRecoveryAttempt"`
	LastReset           *Time            `json:"lastReset"`
	OpenedAt            *Time            `json:"openedAt"`
	NextAttemptAt       *Time            `json:"nextAttemptAt"`
	Transitions         uint64           `json:"transitions"`
}

type operationsJSON struct {
	Total      uint64 `json:"total"`
	Successful uint64 `json:"successful"`
	Failed     uint64 `json:"failed"`
	Rejected   uint64 `json:"rejected"`
	Ignored    uint64 `json:"ignored"`
}

type performanceJSON struct {
	AverageMs float64 `json:"averageOperationTimeMs"`
	LastMs    float64 `json:"lastOperationTimeMs"`
	P50Ms     float64 `json:"p50OperationTimeMs"`
	P95Ms     float64 `json:"p95OperationTimeMs"`
	P99Ms     float64 `json:"p99OperationTimeMs"`
}

type healthJSON struct {
	Healthy             *bool   `json:"healthy"`
	CheckedAt           *Time   `json:"checkedAt"`
	DurationMs          float64 `json:"durationMs"`
	Error               *string `json:"error"`
	ConsecutiveFailures int     `json:"consecutiveFailures"`
}

// snapshotJSON is what of a switchgear.Snapshot is nowhere else in the state.
type snapshotJSON struct {
	Override            *switchgear.Override `json:"override,omitempty"`
	Trip                *switchgear.Evidence `json:"trip,omitempty"`
	Outage              *switchgear.Outage   `json:"outage,omitempty"`
	ConsecutiveFailures int                  `json:"consecutiveFailures,omitempty"`
	LastError           string               `json:"lastError,omitempty"`
	OpenTime            time.Duration        `json:"openTime,omitempty"`
	RetryAsked          time.Duration        `json:"retryAsked,omitempty"`
	JitterDrawn         float64              `json:"jitterDrawn,omitempty"`
	FailedRecoveries    int                  `json:"failedRecoveries,omitempty"`
	Window              []switchgear.Bucket  `json:"window,omitempty"`

	// NextAttemptAt to the nanosecond, for the time left.
	NextAttemptAt time.Time `json:"nextAttemptAt,omitzero"`
}

// Time is a moment on the wire and in the store: RFC 3339, UTC, milliseconds.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the moment.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"` + timeLayout + `"`)), nil
}

// at is nil for the zero time.
func at(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{t}
}

// moment is the zero time for nil.
func moment(t *Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// state is what of v is stored.
func (m *member) state(v *View) (ServiceState, error) {
	s := &v.Breaker
	cfg, err := json.Marshal(v.Config)
	if err != nil {
		return ServiceState{}, err
	}
	st := ServiceState{
		Running: v.Running, Status: v.Status,
		CircuitBreaker: circuitBreakerJSON{
			IsOpen: v.IsOpen(), State: s.State, Mode: s.Mode, Failures: s.Failures,
			LastFailure: at(s.LastFailure), LastSuccess: at(s.LastSuccess),
			RecoveryAttempts: s.RecoveryAttempts, LastRecoveryAttempt: at(s.LastRecoveryAttempt),
			LastReset: at(s.LastReset), OpenedAt: at(s.OpenedAt), NextAttemptAt: at(s.NextAttemptAt),
			Transitions: s.Transitions,
		},
		Operations: operationsJSON{
			Total: s.Operations.Total(), Successful: s.Operations.Successful, Failed: s.Operations.Failed,
			Rejected: s.Operations.Rejected, Ignored: s.Operations.Ignored,
		},
		Performance: performanceJSON{
			AverageMs: ms(s.Performance.Average), LastMs: ms(s.Performance.Last),
			P50Ms: ms(s.Performance.P50), P95Ms: ms(s.Performance.P95), P99Ms: ms(s.Performance.P99),
		},
		Health: healthState(v.Health),
		Config: cfg, ConfigVersion: v.ConfigVersion,
		Source: v.Source, Definition: m.definition, TripEvent: v.TripEventID, OutageEvent: v.OutageEventID,
		Snapshot: snapshotJSON{
			Override: s.Override, Trip: s.Trip, Outage: s.Outage, ConsecutiveFailures: s.ConsecutiveFailures, LastError: s.LastError,
			OpenTime: s.OpenTime, RetryAsked: s.RetryAsked, JitterDrawn: s.JitterDrawn,
			FailedRecoveries: s.FailedRecoveries, Window: s.Window, NextAttemptAt: s.NextAttemptAt,
		},
	}
	m.guard.keep(&st)
	switch {
	case m.filed == nil:
	case m.likeFile(v.Config):
		st.LikeFile = true
	default:
		st.FileConfig = section(m.filed)
	}
	return st, nil
}

func healthState(h switchgear.Health) healthJSON {
	if !h.Checked {
		return healthJSON{}
	}
	j := healthJSON{
		Healthy: &h.Healthy, CheckedAt: at(h.CheckedAt), DurationMs: ms(h.Duration),
		ConsecutiveFailures: h.ConsecutiveFailures,
	}
	if h.Err != "" {
		j.Error = &h.Err
	}
	return j
}

// health is what healthState was made of.
func (j healthJSON) health() switchgear.Health {
	if j.Healthy == nil {
		return switchgear.Health{}
	}
	h := switchgear.Health{
		Checked: true, Healthy: *j.Healthy, CheckedAt: moment(j.CheckedAt),
		Duration:            time.Duration(j.DurationMs * float64(time.Millisecond)),
		ConsecutiveFailures: j.ConsecutiveFailures,
	}
	if j.Error != nil {
		h.Err = *j.Error
	}
	return h
}

// snapshot is the breaker's snapshot that the state holds.
func (st *ServiceState) snapshot(service string, updatedAt time.Time) switchgear.Snapshot {
	c, s := &st.CircuitBreaker, &st.Snapshot
	next := s.NextAttemptAt
	if next.IsZero() {
		next = moment(c.NextAttemptAt)
	}
	return switchgear.Snapshot{
		Service: service, At: updatedAt, State: c.State, Mode: c.Mode, Override: s.Override,
		Transitions: c.Transitions, Failures: c.Failures, ConsecutiveFailures: s.ConsecutiveFailures, LastError: s.LastError,
		LastFailure: moment(c.LastFailure), LastSuccess: moment(c.LastSuccess), LastReset: moment(c.LastReset),
		LastRecoveryAttempt: moment(c.LastRecoveryAttempt), OpenedAt: moment(c.OpenedAt), NextAttemptAt: next,
		OpenTime: s.OpenTime, RetryAsked: s.RetryAsked, JitterDrawn: s.JitterDrawn,
		RecoveryAttempts: c.RecoveryAttempts, FailedRecoveries: s.FailedRecoveries, Trip: s.Trip, Outage: s.Outage,
		Operations: switchgear.Operations{
			Successful: st.Operations.Successful, Failed: st.Operations.Failed,
			Rejected: st.Operations.Rejected, Ignored: st.Operations.Ignored,
		},
		Performance: switchgear.Performance{Last: time.Duration(st.Performance.LastMs * float64(time.Millisecond))},
		Window:      s.Window,
	}
}

// sourceOf reads who brought the service, and no more.
func sourceOf(row ServiceRow) (Source, error) {
	var st struct {
		Source Source `json:"source"`
	}
	err := json.Unmarshal(row.Value, &st)
	return st.Source, err
}

// parseState reads what the store has of a service.
func parseState(row ServiceRow) (ServiceState, switchgear.Config, config.Service, error) {
	var st ServiceState
	if err := json.Unmarshal(row.Value, &st); err != nil {
		return st, switchgear.Config{}, config.Service{}, err
	}
	var cfg switchgear.Config
	if err := json.Unmarshal(st.Config, &cfg); err != nil {
		return st, cfg, config.Service{}, err
	}
	cfg.Version = st.ConfigVersion
	if len(st.Definition) == 0 {
		return st, cfg, config.Service{}, errors.New("the row has no definition")
	}
	def, err := config.DecodeService(st.Definition, config.DecodeOptions{AllowCommand: true})
	return st, cfg, def, err
}
