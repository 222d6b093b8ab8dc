package fleet

import (
	"sync"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// member is a service that the manager knows.
type member struct {
	name    string
	guard   guard
	service *switchgear.Service // what the guard is; nil: a crowd
	crowd   *crowd              // what the guard is; nil: a service of this process
	probe   Probe               // of a probed service; nil of others

	checkedBy Source // who has said how it is probed
	own       bool   // the manager made the service, and stops it
	mirrored  bool   // shown is all there is of it
	term      uint64 // of the lease under which it was made; 0 of a mirror
	source    Source

	stopWatching []func()
	counts       checkCounts
	reports      reports

	// The sequencer changes these, under the manager's mutex.
	def        config.Service
	definition []byte          // def as it is stored
	filed      *config.Service // what the file said last, or the program's code
	differs    bool            // the file says something else than def and config
	config     switchgear.Config
	version    int
	number     uint64               // of the last transition that was told
	override   *switchgear.Override // the one that was told
	tripEvent  int64                // that opened the circuit last
	// outageEvent opened it first since it was closed; 0 is not known.
	outageEvent int64
	shown       *View     // what was told last
	seenAt      time.Time // when that was last found to be so
	toldSeq     uint64    // of shown
	removed     bool

	// The sequencer's alone.
	stored *View                // what the store has; nil: nobody knows
	rowSeq uint64               // the revision of its row
	ended  *switchgear.Override // the last whose end by time was told
	heir   *member              // what a redeclaration put in its place,
	left   *switchgear.Snapshot // and what that took over

	edge        sync.Mutex
	healthKnown bool // a check has ended, so that a change can be told
	healthy     bool
}

func (s *member) unobserve() {
	for _, stop := range s.stopWatching {
		stop()
	}
	s.stopWatching = nil
}

// current is the member itself, or what took its place. The manager's mutex is
// held, or the sequencer asks.
func (s *member) current() *member {
	for s.heir != nil {
		s = s.heir
	}
	return s
}

func (s *member) closeProbe() {
	if s != nil && s.probe != nil {
		_ = s.probe.Close() // there is nothing left to do with its error
	}
}

// told reports whether a snapshot holds nothing that is not told, or about to
// be. The manager's mutex is held, or the sequencer asks.
func (s *member) told(live *switchgear.Snapshot) bool {
	return live.Transitions == s.number && sameOverride(live.Override, s.override)
}

// compare finds out whether what is in force differs from what the file says:
// here, for each view asks.
func (s *member) compare() {
	s.differs = s.ofFile() && !s.likeFile(s.config)
}

// ofFile reports whether it was the file that said something of the service; of
// others filed is what a program's code said.
func (s *member) ofFile() bool {
	return s.filed != nil && s.source != SourceAgent && s.source != SourceCode
}

// likeFile reports whether the file says what is in force with that config.
func (s *member) likeFile(cfg switchgear.Config) bool {
	def := s.def
	def.Config = cfg
	return sameService(s.filed, &def)
}
