package ws

import (
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

// traffic counts what the server sends and refuses.
type traffic struct {
	messages, bytes, slow, refused atomic.Uint64

	renewed  atomic.Uint64 // snapshots for clients that did not keep up
	sent     socket.Tally[string]
	received socket.Tally[metrics.Message]
	closed   socket.Tally[int] // sockets, by the code that they were closed with
	statuses socket.Tally[int] // handshakes that were refused
}

// sentTypes are the types of messages to clients.
var sentTypes = socket.TypesOf(
	wire.TypeConnectionStatus, wire.TypeServicesState, wire.TypeServiceUpdate, wire.TypeServiceEvent, wire.TypeHeartbeat,
	wire.TypeHealthCheckResult, wire.TypeResetResult, wire.TypeSubscriptionSuccess, wire.TypePong, wire.TypeError, wire.TypeInstances,
	"alert:firing", "alert:resolved",
)

// receivedTypes are those of messages of clients.
var receivedTypes = socket.TypesOf(wire.TypePing, wire.TypeSubscribe, wire.TypeHealthCheck, wire.TypeReset, wire.TypeInstances)

// count adds frames that were written, one at least.
func (t *traffic) count(frames []socket.Frame) {
	size, run, kind := 0, 0, sentTypes.Of(frames[0])
	for _, f := range frames {
		size += len(f)
		if next := sentTypes.Of(f); next != kind {
			t.sent.Add(kind, run)
			run, kind = 0, next
		}
		run++
	}
	t.sent.Add(kind, run)
	t.messages.Add(uint64(len(frames)))
	t.bytes.Add(uint64(size))
}

// results are what became of a message that was answered with an error, by the
// error's code.
var results = map[int]string{
	wire.CodeInvalid:    "invalid",
	wire.CodeTooMany:    "limited",
	wire.CodeNotAllowed: "refused",
}

const (
	resultDone   = "ok"
	resultFailed = "failed"
)

// receivedOne counts a message of a client.
func (t *traffic) receivedOne(kind, result string) {
	if receivedTypes[kind] == "" {
		kind = socket.OtherType
	}
	t.received.Add(metrics.Message{Type: kind, Result: result}, 1)
}

// resultOf is what becomes of a message that is answered with an error.
func resultOf(e wire.Error) string {
	if result, ok := results[e.Code]; ok {
		return result
	}
	return resultFailed
}

// Info is how the stream is, and what it did since it was made.
func (s *Server) Info() wire.StreamInfo {
	s.hub.mu.RLock()
	told := s.hub.told
	s.hub.mu.RUnlock()
	return wire.StreamInfo{
		Clients: s.Clients(), Slow: s.traffic.slow.Load(), Messages: s.traffic.messages.Load(),
		Updates: told, Bytes: s.traffic.bytes.Load(), Refused: s.traffic.refused.Load(),
	}
}

// Measure is how the stream is, for metrics.
func (s *Server) Measure() metrics.Stream {
	m := metrics.Stream{
		Sent: s.traffic.sent.Counts(), SentBytes: s.traffic.bytes.Load(), Received: s.traffic.received.Counts(),
		Coalesced: s.hub.coalesced.Load(), Renewed: s.traffic.renewed.Load(),
		Closed: s.traffic.closed.Counts(), Refused: s.traffic.statuses.Counts(),
	}
	m.Closed[socket.CloseTryLater] += 0 // to be seen before it happens
	s.mu.RLock()
	slowest := s.hub.at()
	for c := range s.clients {
		slowest = min(slowest, c.reached.Load())
	}
	m.Clients = len(s.clients)
	s.mu.RUnlock()
	m.Held, m.Behind, m.Lag = s.hub.lag(slowest, time.Now())
	return m
}
