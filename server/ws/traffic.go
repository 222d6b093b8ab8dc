package ws

import (
	"sync/atomic"

	"github.com/degenduel/switchgear/wire"
)

// traffic counts what the server sends and refuses.
type traffic struct {
	messages, bytes, slow, refused atomic.Uint64
}

// count adds frames that were written. A nil traffic counts nothing.
func (t *traffic) count(frames []frame) {
	if t == nil || len(frames) == 0 {
		return
	}
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	t.messages.Add(uint64(len(frames)))
	t.bytes.Add(uint64(size))
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
