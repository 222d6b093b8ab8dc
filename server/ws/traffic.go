package ws

import (
	"bytes"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/metrics"
	"github.com/degenduel/switchgear/wire"
)

// traffic counts what the server sends and refuses.
type traffic struct {
	messages, bytes, slow, refused atomic.Uint64

	renewed  atomic.Uint64 // snapshots for clients that did not keep up
	sent     tally[string]
	received tally[metrics.Message]
	closed   tally[int] // sockets, by the code that they were closed with
	statuses tally[int] // handshakes that were refused
}

// tally counts by something of which there are few.
type tally[K comparable] struct {
	mu sync.Mutex // of who adds another
	of atomic.Pointer[map[K]*atomic.Uint64]
}

func (t *tally[K]) add(k K, n int) {
	of := t.of.Load()
	if of == nil || (*of)[k] == nil {
		of = t.with(k)
	}
	(*of)[k].Add(uint64(n)) //nolint:gosec // a length
}

// with has a place for k.
func (t *tally[K]) with(k K) *map[K]*atomic.Uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[K]*atomic.Uint64)
	if of := t.of.Load(); of != nil {
		maps.Copy(next, *of)
	}
	if next[k] == nil {
		next[k] = new(atomic.Uint64)
	}
	t.of.Store(&next)
	return &next
}

func (t *tally[K]) counts() map[K]uint64 {
	counts := make(map[K]uint64)
	if of := t.of.Load(); of != nil {
		for k, n := range *of {
			counts[k] = n.Load()
		}
	}
	return counts
}

// otherType is what messages of no type that is known are counted as.
const otherType = "other"

// sentTypes are the types of messages to clients.
var sentTypes = typeSet(
	wire.TypeConnectionStatus, wire.TypeServicesState, wire.TypeServiceUpdate, wire.TypeServiceEvent, wire.TypeHeartbeat,
	wire.TypeHealthCheckResult, wire.TypeResetResult, wire.TypeSubscriptionSuccess, wire.TypePong, wire.TypeError,
	"alert:firing", "alert:resolved",
)

// receivedTypes are those of messages of clients.
var receivedTypes = typeSet(wire.TypePing, wire.TypeSubscribe, wire.TypeHealthCheck, wire.TypeReset)

func typeSet(types ...string) map[string]string {
	set := make(map[string]string, len(types))
	for _, t := range types {
		set[t] = t
	}
	return set
}

// typeOf is the type of the message in a frame: the first of its fields.
func typeOf(f frame) string {
	if _, rest, ok := bytes.Cut(f[:min(len(f), 64)], []byte(`{"type":"`)); ok {
		if name, _, ok := bytes.Cut(rest, []byte(`"`)); ok {
			if known, ok := sentTypes[string(name)]; ok {
				return known
			}
		}
	}
	return otherType
}

// count adds frames that were written. A nil traffic counts nothing.
func (t *traffic) count(frames []frame) {
	if t == nil || len(frames) == 0 {
		return
	}
	size, run, kind := 0, 0, typeOf(frames[0])
	for _, f := range frames {
		size += len(f)
		if next := typeOf(f); next != kind {
			t.sent.add(kind, run)
			run, kind = 0, next
		}
		run++
	}
	t.sent.add(kind, run)
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
		kind = otherType
	}
	t.received.add(metrics.Message{Type: kind, Result: result}, 1)
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
		Sent: s.traffic.sent.counts(), SentBytes: s.traffic.bytes.Load(), Received: s.traffic.received.counts(),
		Coalesced: s.hub.coalesced.Load(), Renewed: s.traffic.renewed.Load(),
		Closed: s.traffic.closed.counts(), Refused: s.traffic.statuses.counts(),
	}
	m.Closed[closeTryLater] += 0 // to be seen before it happens
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
