package wire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The types of the stream's messages.
const (
	TypeConnectionStatus    = "connection:status"
	TypeServicesState       = "services:state"
	TypeServiceUpdate       = "service:update"
	TypeServiceEvent        = "service:event"
	TypeAlertFiring         = "alert:firing"
	TypeAlertResolved       = "alert:resolved"
	TypeHeartbeat           = "services:heartbeat"
	TypeHealthCheckResult   = "service:health_check_result"
	TypeResetResult         = "service:circuit_breaker_reset_result"
	TypeSubscriptionSuccess = "subscription:success"
	TypePong                = "pong"
	TypeError               = "error"

	TypePing        = "ping"
	TypeSubscribe   = "subscribe:services"
	TypeHealthCheck = "service:health_check"
	TypeReset       = "service:reset_circuit_breaker"

	// TypeInstances asks for the instances of a service, and answers.
	TypeInstances = "service:instances"
)

// The codes of an error message, and of a close where it says so.
const (
	CodeAuthenticationEnded = 4001
	CodeNotAllowed          = 4003
	CodeInvalid             = 4004
	CodeTooMany             = 4029
	CodeNoService           = 4040
	CodeConflict            = 4090
	CodeInternal            = 5000
	CodeUnavailable         = 5030
)

// ConnectionStatus is the stream's first message.
type ConnectionStatus struct {
	Type        string `json:"type"`
	Timestamp   Time   `json:"timestamp"`
	Status      string `json:"status"` // connected
	Role        string `json:"role"`
	Epoch       string `json:"epoch"`
	Seq         uint64 `json:"seq"`
	HeartbeatMs int64  `json:"heartbeat_ms"`
	ReconnectMs int64  `json:"reconnect_ms,omitempty"` // the longest wait between two tries to come back; 0: 30 s
}

// ServicesState is a snapshot, or a page of one.
type ServicesState struct {
	Type      string            `json:"type"`
	Timestamp Time              `json:"timestamp"`
	Epoch     string            `json:"epoch"`
	Seq       uint64            `json:"seq"`
	Page      int               `json:"page"`  // from 1
	Pages     int               `json:"pages"` // 1 for an empty fleet too
	Services  []json.RawMessage `json:"services"`
}

// ServiceUpdate is the new state of a service, at top level.
type ServiceUpdate struct {
	Entry

	Type      string `json:"type"`
	Timestamp Time   `json:"timestamp"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`
}

// ServiceEvent tells an event.
type ServiceEvent struct {
	Type      string `json:"type"`
	Timestamp Time   `json:"timestamp"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`
	Event     Event  `json:"event"`
}

// Heartbeat says that its reader has everything up to Seq.
type Heartbeat struct {
	Type      string `json:"type"`
	Timestamp Time   `json:"timestamp"`
	Epoch     string `json:"epoch"`
	Seq       uint64 `json:"seq"`
}

// HealthCheckResult answers a health check; over REST without type.
type HealthCheckResult struct {
	Type           string          `json:"type,omitempty"`
	Timestamp      Time            `json:"timestamp"`
	Service        string          `json:"service"`
	Healthy        bool            `json:"healthy"`
	Status         string          `json:"status"`
	DurationMs     float64         `json:"duration_ms"`
	Error          *string         `json:"error"`
	CircuitBreaker *CircuitBreaker `json:"circuit_breaker"`
	RequestID      RequestID       `json:"request_id,omitempty"`
}

// ResetResult answers a reset; over REST without type.
type ResetResult struct {
	Type           string          `json:"type,omitempty"`
	Timestamp      Time            `json:"timestamp"`
	Service        string          `json:"service"`
	Success        bool            `json:"success"`
	Status         string          `json:"status"`
	Details        string          `json:"details"`
	CircuitBreaker *CircuitBreaker `json:"circuit_breaker,omitempty"`
	RequestID      RequestID       `json:"request_id,omitempty"`
}

// ServiceInstances answers a service:instances.
type ServiceInstances struct {
	Type      string     `json:"type"`
	Timestamp Time       `json:"timestamp"`
	Service   string     `json:"service"`
	Instances []Instance `json:"instances"`
	RequestID RequestID  `json:"request_id,omitempty"`
}

// SubscriptionSuccess answers a subscription.
type SubscriptionSuccess struct {
	Type      string    `json:"type"`
	Timestamp Time      `json:"timestamp"`
	Services  []string  `json:"services"`
	Layers    []string  `json:"layers"`
	Statuses  []string  `json:"statuses"`
	RequestID RequestID `json:"request_id,omitempty"`
}

// Pong answers a ping; its timestamp is the client's, as it came, or ours.
type Pong struct {
	Type      string          `json:"type"`
	Timestamp json.RawMessage `json:"timestamp"`
}

// Error is what is wrong with a message, or with what it asked for.
type Error struct {
	Type         string    `json:"type"`
	Timestamp    Time      `json:"timestamp"`
	Code         int       `json:"code"`
	Message      string    `json:"message"`
	RequestID    RequestID `json:"request_id,omitempty"`
	RetryAfterMs int64     `json:"retry_after_ms,omitempty"`
}

// RequestID is what a client calls a request, and comes back as it was: the
// JSON text of a string or a number. Empty is none.
type RequestID string

// maxRequestID bounds what is kept and sent back.
const maxRequestID = 256

// NewRequestID is the RequestID of a string.
func NewRequestID(s string) RequestID {
	text, err := json.Marshal(s)
	if err != nil { // a string is always JSON
		return ""
	}
	return RequestID(text)
}

// MarshalJSON writes the text.
func (r RequestID) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

// UnmarshalJSON keeps the text of a string or a number; null is none.
func (r *RequestID) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		*r = ""
	case len(data) > maxRequestID:
		return fmt.Errorf("%d bytes are more than %d", len(data), maxRequestID)
	case data[0] == '"', data[0] == '-', data[0] >= '0' && data[0] <= '9':
		*r = RequestID(data)
	default:
		return errors.New("must be a string or a number")
	}
	return nil
}

// ClientMessage is any message of a client.
type ClientMessage struct {
	Type      string          `json:"type"`
	RequestID RequestID       `json:"request_id"`
	Timestamp json.RawMessage `json:"timestamp"` // of a ping: a string or a number
	Service   string          `json:"service"`
	Reason    string          `json:"reason"`
	To        string          `json:"to"`
	Services  []string        `json:"services"`
	Layers    []string        `json:"layers"`
	Statuses  []string        `json:"statuses"`
	Since     *Since          `json:"since"`
}

// Since is a place in the stream.
type Since struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}
