package alert

import (
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// See is what the manager tells.
func (e *Engine) See(c fleet.Change) { e.see(c) }

// Look is one look at all that has changed; it returns how many alerts are to be
// stored.
func (e *Engine) Look(now time.Time) (n int) {
	for _, b := range e.findOut(now) {
		n += len(b.Alerts)
	}
	return n
}
