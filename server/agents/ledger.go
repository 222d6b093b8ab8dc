package agents

import "sync"

// ledger knows up to which of an agent's messages all is known, and of transitions
// stored, though they are taken in side by side.
type ledger struct {
	mu   sync.Mutex
	open []entry // by ID: the first is not settled

	// owed are services of which transitions are told and not stored. Nothing is
	// acknowledged until they are, which the agent asks by sending them again.
	owed map[string]bool
}

// entry is a message that has come.
type entry struct {
	id      uint64
	service string // of transitions; else empty
	settled bool
	stored  bool
}

// begin notes a message; IDs rise.
func (l *ledger) begin(id uint64, service string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, entry{id: id, service: service})
}

// settle notes that a message is known; stored is false of transitions that are
// told and not stored. It returns what may be acknowledged now, or 0.
func (l *ledger) settle(id uint64, stored bool) (acknowledge uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.open {
		if l.open[i].id == id {
			l.open[i].settled, l.open[i].stored = true, stored
		}
	}
	n := 0
	for ; n < len(l.open) && l.open[n].settled; n++ {
		e := &l.open[n]
		switch {
		case e.service == "":
		case e.stored:
			delete(l.owed, e.service)
		default:
			if l.owed == nil {
				l.owed = make(map[string]bool)
			}
			l.owed[e.service] = true
		}
		if len(l.owed) == 0 {
			acknowledge = e.id
		}
	}
	l.open = append(l.open[:0], l.open[n:]...)
	return acknowledge
}

// forget has a service owe nothing, which has left.
func (l *ledger) forget(service string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.owed, service)
}
