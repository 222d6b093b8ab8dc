package wire

import "encoding/json"

// Services is a page of entries, by name.
type Services struct {
	Services   []Entry `json:"services"`
	NextCursor *string `json:"next_cursor"`
}

// State is the whole board.
type State struct {
	At       Time    `json:"at"`
	Services []Entry `json:"services"`
}

// Events is a page of history, newest first.
type Events struct {
	Events     []Event `json:"events"`
	NextCursor *string `json:"next_cursor"`
}

// Config is a service's config in force.
type Config struct {
	Service   string          `json:"service"`
	Config    json.RawMessage `json:"config"`
	Version   int             `json:"version"`
	UpdatedAt Time            `json:"updated_at"`
	UpdatedBy string          `json:"updated_by"`
	Reason    string          `json:"reason"`
	Warnings  []FieldMessage  `json:"warnings"`
}

// FieldMessage is a field and what is to be said of it.
type FieldMessage struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// ConfigVersion is one version of a config.
type ConfigVersion struct {
	Version int             `json:"version"`
	Config  json.RawMessage `json:"config"`
	At      Time            `json:"at"`
	Actor   string          `json:"actor"`
	Reason  string          `json:"reason"`
}

// ConfigVersions is a page of versions, newest first.
type ConfigVersions struct {
	Versions   []ConfigVersion `json:"versions"`
	NextCursor *string         `json:"next_cursor"`
}

// Report is the answer to reported operations.
type Report struct {
	Service      string `json:"service"`
	State        string `json:"state"`
	Admit        bool   `json:"admit"`
	RetryAfterMs int64  `json:"retry_after_ms"`
}

// Problem is an error, as RFC 9457 has it.
type Problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	RequestID string         `json:"request_id"`
	Errors    []FieldMessage `json:"errors,omitempty"`
}

// Version is what the program is.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// ResetRequest asks for a reset.
type ResetRequest struct {
	Reason string `json:"reason"`
	To     string `json:"to"` // closed, the default, or half_open
}

// OverrideRequest asks for an override.
type OverrideRequest struct {
	Mode   string  `json:"mode"`
	Reason string  `json:"reason"`
	TTLMs  float64 `json:"ttl_ms"`
}

// ConfigRequest asks for a config: the whole one in a PUT, a merge patch (RFC
// 7396) in a PATCH.
type ConfigRequest struct {
	Config json.RawMessage `json:"config"`
	Reason string          `json:"reason"`
}

// RollbackRequest asks for an older config.
type RollbackRequest struct {
	Version int    `json:"version"`
	Reason  string `json:"reason"`
}

// OperationsRequest reports outcomes.
type OperationsRequest struct {
	Outcomes []OperationOutcome `json:"outcomes"`
}

// OperationOutcome is one reported operation.
type OperationOutcome struct {
	Outcome    string  `json:"outcome"` // success, failure or ignored
	DurationMs float64 `json:"duration_ms"`
	Error      string  `json:"error"`
}
