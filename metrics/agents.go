package metrics

import (
	"cmp"
	"maps"
	"slices"
)

// Agents is how the agents' socket is, and what it did since it was made.
type Agents struct {
	Connected int

	Sent      map[string]uint64  // messages, by type
	SentBytes uint64             // what they took
	Received  map[Message]uint64 // by what became of them

	Closed  map[int]uint64 // sockets, by the code that the server closed them with
	Refused map[int]uint64 // handshakes, by HTTP status

	// TurnedAway are the agents that the manager did not take, by the kind of the
	// reason; a conflict is another process of the same instance.
	TurnedAway map[string]uint64
}

var (
	agentsConnected = desc("agents_connected", "Agents that are connected.")
	agentsSent      = desc("agent_messages_sent_total", "Messages to agents, by type.", "type")
	agentsSentBytes = desc("agent_sent_bytes_total", "Bytes of the messages to agents.")
	agentsReceived  = desc("agent_messages_received_total", "Messages of agents, by type and by what became of them.", "result", "type")
	agentsClosed    = desc("agent_sockets_closed_total", "Sockets of agents that the server closed, by the code it gave.", "code")
	agentsRefused   = desc("agent_handshakes_refused_total", "Requests for the agents' socket that were refused, by HTTP status.", "status")
	agentsAway      = desc("agents_refused_total", "Agents that the manager did not take, by why; conflict is a second process of an instance.", "reason")
)

func (s *sink) agents(v Agents) {
	s.gauge(agentsConnected, float64(v.Connected))
	for _, kind := range slices.Sorted(maps.Keys(v.Sent)) {
		s.counter(agentsSent, v.Sent[kind], kind)
	}
	s.counter(agentsSentBytes, v.SentBytes)
	messages := slices.SortedFunc(maps.Keys(v.Received), func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Result, b.Result), cmp.Compare(a.Type, b.Type))
	})
	for _, m := range messages {
		s.counter(agentsReceived, v.Received[m], m.Result, m.Type)
	}
	s.byNumber(agentsClosed, v.Closed)
	s.byNumber(agentsRefused, v.Refused)
	for _, reason := range slices.Sorted(maps.Keys(v.TurnedAway)) {
		s.counter(agentsAway, v.TurnedAway[reason], reason)
	}
}
