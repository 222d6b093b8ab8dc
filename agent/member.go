package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

// maxUntold is how many transitions of a breaker wait for the manager; above it
// the oldest go.
const maxUntold = 1024

// member is a service that is at the manager, or would be. The agent's mutex
// guards what changes.
type member struct {
	name    string
	service *switchgear.Service
	about   Member
	code    json.RawMessage // the config that the program made it with
	stop    func()          // ends the observing

	version     int             // of the manager's config in force; 0 where the program's own is
	raw         json.RawMessage // that config
	configError string          // why a newer one was refused
	given       *given          // the manager's override; nil: it gave none
	met         bool            // a manager has had it in its hands
	held        bool            // the fleet rule has it wait with its recovery

	// Of the present connection:
	joined  bool
	asked   bool      // it is told to the manager, which has not answered
	refusal string    // why the manager did not take it
	again   time.Time // when it is told again after a refusal
	sent    uint64    // the number of the last transition that was sent
	seen    seen      // what was reported last

	heard   uint64 // the number of the last transition there was
	queue   []switchgear.Transition
	after   *switchgear.Snapshot // after that one; nil: none was heard of
	dropped uint64
}

// given is an override of the manager's, in its words and as it is in force.
type given struct {
	said wire.Override
	here switchgear.Override
}

// check bounds what is said of a service, so that it fits a message.
func (m *Member) check() error {
	const maxLayer, maxDescription, maxDependencies = 64, 1024, 100
	switch {
	case len(m.Layer) > maxLayer:
		return fmt.Errorf("agent: %s: Layer: %d bytes are more than %d", m.Service.Name(), len(m.Layer), maxLayer)
	case len(m.Description) > maxDescription:
		return fmt.Errorf("agent: %s: Description: %d bytes are more than %d", m.Service.Name(), len(m.Description), maxDescription)
	case len(m.Dependencies) > maxDependencies:
		return fmt.Errorf("agent: %s: Dependencies: %d names are more than %d", m.Service.Name(), len(m.Dependencies), maxDependencies)
	}
	for i, name := range m.Dependencies {
		if !switchgear.ValidName(name) {
			return fmt.Errorf("agent: %s: Dependencies[%d]: %.140q is no name of a service", m.Service.Name(), i, name)
		}
	}
	return nil
}

func newMember(about Member) *member {
	s := about.Service
	code, err := json.Marshal(s.Config())
	if err != nil { // a config that is in force is one that can be written
		code = json.RawMessage("{}")
	}
	return &member{name: s.Name(), service: s, about: about, code: code}
}

// restore puts a config of the disk in force.
func (m *member) restore(k *kept, log *slog.Logger) {
	if err := m.configure(k.Config, k.Version); err != nil {
		log.Warn("a config of the disk cannot be used",
			slog.String("service", m.name), slog.Int("config_version", k.Version), slog.Any("error", err))
		return
	}
	m.version, m.raw = k.Version, k.Config
}

// configure puts a config in force.
func (m *member) configure(raw json.RawMessage, version int) error {
	next, err := m.service.Config().Replace(raw)
	if err != nil {
		return err
	}
	next.Version = version
	return m.service.Configure(next)
}

// heard keeps a transition for the manager. It is the breaker's observer.
func (a *Agent) heard(m *member, t *switchgear.Transition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.members[m.name] != m {
		return
	}
	if m.after != nil && t.Number > m.heard+1 {
		m.dropped += t.Number - m.heard - 1 // the breaker's own doing
	}
	if len(m.queue) >= maxUntold {
		m.queue = append(m.queue[:0], m.queue[1:]...)
		m.dropped++
	}
	m.heard, m.after = t.Number, t.After
	kept := *t
	kept.After = nil // one is enough, and it is large
	m.queue = append(m.queue, kept)
	if m.joined {
		a.stir()
	}
}

// known forgets the transitions that the manager has.
func (m *member) known(number uint64) {
	i := 0
	for i < len(m.queue) && m.queue[i].Number <= number {
		i++
	}
	m.queue = append(m.queue[:0], m.queue[i:]...)
	if len(m.queue) == 0 {
		m.queue = nil
	}
}

// untold are the transitions after a number that have no hole between them, at
// most so many.
func (m *member) untold(after uint64, most int) []switchgear.Transition {
	i := 0
	for i < len(m.queue) && m.queue[i].Number <= after {
		i++
	}
	rest := m.queue[i:]
	n := 0
	for n < min(len(rest), most) && rest[n].Number == rest[0].Number+uint64(n) {
		n++
	}
	return rest[:n]
}
