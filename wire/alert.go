package wire

import "encoding/json"

// Alert is one thing that is wrong with one service, from its beginning to its
// end.
type Alert struct {
	ID             string          `json:"id"`
	Incident       string          `json:"incident"` // the ID of its first alert
	Kind           string          `json:"kind"`
	Service        string          `json:"service"`
	Status         string          `json:"status"` // firing or resolved
	Severity       string          `json:"severity"`
	Summary        string          `json:"summary"`
	StartsAt       Time            `json:"starts_at"`
	EndsAt         Time            `json:"ends_at"` // null: it is firing
	UpdatedAt      Time            `json:"updated_at"`
	Root           *string         `json:"root"` // the service that the incident comes from
	Affects        []string        `json:"affects"`
	Evidence       json.RawMessage `json:"evidence"` // an object or null
	SilencedBy     []string        `json:"silenced_by"`
	AcknowledgedBy *string         `json:"acknowledged_by"`
	AcknowledgedAt Time            `json:"acknowledged_at"`
	URL            string          `json:"url"` // of the service's page at that time
}

// Acknowledged is an alert after somebody said that it was seen. What somebody had
// seen before says so, by whom and when.
type Acknowledged struct {
	Alert

	Newly int `json:"newly"` // how many alerts of its incident nobody had seen
}

// AlertMessage tells on the stream that an alert began, changed or ended.
type AlertMessage struct {
	Type      string `json:"type"`
	Timestamp Time   `json:"timestamp"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`
	Alert     Alert  `json:"alert"`
}

// Alerts is a page of alerts, newest first.
type Alerts struct {
	Alerts     []Alert `json:"alerts"`
	NextCursor *string `json:"next_cursor"`
}

// Matcher says of one field of an alert what it must be.
type Matcher struct {
	Field string `json:"field"`
	Op    string `json:"op"` // =, !=, =~ or !~
	Value string `json:"value"`
}

// Silence keeps alerts that match from being told, for a time.
type Silence struct {
	ID        string    `json:"id"`
	Matchers  []Matcher `json:"matchers"`
	Reason    string    `json:"reason"`
	Author    string    `json:"author"`
	StartsAt  Time      `json:"starts_at"`
	EndsAt    Time      `json:"ends_at"`
	CreatedAt Time      `json:"created_at"`
	Status    string    `json:"status"` // pending, active or expired

	// Covers is how many alerts that fire now its matchers match; of the answer
	// to who makes it only.
	Covers *int `json:"covers,omitempty"`
}

// Silences are all that have not ended, and those that ended lately, oldest first.
type Silences struct {
	Silences []Silence `json:"silences"`
}

// SilenceRequest asks for a silence, from now unless it says when.
type SilenceRequest struct {
	Matchers []Matcher `json:"matchers"`
	Reason   string    `json:"reason"`
	StartsAt *Time     `json:"starts_at,omitempty"`
	EndsAt   *Time     `json:"ends_at"`
}

// Receiver is where alerts are sent, and how that goes.
type Receiver struct {
	Name          string  `json:"name"`
	Kind          string  `json:"kind"` // webhook, alertmanager or notify
	Waiting       int     `json:"waiting"`
	Delivered     uint64  `json:"delivered"` // since the start, as the next three
	Failed        uint64  `json:"failed"`    // attempts
	GivenUp       uint64  `json:"given_up"`
	Dropped       uint64  `json:"dropped"`
	LastSuccessAt Time    `json:"last_success_at"`
	LastError     *string `json:"last_error"` // null after a success
	LastErrorAt   Time    `json:"last_error_at"`
}

// Receivers are all of them, by name.
type Receivers struct {
	Receivers []Receiver `json:"receivers"`
}
