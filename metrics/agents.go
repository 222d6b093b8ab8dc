package metrics

import (
	"cmp"
	"maps"
	"slices"
)

// Agents is how the agents' socket is, and what it did since it was made.
type Agents struct {
	Sockets int // that are open

	Sent      map[string]uint64  // messages, by type
	SentBytes uint64             // what they took
	Received  map[Message]uint64 // by what became of them

	Closed  map[int]uint64 // sockets, by the code that the server closed them with
	Refused map[int]uint64 // handshakes, by HTTP status
}

var (
	agentSockets   = desc("agent_sockets", "Sockets of agents that are open.")
	agentsSent     = desc("agent_messages_sent_total", "Messages to agents, by type.", "type")
	agentSentBytes = desc("agent_sent_bytes_total", "Bytes of the messages to agents.")
	agentsReceived = desc("agent_messages_received_total", "Messages of agents, by type and by what became of them.", "result", "type")
	agentsClosed   = desc("agent_sockets_closed_total", "Sockets of agents that the server closed, by the code it gave.", "code")
	agentsNotLetIn = desc("agent_handshakes_refused_total", "Requests for the agents' socket that were refused, by HTTP status.", "status")
)

func (s *sink) agents(v Agents) {
	s.gauge(agentSockets, float64(v.Sockets))
	for _, kind := range slices.Sorted(maps.Keys(v.Sent)) {
		s.counter(agentsSent, v.Sent[kind], kind)
	}
	s.counter(agentSentBytes, v.SentBytes)
	messages := slices.SortedFunc(maps.Keys(v.Received), func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Result, b.Result), cmp.Compare(a.Type, b.Type))
	})
	for _, m := range messages {
		s.counter(agentsReceived, v.Received[m], m.Result, m.Type)
	}
	s.byNumber(agentsClosed, v.Closed)
	s.byNumber(agentsNotLetIn, v.Refused)
}
