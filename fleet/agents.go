package fleet

import (
	"encoding/json"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// AgentInfo is which process an agent is in.
type AgentInfo struct {
	Instance string // random, made once in a process
	Boot     string // the process's secret: who shows an Instance with another is not that process
	Name     string // for people
	Program  string // what it runs, with its version
	Library  string // what speaks for it, with its version
	Address  string // where it connects from
	Node     string // the manager's node that it is connected to

	StartedAt time.Time // the process
}

// AgentConn is the way down to an agent. Its methods are called outside of all
// locks of the manager, by several goroutines at a time, and must not wait.
type AgentConn interface {
	// Order sends an order. An error says that it cannot be sent, because too
	// much waits already: the connection is then closed with code 1013.
	Order(o AgentOrder) error

	// Close ends the connection, with a close code of WebSockets and words. A
	// second one does nothing.
	Close(code int, reason string)
}

// The kinds of orders to an agent, as on the wire.
const (
	AgentConfig      = "config"       // put Config, of Version, in force
	AgentOverride    = "override"     // put Override in force
	AgentOverrideEnd = "override_end" // end the override that the manager has set
	AgentReset       = "reset"        // go To closed or half-open
	AgentHealthCheck = "health_check" // run the health check now
	AgentFleet       = "fleet"        // do what Fleet says
)

// What an instance is told by the fleet rule, as on the wire. It holds in the
// connection in which it is told.
const (
	FleetOpen    = "open"      // be open, and wait with the recovery
	FleetRecover = "half_open" // recover now, if open, and wait no longer
	FleetAlone   = "auto"      // wait no longer: the breaker's own rules decide
)

// AgentOrder is an order to one instance of a service.
type AgentOrder struct {
	ID      uint64 // rising in the session
	Kind    string
	Service string

	Config   json.RawMessage
	Version  int
	Override *switchgear.Override
	To       switchgear.State
	Fleet    string // one of the Fleet constants

	Actor, Reason string
}

// InstanceState is the breaker of one instance. What it counts is cumulative, so
// that the newest is all there is to know. The window of the snapshot is not used.
type InstanceState struct {
	Service       string
	Snapshot      switchgear.Snapshot
	Health        switchgear.Health
	Running       bool
	ConfigVersion int    // of the config in force; 0 is that of the program's code
	ConfigError   string // why a newer config was refused

	// RetryAfter is how long an open one will stay open, by its own clock: it
	// goes before the snapshot's NextAttemptAt. 0: not said.
	RetryAfter time.Duration

	Durations *switchgear.Durations // since the breaker was made; nil: not counted
}

// AgentService is a service that an agent brings in.
type AgentService struct {
	Name     string
	About    config.Service // layer, description, dependencies and config: what the program's code says
	HasCheck bool
	Fresh    bool // it was in no manager's hands in this process
	State    InstanceState
}

// AgentJoined is what a service that was brought in is to put in force.
type AgentJoined struct {
	Service string
	Err     error // it did not join, and the rest is empty

	Config   switchgear.Config
	Version  int
	Override *switchgear.Override // the manager's; nil: one that a manager has set ends
	Known    uint64               // the number of the last transition that the store has

	Fleet string // one of the Fleet constants; empty: there is nothing to do

	// State is what a fresh breaker begins with; nil: closed. Its totals and its
	// transition number are those that the breaker has by itself.
	State *switchgear.Snapshot
}

// InstanceView is one process's copy of a service.
type InstanceView struct {
	AgentInfo // without the Boot

	Connected bool
	Stale     bool // nothing was heard of it for three heartbeats
	BadCaller bool // it is open by itself, where the fleet rule has found no quorum and others with traffic are closed
	Left      bool // it has ended in order, or gave the service up, and was the last of it
	JoinedAt  time.Time
	SeenAt    time.Time // when it was last heard of

	State InstanceState
}

// IsOpen reports whether the instance admits nothing.
func (v *InstanceView) IsOpen() bool { return rejects(&v.State.Snapshot) }

// rejects reports whether a breaker admits nothing.
func rejects(s *switchgear.Snapshot) bool {
	return s.Mode == switchgear.ForcedOpen || s.Mode == switchgear.Auto && s.State == switchgear.Open
}
