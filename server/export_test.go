package server

import (
	"time"

	"github.com/degenduel/switchgear/wire"
)

// StreamPath is where the live stream is.
const StreamPath = streamPath

// AgentsPath is where agents come.
const AgentsPath = agentsPath

// SetTimeouts gives clients less time than they have.
func (s *Server) SetTimeouts(header, read time.Duration) {
	s.timeouts.header, s.timeouts.read = header, read
}

// OwnPaths are the routes at the root.
func (s *Server) OwnPaths() []string {
	var paths []string
	for _, own := range s.own(nil, wire.Version{}) {
		paths = append(paths, own.path)
	}
	return paths
}
