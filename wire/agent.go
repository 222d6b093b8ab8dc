package wire

import "encoding/json"

// The types of the messages of an agent, on /api/v2/ws/agent.
const (
	TypeAgentHello       = "agent:hello"
	TypeAgentJoin        = "agent:join"
	TypeAgentLeave       = "agent:leave"
	TypeAgentReport      = "agent:report"
	TypeAgentTransitions = "agent:transitions"
	TypeAgentHeartbeat   = "agent:heartbeat"
	TypeAgentResult      = "agent:result"
	TypeAgentBye         = "agent:bye"
)

// Those of the manager, beside TypeError and TypeAgentHeartbeat.
const (
	TypeAgentWelcome = "agent:welcome"
	TypeAgentJoined  = "agent:joined"
	TypeAgentAck     = "agent:ack"
	TypeAgentOrder   = "agent:order"
)

// The kinds of orders that an agent is given.
const (
	OrderConfig      = "config"
	OrderOverride    = "override"
	OrderOverrideEnd = "override_end"
	OrderReset       = "reset"
	OrderHealthCheck = "health_check"
	OrderFleet       = "fleet"
)

// What a fleet order says in To, and a JoinedService in Fleet. It holds until
// another is said or the connection ends: then the breaker's own rules decide.
const (
	FleetOpen    = "open"      // be open, by the rule fleet_quorum, and do not begin a recovery
	FleetRecover = "half_open" // begin the recovery now, if open
	FleetAlone   = "auto"      // wait no longer: the breaker's own rules decide
)

// CodeTakenOver is what a connection is closed with where a newer one of the same
// process has come.
const CodeTakenOver = 4009

// AgentPage is how many services a join or a report has at most.
const AgentPage = 100

// AgentTransitionsPage is how many transitions a message has at most.
const AgentTransitionsPage = 256

// AgentHello is an agent's first message: which process it is.
type AgentHello struct {
	Type     string `json:"type"`
	Instance string `json:"instance"` // random, of the process: [A-Za-z0-9_-]{16,64}
	Name     string `json:"name"`     // for people, for example the host's; up to 128 bytes
	Program  string `json:"program"`  // what it runs, with its version; up to 128 bytes
	Library  string `json:"library"`  // what speaks this protocol, with its version; up to 128 bytes

	// Boot is random too, and new in each process: who shows an Instance that
	// is there with another Boot is refused. It is kept secret, so that nobody
	// else can take an instance over.
	Boot      string `json:"boot"`
	StartedAt Time   `json:"started_at"` // the process
}

// AgentWelcome answers a hello.
type AgentWelcome struct {
	Type        string `json:"type"`
	Timestamp   Time   `json:"timestamp"`
	Epoch       string `json:"epoch"`
	HeartbeatMs int64  `json:"heartbeat_ms"`           // a heartbeat at least so often
	ReportMs    int64  `json:"report_ms"`              // a report of a service at most so often
	MaxServices int    `json:"max_services"`           // of an agent
	ReconnectMs int64  `json:"reconnect_ms,omitempty"` // the longest wait between two tries to come back; 0: 30 s
}

// AgentJoin brings services in, or brings them back after a lost connection.
type AgentJoin struct {
	Type     string        `json:"type"`
	ID       uint64        `json:"id"`
	Services []JoinService `json:"services"`
}

// JoinService is a service in an AgentJoin.
type JoinService struct {
	Service      string          `json:"service"`
	Layer        string          `json:"layer"`
	Description  string          `json:"description"`
	Dependencies []string        `json:"dependencies"`
	Config       json.RawMessage `json:"config"` // what the program's code says
	HasCheck     bool            `json:"has_check"`

	// State is the breaker's as it is now, whose config version is that of the
	// config in force, or 0 where the code's own is.
	State AgentState `json:"state"`

	// Fresh: it has been in no manager's hands in this process yet, so that it
	// takes over what the manager remembers.
	Fresh bool `json:"fresh"`
}

// AgentJoined answers an AgentJoin, service by service in its order.
type AgentJoined struct {
	Type      string          `json:"type"`
	Timestamp Time            `json:"timestamp"`
	ID        uint64          `json:"id"`
	Services  []JoinedService `json:"services"`
}

// JoinedService is what a service that joined is to put in force.
type JoinedService struct {
	Service string      `json:"service"`
	Error   *AgentError `json:"error,omitempty"` // it did not join; the rest is empty

	Config        json.RawMessage `json:"config"`
	ConfigVersion int             `json:"config_version"`
	Override      *Override       `json:"override"` // the manager's, or null: then one of the manager's ends
	Known         uint64          `json:"known"`    // the number of the last transition that the manager has stored

	// Fleet is what the fleet rule wants of it, one of the Fleet constants; empty:
	// nothing.
	Fleet string `json:"fleet,omitempty"`

	// State is what a fresh breaker begins with: null is closed.
	State *AgentState `json:"state"`
}

// AgentLeave takes services out of the instance; they stay in the manager.
type AgentLeave struct {
	Type     string   `json:"type"`
	ID       uint64   `json:"id"`
	Services []string `json:"services"`
}

// AgentReport is how services of the instance are now. All in it is cumulative
// or absolute: the newest report is all there is to know, and one that comes
// twice, or late, does no harm.
type AgentReport struct {
	Type     string       `json:"type"`
	ID       uint64       `json:"id"` // rising in the connection
	Services []AgentState `json:"services"`
}

// AgentState is the breaker of one instance.
type AgentState struct {
	Service        string         `json:"service"`
	ConfigVersion  int            `json:"config_version"`
	ConfigError    string         `json:"config_error,omitempty"` // why a newer one was refused
	Running        bool           `json:"running"`
	CircuitBreaker CircuitBreaker `json:"circuit_breaker"` // without details
	Successes      uint64         `json:"successes"`       // in the window, whose failures the breaker's part has
	Slow           uint64         `json:"slow"`            // likewise
	RetryAfterMs   float64        `json:"retry_after_ms"`  // of an open one: the time left, which no clock falsifies
	OpenMs         float64        `json:"open_ms"`
	Operations     Operations     `json:"operations"`
	Performance    Performance    `json:"performance"`
	Health         Health         `json:"health"`

	FailedRecoveries int `json:"failed_recoveries"`

	// Durations are all operations by how long they took, in the buckets of
	// switchgear.DurationBounds; null where they are not counted.
	Durations *AgentDurations `json:"durations,omitempty"`
}

// AgentDurations is a histogram since the breaker was made.
type AgentDurations struct {
	SumMs  float64     `json:"sum_ms"`
	Counts [][2]uint64 `json:"counts"` // the place of the bucket and its count, those that are not empty
}

// AgentTransitions are transitions of one service, rising by one. They are told
// until they are acknowledged.
type AgentTransitions struct {
	Type        string            `json:"type"`
	ID          uint64            `json:"id"`
	Service     string            `json:"service"`
	Transitions []AgentTransition `json:"transitions"`
	State       AgentState        `json:"state"` // after the last of them
}

// AgentTransition is one change of a breaker's state.
type AgentTransition struct {
	Number   uint64          `json:"number"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	At       Time            `json:"at"`
	Actor    string          `json:"actor"`
	Reason   string          `json:"reason"`
	Evidence json.RawMessage `json:"evidence"` // an object, as of an Event, or null
}

// AgentAck says that what was sent with the ID, and all before it, is known; of
// transitions, that they are stored.
type AgentAck struct {
	Type      string `json:"type"`
	Timestamp Time   `json:"timestamp"`
	ID        uint64 `json:"id"`
}

// AgentHeartbeat says that the instance lives, and in answer that the manager
// does, which says when.
type AgentHeartbeat struct {
	Type      string `json:"type"`
	Timestamp Time   `json:"timestamp,omitzero"`
}

// AgentBye says that the process ends, so that its silence is no alarm.
type AgentBye struct {
	Type string `json:"type"`
}

// AgentOrder is an order to the instance.
type AgentOrder struct {
	Type          string          `json:"type"`
	Timestamp     Time            `json:"timestamp"`
	Order         uint64          `json:"order"` // rising in the connection
	Kind          string          `json:"kind"`  // one of the Order constants
	Service       string          `json:"service"`
	Config        json.RawMessage `json:"config,omitempty"`
	ConfigVersion int             `json:"config_version,omitempty"`
	Override      *Override       `json:"override,omitempty"`
	To            string          `json:"to,omitempty"` // of a reset, or of a fleet order
	Actor         string          `json:"actor"`
	Reason        string          `json:"reason"`
}

// AgentResult answers an order.
type AgentResult struct {
	Type    string      `json:"type"`
	Order   uint64      `json:"order"`
	Service string      `json:"service"`
	Error   *AgentError `json:"error,omitempty"` // it was not carried out
	State   AgentState  `json:"state"`           // after it
}

// AgentError is why something was not done.
type AgentError struct {
	Code    int            `json:"code"` // as of an error message
	Message string         `json:"message"`
	Errors  []FieldMessage `json:"errors,omitempty"`
}

// Instance is one process's copy of a service, as people see it.
type Instance struct {
	Instance  string `json:"instance"`
	Name      string `json:"name"`
	Program   string `json:"program"`
	Library   string `json:"library"`
	Address   string `json:"address"` // where it connects from
	Node      string `json:"node"`    // the manager's node that it is connected to
	Connected bool   `json:"connected"`
	Stale     bool   `json:"stale"` // silent: three heartbeats were missed
	StartedAt Time   `json:"started_at"`
	JoinedAt  Time   `json:"joined_at"`
	SeenAt    Time   `json:"seen_at"`

	ConfigVersion  int            `json:"config_version"`
	ConfigError    *string        `json:"config_error"`
	IsOpen         bool           `json:"is_open"`
	BadCaller      bool           `json:"bad_caller"` // it is open alone: the fleet rule has found no quorum, and others with traffic are closed
	CircuitBreaker CircuitBreaker `json:"circuit_breaker"`
	Operations     Operations     `json:"operations"`
	Performance    Performance    `json:"performance"`
	Health         Health         `json:"health"`
}

// InstanceList answers GET /services/{service}/instances, and on the stream a
// service:instances.
type InstanceList struct {
	Service   string     `json:"service"`
	Instances []Instance `json:"instances"`
}
