package wire

import (
	"encoding/json"
	"time"
)

// Time is a moment on the wire; the zero Time is null.
type Time struct{ time.Time }

// TimeLayout is how a Time is written.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the moment in UTC, to the millisecond, or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"` + TimeLayout + `"`)), nil
}

// UnmarshalJSON reads an RFC 3339 moment, or null.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*t = Time{}
		return nil
	}
	return t.Time.UnmarshalJSON(data)
}

// Entry is the state of one service.
type Entry struct {
	Service      string   `json:"service"`
	Status       string   `json:"status"`
	Running      bool     `json:"running"`
	Layer        string   `json:"layer"`
	Description  string   `json:"description"`
	Dependencies []string `json:"dependencies"`

	CircuitBreaker CircuitBreaker  `json:"circuit_breaker"`
	Operations     Operations      `json:"operations"`
	Performance    Performance     `json:"performance"`
	Health         Health          `json:"health"`
	Config         json.RawMessage `json:"config"`
	ConfigVersion  int             `json:"config_version"`
	Instances      Instances       `json:"instances"`

	Source                string          `json:"source"`                   // file, api or code
	ConfigDiffersFromFile bool            `json:"config_differs_from_file"` // what is in force is not what the file says
	HealthCheck           json.RawMessage `json:"health_check"`             // the section's, or null
	ReportIntervalMs      float64         `json:"report_interval_ms"`
	Alerts                json.RawMessage `json:"alerts"` // the section's rules, or null
}

// CircuitBreaker is the breaker's part of an Entry.
type CircuitBreaker struct {
	State               string    `json:"state"`
	Mode                string    `json:"mode"`
	Details             string    `json:"details"`
	IsOpen              bool      `json:"is_open"`
	Failures            uint64    `json:"failures"`
	ConsecutiveFailures int       `json:"consecutive_failures"`
	LastError           *string   `json:"last_error"`
	LastFailure         Time      `json:"last_failure"`
	LastSuccess         Time      `json:"last_success"`
	RecoveryAttempts    int       `json:"recovery_attempts"`
	LastRecoveryAttempt Time      `json:"last_recovery_attempt"`
	LastReset           Time      `json:"last_reset"`
	OpenedAt            Time      `json:"opened_at"`
	NextAttemptAt       Time      `json:"next_attempt_at"`
	ClosesAt            Time      `json:"closes_at"`
	AdmittedShare       float64   `json:"admitted_share"`
	AwaitsHealthCheck   bool      `json:"awaits_health_check"`
	Transitions         uint64    `json:"transitions"`
	Trip                *Trip     `json:"trip"`
	Outage              *Outage   `json:"outage"`
	Override            *Override `json:"override"`
}

// Trip is why a circuit opened last; null while it is closed.
type Trip struct {
	Rule      string  `json:"rule"`
	Failures  uint64  `json:"failures"`
	Successes uint64  `json:"successes"`
	LastError *string `json:"last_error"`
	EventID   *int64  `json:"event_id"` // null until it is stored
}

// Outage is how a circuit came to be open: its first opening since it was last
// closed. It stands through every recovery that fails, and is null while the
// circuit is closed, where it has not opened since, and of a service whose
// beginning was not kept by the release that ran then.
type Outage struct {
	BeganAt   Time    `json:"began_at"`
	Rule      string  `json:"rule"`
	Failures  uint64  `json:"failures"`
	Successes uint64  `json:"successes"`
	LastError *string `json:"last_error"`
	EventID   *int64  `json:"event_id"` // null until it is stored, and where it is not known
	Openings  int     `json:"openings"` // the first and each failed recovery since, from 1
}

// Override is an administrator's mode with its end.
type Override struct {
	Mode      string `json:"mode"`
	Reason    string `json:"reason"`
	Actor     string `json:"actor"`
	ExpiresAt Time   `json:"expires_at"`
}

// Operations are totals.
type Operations struct {
	Total      uint64 `json:"total"`
	Successful uint64 `json:"successful"`
	Failed     uint64 `json:"failed"`
	Rejected   uint64 `json:"rejected"`
	Ignored    uint64 `json:"ignored"`
}

// Performance is how long operations take, in milliseconds.
type Performance struct {
	AverageOperationTimeMs float64 `json:"averageOperationTimeMs"`
	LastOperationTimeMs    float64 `json:"lastOperationTimeMs"`
	P50OperationTimeMs     float64 `json:"p50OperationTimeMs"`
	P95OperationTimeMs     float64 `json:"p95OperationTimeMs"`
	P99OperationTimeMs     float64 `json:"p99OperationTimeMs"`
}

// Health is what the latest health check said; Healthy is null before it.
type Health struct {
	Healthy             *bool   `json:"healthy"`
	CheckedAt           Time    `json:"checked_at"`
	DurationMs          float64 `json:"duration_ms"`
	Error               *string `json:"error"`
	ConsecutiveFailures int     `json:"consecutive_failures"`
}

// Instances are how many copies of a service there are.
type Instances struct {
	Total int `json:"total"`
	Open  int `json:"open"`
	Stale int `json:"stale"`

	// BadCallers are open alone: the fleet rule has found no quorum.
	BadCallers int `json:"bad_callers"`
}

// Event is one line of a service's history.
type Event struct {
	ID       *int64          `json:"id"` // null until it is stored
	Seq      uint64          `json:"seq"`
	Service  string          `json:"service"`
	Kind     string          `json:"kind"`
	From     *string         `json:"from"`
	To       *string         `json:"to"`
	At       Time            `json:"at"`
	Actor    *string         `json:"actor"`
	Reason   *string         `json:"reason"`
	Evidence json.RawMessage `json:"evidence"` // an object or null
	Durable  bool            `json:"durable"`  // false: the store has yet to take it
}
