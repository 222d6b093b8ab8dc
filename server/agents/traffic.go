package agents

import (
	"sync/atomic"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

// traffic counts what is sent, taken in and refused.
type traffic struct {
	bytes    atomic.Uint64
	sent     socket.Tally[string]
	received socket.Tally[metrics.Message]
	closed   socket.Tally[int] // sockets, by the code that they were closed with
	statuses socket.Tally[int] // handshakes that were refused
}

var sentTypes = socket.TypesOf(
	wire.TypeAgentWelcome, wire.TypeAgentJoined, wire.TypeAgentAck, wire.TypeAgentOrder, wire.TypeAgentHeartbeat, wire.TypeError,
)

var receivedTypes = socket.TypesOf(
	wire.TypeAgentHello, wire.TypeAgentJoin, wire.TypeAgentLeave, wire.TypeAgentReport, wire.TypeAgentTransitions,
	wire.TypeAgentHeartbeat, wire.TypeAgentResult, wire.TypeAgentBye,
)

// count adds frames that were written.
func (t *traffic) count(frames []socket.Frame) {
	size := 0
	for _, f := range frames {
		size += len(f)
		t.sent.Add(sentTypes.Of(f), 1)
	}
	t.bytes.Add(uint64(size))
}

// receivedOne counts a message of an agent by what became of it.
func (t *traffic) receivedOne(kind string, err error) {
	if receivedTypes[kind] == "" {
		kind = socket.OtherType
	}
	result := "ok"
	switch {
	case err == nil:
	case fleet.KindOf(err) == fleet.Invalid:
		result = "invalid"
	default:
		result = "failed"
	}
	t.received.Add(metrics.Message{Type: kind, Result: result}, 1)
}

// Measure is how the agents' socket is, for metrics.
func (s *Server) Measure() metrics.Agents {
	m := metrics.Agents{
		Sent: s.traffic.sent.Counts(), SentBytes: s.traffic.bytes.Load(), Received: s.traffic.received.Counts(),
		Closed: s.traffic.closed.Counts(), Refused: s.traffic.statuses.Counts(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Sockets = len(s.agents)
	return m
}
