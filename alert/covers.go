package alert

import "github.com/degenduel/switchgear/fleet"

// Covers is how many alerts that fire now all matchers match: those that a
// silence of these keeps from being told, while it is in force. The error names
// each bad matcher.
func (e *Engine) Covers(matchers []fleet.Matcher) (int, error) {
	all, err := compile(matchers)
	if err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, a := range e.firing {
		if s := e.services[a.Service]; s != nil && s.view != nil && matchAll(all, a, s.layer()) {
			n++
		}
	}
	return n, nil
}
