package alert

import (
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// See is what the manager tells.
func (e *Engine) See(c fleet.Change) { e.see(c) }

// UntilNext is how long the engine sleeps where nothing happens.
func (e *Engine) UntilNext() time.Duration { return e.untilNext() }

// Look is one look at all that has changed; it returns how many alerts are to be
// stored.
func (e *Engine) Look(now time.Time) (n int) {
	for _, b := range e.findOut(now) {
		n += len(b.Alerts)
	}
	return n
}
